"""The Python source of one task, which both numba backends compile."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from ..language.graph import array_nodes
from ..program.spelling import Spelling, comment, finite_or, identifiers, scalar_names, stored
from ..program.stages import Stage
from .layout import Layout
from .places import place_statements


def spelling(operations: Mapping[str, str], compute: str) -> Spelling:
    """How numba source writes expressions of a type; the operations are the backend's own."""

    def constant(value: bool | int | float) -> str:
        if isinstance(value, bool):
            return str(value)
        # NumPy makes a Python integer a double before it rounds to float32.
        return f"{compute}({finite_or(float(value), 'inf', 'nan') or repr(float(value))})"

    return Spelling(operations, constant)


@dataclass(frozen=True)
class TaskSource:
    """The source of a task, in parts.

    scalars: statements that read row `u` of scalars. header: statements that begin task `task` of `table`. body:
    statements for its element `i`. results: the expressions to reduce.
    """

    scalars: list[str]
    header: list[str]
    body: list[str]
    results: list[str]


def task_source(stage: Stage, layout: Layout, operations: Mapping[str, str], scalar: str) -> TaskSource:
    """The source of a task of one stage.

    operations: a template for each. scalar: a template of how scalar {0} of the task is read.
    """
    compute, storages, dimensions, width = layout.compute, layout.storages, layout.dimensions, layout.width
    language = spelling(operations, compute)
    own = identifiers([*stage.arrays, *(node.value for node in stage.scalars if node.op == "scalar")])
    is_true = operations["not_equal"].format("{0}", language.constant(0.0))
    names, scalars = scalar_names(stage.scalars, own, is_true)
    reading = [
        f"{name} = {scalar.format(k)}  # {comment(node)}"
        for k, (name, node) in enumerate(zip(scalars, stage.scalars, strict=True))
    ]
    header = [f"n = table[task, {width}]", *(f"at_{k} = table[task, {k}]" for k in range(width))]
    places = ["0" if k in layout.held else f"e_{k}" if dimensions is not None else "i" for k in range(width)]
    body = place_statements(width, dimensions, "table[task, {0}]", "//") if dimensions is not None else []
    for k, array in enumerate(stage.arrays):
        if array in stage.reads:
            body.append(f"{own[array]} = load(at_{k}, {places[k]}, {storages[k]!r}, {k})")
    names |= {node: own[node.value] for node in array_nodes(stage.roots, stage.scalars)}
    lines, results = language.statements(stage.roots, names)
    body += lines
    for (array, node), result in zip(stage.stores, results, strict=False):
        k = stage.arrays.index(array)
        body.append(f"store(at_{k}, {places[k]}, {stored(node, result, compute)}, {storages[k]!r}, {k})")
    return TaskSource(reading, header, body, results)


def title(name: str, stage: Stage, layout: Layout) -> str:
    """The first line of a kernel's source."""
    kind = "a reduction" if stage.reductions else "an update"
    return f"# fastopt {name}: {kind} of {', '.join(layout.storages)} arrays"


def ascii_name(name: str) -> str:
    """The name as a symbol of machine code may have it."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)


def named_apart(name: str, text: str) -> tuple[str, str]:
    """A name for the function `kernel` of a text, and the text with it.

    numba makes the symbols of the machine code of the function's name: no two kernels may have the same.
    """
    entry = f"{ascii_name(name)}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    return entry, text.replace("def kernel(", f"def {entry}(", 1)
