"""Where an element lies in arrays that are not dense together, as statements of a kernel in any language."""


def place_statements(width: int, dimensions: int, cell: str, divide: str) -> list[str]:
    """Statements for an element's place e_0, e_1, ... in each array, from its number i, the shape and the strides.

    cell: a template for column {0} of the row; divide: how the language divides integers.
    """
    shape = width + 3
    lines = [f"rest = i + {cell.format(width + 2)}"] + [f"e_{k} = 0" for k in range(width)]
    for axis in reversed(range(dimensions)):
        length = cell.format(shape + axis)
        lines += [f"c = rest % {length}", f"rest = rest {divide} {length}"]
        lines += [f"e_{k} += c * {cell.format(shape + dimensions * (k + 1) + axis)}" for k in range(width)]
    return lines
