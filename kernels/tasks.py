"""The task table, and the Python source of one task: what both numba backends are made of.

A row of the table is a piece of one set of arrays: the address of each array's first element in it, the number of
elements, and the row of scalars. For arrays that are not dense together the addresses are those of the whole arrays,
and the row goes on: first element in C order, shape, strides of each array.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import ITEM_SIZES, View, compute_type, is_flat
from .emit import Spelling, finite_or, identifiers, plain, walk
from .program import Stage
from .reductions import REDUCTIONS
from .trace import Node

_FLUSHED_BY_ARITHMETIC = ("add", "subtract", "multiply", "divide", "sqrt", "sign")


@dataclass(frozen=True)
class Batch:
    """The pieces of the sets of arrays that one kernel can take at once.

    positions: which of the sets. pieces: how many rows of the table belong to each of them.
    """

    storages: tuple[str, ...]
    dimensions: int | None
    positions: Sequence[int]
    pieces: Sequence[int]
    elements: int
    table: Any

    def fold(self, stage: Stage, partials: Any, totals: list[list[float]]) -> None:
        """Combine the partial results of each set's pieces, in order."""
        first = 0
        for position, count in zip(self.positions, self.pieces, strict=True):
            part = partials[first : first + count]
            first += count
            for k, node in enumerate(stage.reductions):
                totals[position][k] = functools.reduce(REDUCTIONS[node.op].combined, part[:, k].tolist(), 0.0)


def batches(sets: Sequence[Sequence[View]], rows: int, piece: Callable[[int], int]) -> Iterator[Batch]:
    """The task tables of sets of arrays, sorted by device, storage and layout; no empty ones.

    rows: of scalars, one for all sets or one for each. piece: how many elements a task has, given their number.
    """
    groups: dict[Any, list[int]] = {}
    for position, views in enumerate(sets):
        dimensions = None if is_flat(views) else len(views[0].shape)
        key = (views[0].device, tuple(view.storage for view in views), dimensions)
        groups.setdefault(key, []).append(position)
    for (_, storages, dimensions), positions in groups.items():
        elements = sum(sets[position][0].size for position in positions)
        if elements == 0:
            continue
        size = piece(elements)
        tables = [_tasks(sets[position], position if rows > 1 else 0, size, dimensions) for position in positions]
        table = np.concatenate(tables) if len(tables) > 1 else tables[0]
        yield Batch(storages, dimensions, positions, [len(one) for one in tables], elements, table)


def row_length(width: int, dimensions: int | None) -> int:
    """The number of words in a row of the table of so many arrays."""
    return width + 2 + (0 if dimensions is None else 1 + dimensions * (width + 1))


def _tasks(views: Sequence[View], scalars: int, piece: int, dimensions: int | None) -> Any:
    width, size = len(views), views[0].size
    starts = np.arange(0, size, piece, dtype=np.int64)
    table = np.empty((len(starts), row_length(width, dimensions)), np.int64)
    for k, view in enumerate(views):
        table[:, k] = view.address
        if dimensions is None:
            table[:, k] += starts * ITEM_SIZES[view.storage]
    table[:, width] = np.minimum(piece, size - starts)
    table[:, width + 1] = scalars
    if dimensions is not None:
        table[:, width + 2] = starts
        table[:, width + 3 :] = [*views[0].shape, *(stride for view in views for stride in view.strides)]
    return table


def scalar_values(rows: Sequence[Sequence[Any]], storages: Sequence[str]) -> Any:
    """The rows of scalars, computed in float64, as the kernel takes them: in the compute type."""
    with np.errstate(over="ignore"):
        return np.array(rows, np.float64).reshape(len(rows), -1).astype(compute_type(storages))


def spelling(operations: Any, compute: str) -> Spelling:
    """How numba source writes expressions of a type; every backend has operations of its own."""

    def constant(value: bool | int | float) -> str:
        return str(value) if isinstance(value, bool) else f"{compute}({finite_or(value, 'inf', 'nan') or repr(value)})"

    return Spelling(operations, constant)


@dataclass(frozen=True)
class TaskSource:
    """Statements that a task begins with, those of its element `i`, and the expressions to reduce."""

    header: list[str]
    body: list[str]
    results: list[str]


def task_source(
    stage: Stage, storages: Sequence[str], dimensions: int | None, language: Spelling, scalar: str
) -> TaskSource:
    """The source of a task of one stage: of row `task` of `table`.

    storages: the stored type of each of the stage's arrays. dimensions: of arrays that are not dense together, else
    None. scalar: a template of how scalar {0} is read.
    """
    compute, width = compute_type(storages), len(stage.arrays)
    own = identifiers([*stage.arrays, *(node.value for node in stage.scalars if not node.args)])
    header = [f"n = table[task, {width}]"]
    names: dict[Node, str] = {}
    for k, node in enumerate(stage.scalars):
        name = f"s{k}" if node.args or node.op in REDUCTIONS else own[node.value]
        truth = language.operations["not_equal"].format(name, language.constant(0.0))
        names[node] = truth if node.boolean else name
        header.append(f"{name} = {scalar.format(k)}  # {_comment(node)}")
    header += [f"at_{k} = table[task, {k}]" for k in range(width)]
    index = [f"e_{k}" if dimensions is not None else "i" for k in range(width)]
    body = _index(width, dimensions) if dimensions is not None else []
    for k, array in enumerate(stage.arrays):
        if array in stage.reads:
            body.append(f"{own[array]} = load(at_{k}, {index[k]}, {storages[k]!r}, {k})")
    names |= {node: own[node.value] for node in walk(stage.roots, stage.scalars) if node.op == "array"}
    lines, results = language.statements(stage.roots, names)
    body += lines
    for (array, node), result in zip(stage.stores, results, strict=False):
        k = stage.arrays.index(array)
        body.append(f"store(at_{k}, {index[k]}, {_stored(node, result, compute)}, {storages[k]!r}, {k})")
    return TaskSource(header, body, results)


def _stored(node: Node, expression: str, compute: str) -> str:
    """The expression as it is stored: a float32 denormal that no arithmetic has flushed becomes zero."""
    if compute == "float32" and node.op not in _FLUSHED_BY_ARITHMETIC:
        return f"flush({expression})"
    return expression


def _comment(node: Node) -> str:
    return plain(node).encode("ascii", "backslashreplace").decode()


def _index(width: int, dimensions: int) -> list[str]:
    """The element's place in each array, from its number in C order, the shape and the strides."""
    shape = width + 3
    lines = [f"rest = i + table[task, {width + 2}]"] + [f"e_{k} = 0" for k in range(width)]
    for axis in reversed(range(dimensions)):
        lines += [f"c = rest % table[task, {shape + axis}]", f"rest = rest // table[task, {shape + axis}]"]
        lines += [f"e_{k} += c * table[task, {shape + dimensions * (k + 1) + axis}]" for k in range(width)]
    return lines


def indented(lines: Sequence[str], depth: int = 1) -> list[str]:
    """The lines, moved right."""
    return ["    " * depth + line for line in lines]


def ascii_name(name: str) -> str:
    """The name as the symbols of machine code may have it."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)
