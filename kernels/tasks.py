"""The task table: sets of arrays cut into rows, run stage by stage, partial results put together.

A row of the table is a piece of one set of arrays: the address of each array's first element in it, the number of
elements, and the row of scalars. For arrays that are not dense together the addresses are those of the whole arrays,
and the row goes on: first element in C order, shape, strides of each array.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from .arrays import ITEM_SIZES, View, compute_type
from .program import Stage
from .reductions import REDUCTIONS


@dataclass(frozen=True, eq=False)
class Batch:
    """Sets of arrays that one launch can work on: of one device, the same stored types, the same number of dimensions.

    dimensions: of arrays that are not dense together, else None. positions: which sets these are. scalars: the row of
    scalars of each set. table: their rows. counts: how many rows each set has. owners: which set each row is of.
    starts: the first element of each row.
    kept: what a backend keeps for the next run.
    """

    device: str
    storages: tuple[str, ...]
    dimensions: int | None
    positions: Any
    scalars: tuple[int, ...]
    sets: list[Sequence[View]]
    elements: int
    table: Any
    counts: Any
    owners: Any
    starts: Any
    kept: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def runs(self) -> tuple[Any, list[tuple[int, slice]]]:
        """Each set's last row; and of the sets with several rows, their number and those rows."""
        ends = np.cumsum(self.counts)
        several = np.flatnonzero(self.counts > 1).tolist()
        return ends - 1, [(k, slice(ends[k] - self.counts[k], ends[k])) for k in several]

    def move(self, column: int, addresses: Any) -> None:
        """Take new addresses for one array of every set, of those that are in the batch and of others."""
        bytes_in = self.starts * ITEM_SIZES[self.storages[column]] if self.dimensions is None else 0
        self.table[:, column] = addresses[self.owners] + bytes_in


class Backend(Protocol):
    """What every backend module has."""

    def piece(self, stage: Stage, elements: int) -> int:
        """How many elements a task has, of so many in all."""

    def prepare(self, name: str, stage: Stage, batch: Batch) -> None:
        """Compile and allocate whatever `run` needs, so that it cannot fail for want of it. Called before every run."""

    def launch(self, name: str, stage: Stage, batch: Batch, rows: Sequence[Sequence[Any]]) -> Callable[[], Any]:
        """What runs one stage over a batch, when called. A stage of reductions then has its partial results, (rows of
        the table, reductions), in batch.kept["partials"].

        rows: the stage's scalars, in the rows that the table names.
        """

    def guard(self, batches: Sequence[Batch]) -> Any:
        """The lock to hold while these run, or None."""


class Pass:
    """One stage on sets of arrays: prepared once, run step after step.

    scalars: for each set, which row of the stage's scalars is its own. flat: whether its arrays can be walked as one
    dense block.
    """

    def __init__(
        self,
        backend: Backend,
        name: str,
        stage: Stage,
        sets: Sequence[Sequence[View]],
        scalars: Sequence[int],
        flat: Sequence[bool],
    ) -> None:
        self.stage = stage
        self._backend, self._name, self._sets = backend, name, len(sets)
        groups: dict[Any, list[int]] = {}
        for position, views in enumerate(sets):
            if views[0].size:
                dimensions = None if flat[position] else len(views[0].shape)
                key = (views[0].device, tuple(view.storage for view in views), dimensions)
                groups.setdefault(key, []).append(position)
        self.batches = [
            _batch(backend, stage, key, positions, [sets[k] for k in positions], [scalars[k] for k in positions])
            for key, positions in groups.items()
        ]

    def run(self, rows: Sequence[Sequence[Any]], done: list[Any]) -> None:
        """Run the stage.

        rows: its scalars, each a list of numbers. done: grows by one for each batch that has been run.
        """
        # All before the first write: what fails then has changed nothing.
        backend, name, stage = self._backend, self._name, self.stage
        for batch in self.batches:
            backend.prepare(name, stage, batch)
        launches = [backend.launch(name, stage, batch, rows) for batch in self.batches]
        # One call without bytecode in between, so that on a CPU no signal's handler runs until all is done and noted.
        if (guard := backend.guard(self.batches)) is None:
            done.extend(map(operator.call, launches))
        else:
            with guard:
                done.extend(map(operator.call, launches))

    def totals(self) -> list[Any]:
        """For each reduction of the stage that was run the total: of each set, in order, or one of all."""
        reductions = [(REDUCTIONS[node.op], node.value == "model") for node in self.stage.reductions]
        if self._sets == len(self.batches) == 1:
            # The same in a fraction of the time: some clients hand over one array at a time.
            columns = zip(*self.batches[0].kept["partials"].tolist(), strict=True)
            alone = [one.joined(column) for (one, _), column in zip(reductions, columns, strict=True)]
            return [value if whole else np.array([value]) for (_, whole), value in zip(reductions, alone, strict=True)]
        totals = np.zeros((len(self.stage.reductions), self._sets))
        for batch in self.batches:
            last, several = batch.runs
            found = batch.kept["partials"]
            for k, (one, _) in enumerate(reductions):
                values = found[last, k]
                for position, rows in several:
                    values[position] = one.joined(found[rows, k].tolist())
                totals[k, batch.positions] = values
        pairs = zip(reductions, totals, strict=True)
        return [one.joined(values.tolist()) if whole else values for (one, whole), values in pairs]


def _batch(
    backend: Backend, stage: Stage, key: Any, positions: list[int], sets: list[Sequence[View]], scalars: list[int]
) -> Batch:
    device, storages, dimensions = key
    sizes = np.array([views[0].size for views in sets])
    piece = backend.piece(stage, int(sizes.sum()))
    counts = -(-sizes // piece)
    # The number of each row within its set, times the length of a piece.
    starts = (np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)) * piece
    width = len(storages)
    table = np.zeros((len(starts), row_length(width, dimensions)), np.int64)
    table[:, width] = np.minimum(piece, np.repeat(sizes, counts) - starts)
    table[:, width + 1] = np.repeat(scalars, counts)
    if dimensions is not None:
        table[:, width + 2] = starts
        shapes = [[*views[0].shape, *(stride for view in views for stride in view.strides)] for views in sets]
        table[:, width + 3 :] = np.repeat(shapes, counts, axis=0)
    owners = np.repeat(positions, counts)
    total = int(sizes.sum())
    batch = Batch(
        device, storages, dimensions, np.array(positions), tuple(scalars), sets, total, table, counts, owners, starts
    )
    addresses = np.zeros(max(positions) + 1, np.int64)
    for column in range(width):
        addresses[positions] = [views[column].address for views in sets]
        batch.move(column, addresses)
    return batch


def row_length(width: int, dimensions: int | None) -> int:
    """How many columns the table for so many arrays has."""
    return width + 2 + (0 if dimensions is None else 1 + dimensions * (width + 1))


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
    with np.errstate(all="ignore"):
        return np.array(rows, np.float64).reshape(len(rows), -1).astype(compute_type(storages))
