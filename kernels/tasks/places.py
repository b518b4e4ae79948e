"""Where an element lies in arrays that are not dense together, as statements of a kernel in any language."""


def place_statements(width: int, dimensions: int, cell: str, divide: str, pairs: bool) -> list[str]:
    """Statements for an element's place e_0, e_1, ... in each array, from its number i, the shape and the strides.

    cell: a template for column {0} of the row; divide: how the language divides integers. pairs: whether the element is
    the first of two along the last axis.
    """
    shape = width + 3
    rest = f"i + {cell.format(width + 2)}"
    lines = [f"rest = ({rest}) {divide} 2" if pairs else f"rest = {rest}"] + [f"e_{k} = 0" for k in range(width)]
    for axis in reversed(range(dimensions - pairs)):
        length = cell.format(shape + axis)
        lines += [f"c = rest % {length}", f"rest = rest {divide} {length}"]
        lines += [f"e_{k} += c * {cell.format(_stride(k, axis, width, dimensions))}" for k in range(width)]
    return lines


def neighbour(k: int, width: int, dimensions: int, cell: str) -> str:
    """The place in array k of the element that follows along the last axis."""
    return f"e_{k} + {cell.format(_stride(k, dimensions - 1, width, dimensions))}"


def _stride(k: int, axis: int, width: int, dimensions: int) -> int:
    """The column of a row that has the stride of array k along an axis."""
    return width + 3 + dimensions * (k + 1) + axis
