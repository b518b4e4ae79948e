"""The task table, and what every backend's launch has in common: sets cut into rows, partial results put together.

A row of the table is a piece of one set of arrays: the address of each array's first element in it, the number of
elements, and the row of scalars. For arrays that are not dense together the addresses are those of the whole arrays,
and the row goes on: first element in C order, shape, strides of each array.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import ITEM_SIZES, View, compute_type, is_flat
from .program import Stage
from .reductions import REDUCTIONS


@dataclass(frozen=True)
class Batch:
    """Sets of arrays that one kernel can work on: of one device and the same stored types.

    dimensions: of arrays that are not dense together, else None. positions: which sets these are.
    """

    device: str
    storages: tuple[str, ...]
    dimensions: int | None
    positions: tuple[int, ...]
    sets: tuple[Sequence[View], ...]

    @property
    def elements(self) -> int:
        return sum(views[0].size for views in self.sets)

    def table(self, piece: int, shared: bool) -> tuple[Any, list[int]]:
        """The rows for pieces of so many elements, and how many of them each set has.

        shared: whether all sets have the same row of scalars.
        """
        parts = [
            tasks(views, 0 if shared else position, piece, self.dimensions)
            for position, views in zip(self.positions, self.sets, strict=True)
        ]
        return np.concatenate(parts) if len(parts) > 1 else parts[0], [len(part) for part in parts]


def batches(sets: Sequence[Sequence[View]]) -> list[Batch]:
    """The sets that have elements, put together as far as one kernel can work on them."""
    groups: dict[Any, list[int]] = {}
    for position, views in enumerate(sets):
        if views[0].size:
            dimensions = None if is_flat(views) else len(views[0].shape)
            key = (views[0].device, tuple(view.storage for view in views), dimensions)
            groups.setdefault(key, []).append(position)
    return [
        Batch(device, storages, dimensions, tuple(chosen), tuple(sets[k] for k in chosen))
        for (device, storages, dimensions), chosen in groups.items()
    ]


def row_length(width: int, dimensions: int | None) -> int:
    """How many columns the table for so many arrays has."""
    return width + 2 + (0 if dimensions is None else 1 + dimensions * (width + 1))


def tasks(views: Sequence[View], scalars: int, piece: int, dimensions: int | None) -> Any:
    """The rows of the task table for one set of arrays, cut in pieces of so many elements."""
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


def index(width: int, dimensions: int, cell: str, divide: str) -> list[str]:
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


def scalar_table(rows: Sequence[Sequence[Any]], storages: Sequence[str]) -> Any:
    """Rows of a stage's scalars in the type that computes, each rounded once."""
    return np.array(rows, np.float64).reshape(len(rows), -1).astype(compute_type(storages))


def add_partials(totals: list[list[float]], stage: Stage, batch: Batch, counts: Sequence[int], partials: Any) -> None:
    """Combine the partial results of each set's rows, in order, into the totals of all sets."""
    first = 0
    for position, count in zip(batch.positions, counts, strict=True):
        part = partials[first : first + count]
        first += count
        for k, node in enumerate(stage.reductions):
            totals[position][k] = functools.reduce(REDUCTIONS[node.op].combined, part[:, k].tolist(), 0.0)
