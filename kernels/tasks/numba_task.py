"""The Python source of one task, which both numba backends compile."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from ..language.graph import array_nodes
from ..language.operations import OPERATIONS
from ..language.reductions import REDUCTIONS
from ..language.storages import SCALES, SHIFT
from ..program.spelling import Spelling, comment, finite_or, identifiers, indented, scalar_names, stored
from ..program.stages import Stage
from .layout import Layout
from .places import neighbour, place_statements


def spelling(operations: Mapping[str, str], compute: str) -> Spelling:
    """How numba source writes expressions of a type; the operations are the backend's own."""

    def constant(value: bool | int | float) -> str:
        if isinstance(value, bool):
            return str(value)
        # NumPy makes a Python integer a double before it rounds to float32.
        return f"{compute}({finite_or(float(value), 'inf', 'nan') or repr(float(value))})"

    return Spelling(operations, constant)


@dataclass(frozen=True)
class Blocks:
    """The source of a task whose elements come in blocks, each from number `start` on, since codes are written.

    coded: the columns of the codes, k. begin: statements before the elements. The largest magnitude of those that the
    body has seen is then `top_k`. end: after them, with the top of the whole block. scales: those that write the scales
    of the block, once. codes: those that write the codes of element `i`.
    """

    coded: list[int]
    begin: list[str]
    end: list[str]
    scales: list[str]
    codes: list[str]


@dataclass(frozen=True)
class TaskSource:
    """The source of a task, in parts.

    scalars: statements that read row `u` of scalars. header: statements that begin task `task` of `table`. body:
    statements for its element `i`, or for that and the next. results: the expressions to reduce. blocks: what is around
    the elements of a block; None where they are by themselves.
    """

    scalars: list[str]
    header: list[str]
    body: list[str]
    results: list[str]
    blocks: Blocks | None


@dataclass(frozen=True)
class Kept:
    """How a kernel keeps new numbers until it knows the scale of their block: templates, where {0} is the column.

    keep: the statement that puts number {1} there; room {2} is no other array's. again: the expression that reads it.
    """

    keep: str
    again: str


def task_source(stage: Stage, layout: Layout, operations: Mapping[str, str], scalar: str, kept: Kept) -> TaskSource:
    """The source of a task of one stage.

    operations: a template for each. scalar: a template of how scalar {0} of the task is read.
    """
    compute, storages, dimensions, width = layout.compute, layout.storages, layout.dimensions, layout.width
    stage, cell = stage.kept_in(layout.storages).spelled(layout.pairs), "table[task, {0}]"
    language = spelling(operations, compute)
    own = identifiers([*stage.arrays, *(node.value for node in stage.scalars if node.op == "scalar")])
    is_true = operations["not_equal"].format("{0}", language.constant(0.0))
    names, scalars = scalar_names(stage.scalars, own, is_true)
    reading = [
        f"{name} = {scalar.format(k)}  # {comment(node)}"
        for k, (name, node) in enumerate(zip(scalars, stage.scalars, strict=True))
    ]
    header = [f"n = table[task, {width}]", *(f"at_{k} = table[task, {k}]" for k in range(width))]
    body = place_statements(width, dimensions, cell, "//", layout.pairs) if dimensions is not None else []
    if layout.numbered:
        header += [f"begin = table[task, {width + 2}]", f"mark = table[task, {layout.columns - 1}]"]
    memory = {}
    number = "{0}" if dimensions is None else "begin + {0}"
    if dimensions is not None and stage.in_blocks:
        header.append(f"begin = table[task, {width + 2}]")
    for k, part, array in layout.among(stage.arrays):
        place = f"e_{k}" if dimensions is not None else "i"
        if part:
            place = neighbour(k, width, dimensions, cell) if dimensions is not None else "i + 1"
        memory[array] = k, "0" if k in layout.held else place
    for array, (k, place) in memory.items():
        if array in stage.reads:
            if storages[k] == SCALES:
                # The scale of the block, which with codes that are written was read before its elements.
                loaded = (
                    f"scale_{k}" if stage.blocks else f"load(at_{k}, ({number.format('i')}) >> {SHIFT}, 'float32', {k})"
                )
            else:
                loaded = f"load(at_{k}, {place}, {storages[k]!r}, {k})"
            body.append(f"{own[array]} = {f'as_{compute}({loaded})' if layout.casts(k) else loaded}")
    names |= {node: own[node.value] for node in array_nodes(stage.roots, stage.scalars)}
    lines, results = language.statements(stage.on_elements.roots, names)
    body += lines
    for (array, node), result in zip(stage.on_elements.stores, results, strict=False):
        k, place = memory[array]
        if array in stage.blocks:
            body += [f"top_{k} = larger(top_{k}, {result})", kept.keep.format(k, result, width + k)]
        else:
            storage = (OPERATIONS[node.op].written_as if node.op in OPERATIONS else "") or storages[k]
            body.append(f"store(at_{k}, {place}, {stored(node, result, compute)}, {storage!r}, {k})")
    blocks = _of_blocks(stage, layout, memory, number, kept) if stage.blocks else None
    return TaskSource(reading, header, body, results, blocks)


