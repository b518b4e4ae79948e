"""The task table: sets of arrays, whole or some of their rows, cut into rows of one table of integers.

A row of the table is a piece of one set of arrays: the address of each array's first element in it, the number of
elements, and the row of scalars. For arrays that are not dense together the addresses are those of the whole arrays,
and the row goes on: first element in C order, shape, strides of each array.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays.view import BYTES, View
from .layout import Layout


class Prepared:
    """The data that a backend keeps of a batch from run to run; each backend adds its own.

    partials: the partial results of the last run of a stage of reductions, (rows of the table, `Stage.columns`), in
    NumPy.
    """

    partials: Any = None


@dataclass(eq=False)
class Batch:
    """Sets of arrays that one launch can work on: of one device and one layout.

    positions: which sets these are. scalars: the row of scalars of each set. sets: the arrays, until the table is
    enough. table: their rows. counts: how many rows each set has. owners: which set each row is of.
    offsets: for each array how many bytes from its address each row begins, or one number for all. Owners and
    offsets are for arrays that may move.
    prepared: what its backend keeps for the next run. moves: how often arrays have moved, and so the table has changed.
    """

    device: str
    layout: Layout
    positions: Any
    scalars: tuple[int, ...]
    sets: list[Sequence[View]]
    elements: int
    table: Any
    counts: Any
    owners: Any = None
    offsets: Sequence[Any] = ()
    prepared: Prepared = field(default_factory=Prepared)
    moves: int = 0

    @cached_property
    def runs(self) -> tuple[Any, list[tuple[int, slice]]]:
        """Each set's last row; and of the sets with several rows, their number and those rows."""
        counts = np.asarray(self.counts)
        ends = np.cumsum(counts)
        several = np.flatnonzero(counts > 1).tolist()
        return ends - 1, [(k, slice(ends[k] - counts[k], ends[k])) for k in several]

    @cached_property
    def _columns(self) -> list[Any]:
        """The columns of the table, kept: to make one anew takes as long as to fill it."""
        return list(self.table.T)

    def refill(self, table: Any, elements: int, scalars: tuple[int, ...]) -> None:
        """Take other rows of the one set that the batch is of."""
        self.table, self.elements, self.scalars = table, elements, scalars
        self.counts = (len(table),)
        for known in ("runs", "longest", "_columns"):
            self.__dict__.pop(known, None)
        self.moves += 1

    def regroup(self, scalars: Any) -> None:
        """Name other rows of scalars. scalars: for each set of a plan the row that is its own."""
        self.table[:, self.layout.width + 1] = scalars[self.owners]
        self.scalars = tuple(scalars[self.positions].tolist())
        self.moves += 1

    def part(self, places: Any, scalars: Any) -> "Batch | None":
        """The batch of some of the sets; None if none of these is in this batch.

        places: for each set of a plan its number among those sets, -1 for the others. scalars: for each of those sets
        the row that is its own.
        """
        rows = np.flatnonzero(places[self.owners] >= 0)
        if not len(rows):
            return None
        positions = places[self.positions]
        owners, table, there = self.owners[rows], self.table[rows], positions >= 0
        table[:, self.layout.width + 1] = scalars[places[owners]]
        return replace(
            self,
            positions=positions[there],
            scalars=tuple(scalars[positions[there]].tolist()),
            sets=[],
            elements=int(table[:, self.layout.width].sum()),
            table=table,
            counts=np.asarray(self.counts)[there],
            owners=owners,
            offsets=[offset[rows] for offset in self.offsets],
            prepared=Prepared(),
            moves=0,
        )

    def turns(self) -> Iterator[Any]:
        """The table; of a repeated batch, for each row of scalars in turn those rows of the table that it is for."""
        if not self.layout.repeated:
            yield self.table
            return
        column = self.layout.width + 1
        first, table = self.table[:, column], self.table[:, :-1].copy()
        for number in range(first.min(), self.table[0, -1]):
            table[:, column] = number
            yield table[: np.searchsorted(first, number, side="right")]

    @cached_property
    def longest(self) -> int:
        """How many elements the longest row of the table has."""
        return int(self.table[:, self.layout.width].max())

    def move(self, column: int, addresses: Any) -> None:
        """Take new addresses for one array of every set. addresses: those of all sets, of other batches too."""
        self.place(column, addresses)
        self.sets.clear()
        self.moves += 1

    def place(self, column: int, addresses: Any) -> None:
        np.add(addresses[self.owners], self.offsets[column], self._columns[column])


def whole_arrays(
    device: str,
    layout: Layout,
    piece: Callable[[int], int],
    positions: list[int],
    sets: list[Sequence[View]],
    scalars: list[int],
    marks: Sequence[int],
) -> Batch:
    """A batch of whole arrays.

    piece: how long a task is, for so many elements in all. marks: those of the arrays. The others: as a batch has them.
    """
    sizes = np.array([views[0].size for views in sets])
    piece_length = piece(int(sizes.sum()))
    counts = -(-sizes // piece_length)
    # The number of each row within its set, times the length of a piece.
    starts = (np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)) * piece_length
    width = layout.width
    table = np.zeros((len(starts), layout.columns), np.int64)
    table[:, width] = np.minimum(piece_length, np.repeat(sizes, counts) - starts)
    table[:, width + 1] = np.repeat(scalars, counts)
    if layout.dimensions is not None:
        table[:, width + 2] = starts
        shapes = [[*views[0].shape, *(stride for view in views for stride in view.strides)] for views in sets]
        table[:, width + 3 : width + 3 + len(shapes[0])] = np.repeat(shapes, counts, axis=0)
    if layout.numbered:
        table[:, width + 2], table[:, -1] = starts, np.repeat(marks, counts)
    owners = np.repeat(positions, counts)
    total = int(sizes.sum())
    dense = [layout.dimensions is None and k not in layout.held for k in range(width)]
    offsets = [starts * BYTES[storage] * moves for storage, moves in zip(layout.storages, dense, strict=True)]
    batch = Batch(device, layout, np.array(positions), tuple(scalars), sets, total, table, counts, owners, offsets)
    addresses = np.zeros(max(positions) + 1, np.int64)
    for column in range(width):
        addresses[positions] = [views[column].address for views in sets]
        batch.place(column, addresses)
    return batch


def scalar_table(rows: Sequence[Sequence[Any]], layout: Layout) -> Any:
    """Rows of a stage's scalars in the type that computes, each rounded once."""
    with np.errstate(all="ignore"):
        return np.array(rows, np.float64).reshape(len(rows), -1).astype(layout.compute)