def _of_blocks(stage: Stage, layout: Layout, memory: Mapping[str, tuple[int, str]], number: str, kept: Kept) -> Blocks:
    """What is around the elements of a block: its scales are read, and then made anew with its codes.

    memory: for each array its column, and the place of element `i`. number: a template for the number of element {0} in
    the order of memory.
    """
    coded, end, made, codes = [], [], [], []
    begin = [f"block = ({number.format('start')}) >> {SHIFT}"]
    for array, (k, _) in memory.items():
        if layout.storages[k] == SCALES and array in stage.reads:
            begin.append(f"scale_{k} = load(at_{k}, block, 'float32', {k})")
    for array, scales in stage.blocks.items():
        (k, _), (of, _) = memory[array], memory[scales]
        kind, value = repr(layout.storages[k]), kept.again.format(k, None, layout.width + k)
        coded.append(k)
        begin.append(f"top_{k} = nothing()")
        end += [f"root_{k} = root_of(top_{k})", f"inverse_{k} = inverse_of(root_{k}, {kind})"]
        made.append(f"store(at_{of}, block, scale_from(root_{k}, {kind}), 'float32', {of})")
        codes.append(f"store(at_{k}, {number.format('i')}, code_of({value}, inverse_{k}, {kind}), {kind}, {k})")
    return Blocks(coded, begin, end, made, codes)


class Rescaling:
    """Statements around the loop of a stage's reductions: a task whose result leaves the range of a reduction is run
    once more, with scaled elements. The part that reduction k is in, and its scale, are variables of the kernel.
    """

    def __init__(self, stage: Stage, layout: Layout, operations: Mapping[str, str]) -> None:
        self._reductions = [REDUCTIONS[node.op] for node in stage.reductions]
        self._compute, self._operations = layout.compute, operations
        self._columns = stage.columns(layout.compute)

    def value(self, k: int, value: str) -> str:
        """The element of reduction k, a float64, scaled."""
        scaled = self._reductions[k].scaled(self._compute)
        return self._operations["multiply"].format(value, f"scale{k}") if scaled else value

    def stores(self, k: int, result: str) -> list[str]:
        """Statements that store the result of reduction k in the column of its part."""
        own = [(column, part) for column, (reduction, part) in enumerate(self._columns) if reduction == k]
        chosen = [result] if len(own) == 1 else [f"{result} if part{k} == {part} else float64(0.0)" for _, part in own]
        return [f"partials[task, {column}] = {value}" for (column, _), value in zip(own, chosen, strict=True)]

    def look(self, k: int, result: str) -> list[str]:
        """Statements that ask for another round if the result of reduction k is out of its range."""
        scales = self._reductions[k].scaled(self._compute)
        if not scales:
            return []
        above = self._operations["greater"].format(result, f"float64({scales.high!r})")
        below = self._operations["less"].format(result, f"float64({scales.low!r})")
        return [
            f"if part{k} == 0 and {above}:",
            f"    part{k}, scale{k}, again = 1, float64({scales.above!r}), True",
            f"elif part{k} == 0 and {below}:",
            f"    part{k}, scale{k}, again = 2, float64({scales.below!r}), True",
        ]

    def rounds(self, lines: list[str]) -> list[str]:
        """The statements of a round, in a loop if there may be several."""
        scaled = [k for k, reduction in enumerate(self._reductions) if reduction.scaled(self._compute)]
        if not scaled:
            return lines
        first = [f"part{k}, scale{k} = 0, float64(1.0)" for k in scaled]
        return [*first, "again = True", "while again:", *indented(["again = False", *lines])]


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
