"""Runs stages over sets of arrays by their task table, and puts partial results together."""

import copy
import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arrays.view import View, is_flat
from ..language.graph import ALL_RULES
from ..language.reductions import REDUCTIONS
from ..program.stages import Stage
from .launcher import Launcher
from .layout import Layout
from .row_tasks import all_rows, row_of
from .table import Batch, whole_arrays

# Elements of a task: a kernel of CUDA C++ counts them, and some beyond, in 32 bits.
_LONGEST = 2**30


class StageRun:
    """One stage on sets of arrays: prepared once, run step after step.

    scalars: for each set, which row of the stage's scalars is its own. flat: whether its arrays can be walked as one
    dense block; None for a set of which only some rows are touched. marks: those of the sets' arrays, where
    elements are computed by their number. count: how many sets there are. every: the batches of the next run.
    """

    def __init__(
        self,
        backend: Launcher,
        name: str,
        stage: Stage,
        sets: Sequence[Sequence[View]],
        scalars: Sequence[int],
        flat: Sequence[bool | None],
        marks: Sequence[int] | None = None,
    ) -> None:
        self.stage = stage
        self._reductions = [REDUCTIONS[node.op] for node in stage.reductions]
        columns = stage.columns("float64")
        # Of each column of partial results its reduction, and whether that is over the model; of each reduction its
        # columns.
        self._of_column = [self._reductions[k] for k, _ in columns]
        self._whole = [stage.reductions[k].value != "array" for k, _ in columns]
        # The columns of reductions over all arrays of the optimizer, by what they are in other rules too.
        self.shared = {
            (node.op, part): c
            for c, (k, part) in enumerate(columns)
            if (node := stage.reductions[k]).value == ALL_RULES
        }
        self._own = [[c for c, (of, _) in enumerate(columns) if of == k] for k in range(len(self._reductions))]
        self._backend, self._name, self.count = backend, name, len(sets)
        piece = functools.partial(backend.piece, stage)
        of_sets = marks or [0] * len(sets)
        groups: dict[tuple[str, Layout], list[int]] = {}
        by_rows = []
        for position, views in enumerate(sets):
            if flat[position] is None or not views or not views[0].size:
                continue
            if not flat[position] and not stage.in_order and _in_dense_rows(views):
                by_rows.append(position)
            else:
                dimensions = None if flat[position] else len(views[0].shape)
                held = tuple(k for k, view in enumerate(views) if view.constant) if dimensions is None else ()
                layout = Layout.of(stage, views, dimensions, held)
                groups.setdefault((views[0].device, layout), []).append(position)
        self.batches = [
            whole_arrays(
                *key,
                piece,
                positions,
                [sets[k] for k in positions],
                [scalars[k] for k in positions],
                [of_sets[k] for k in positions],
            )
            for key, positions in groups.items()
        ]
        self.batches += [all_rows(stage, sets[k], piece(sets[k][0].size), k, scalars[k]) for k in by_rows]
        self.touch(())

    def part(self, places: Any, scalars: Any) -> "StageRun":
        """The stage on some of the sets. places, scalars: as Batch.part has them."""
        part = copy.copy(self)
        part.count = len(scalars)
        part.batches = [own for batch in self.batches if (own := batch.part(places, scalars))]
        part.touch(())
        for batch in self.batches:
            # They are not run, and need not keep arrays alive for it.
            batch.sets.clear()
        return part

    def touch(self, batches: Sequence[Batch]) -> None:
        """Have the next runs go over batches of some rows too."""
        self.every = [*self.batches, *batches]

    def run(self, rows: Sequence[Sequence[Any]], done: list[Any]) -> None:
        """Run the stage.

        rows: its scalars, each a list of numbers. done: grows by one for each batch that has been run.
        """
        perform(*launches(self._backend, self._name, self.stage, self.every, rows), done)

    def launches(self, rows: Sequence[Sequence[Any]]) -> tuple[list[Callable[[], Any]], Any]:
        """As the function `launches` has it. rows: as `run` takes them."""
        return launches(self._backend, self._name, self.stage, self.every, rows)

    def partials(self) -> list[Any]:
        """The partial results of the last run; the next may overwrite them."""
        return [batch.prepared.partials for batch in self.every]

    def reduced(self, partials: Sequence[Any] | None = None) -> list[Any]:
        """The reductions of the stage: for each a value for each set, in order, or a single value over the model.

        partials: those of a run on the same batches; None for those of the last run.
        """
        if self.count == len(self.batches) == 1:
            # A shortcut to the same values: some clients hand over one array at a time.
            rows = (self.batches[0].prepared.partials if partials is None else partials[0]).tolist()
            alone = rows[0] if len(rows) == 1 else self._joined(rows)
            return self._finished(
                [total if whole else np.array([total]) for total, whole in zip(alone, self._whole, strict=False)]
            )
        return self.combined(self.totals(partials))

    def totals(self, partials: Sequence[Any] | None = None) -> list[Any]:
        """For each column of partial results, the total of each set, in order, without the last columns where no array
        has them. partials: as `reduced` takes them."""
        if partials is None:
            partials = self.partials()
        totals = np.zeros((self.count, max((parts.shape[1] for parts in partials), default=len(self._reductions))))
        for batch, parts in zip(self.every, partials, strict=True):
            last, several = batch.runs
            values = parts[last]
            for position, rows in several:
                values[position] = self._joined(parts[rows].tolist())
            totals[batch.positions, : values.shape[1]] = values
        return list(totals.T)

    def combined(self, totals: Sequence[Any]) -> list[Any]:
        """The value of each reduction: for each set, or a single value over the model.

        totals: as `totals` gives them, or in the place of a column a number that is the total of all.
        """
        columns = zip(self._of_column, self._whole, totals, strict=False)
        joined = [
            reduction.joined(values) if whole and not isinstance(values, float) else values
            for reduction, whole, values in columns
        ]
        return self._finished(joined)

    def joined(self, column: int, totals: Any) -> float:
        """The total of a column for all sets, from that of each."""
        return self._of_column[column].joined(totals)

    def _joined(self, rows: Sequence[Sequence[float]]) -> list[float]:
        """Rows of partial results, combined in order."""
        columns = zip(self._of_column, zip(*rows, strict=True), strict=False)
        return [reduction.joined(values) for reduction, values in columns]

    def _finished(self, totals: Sequence[Any]) -> list[Any]:
        """The value of each reduction from the total of each of its columns."""
        width = len(totals)
        return [
            reduction.finished([totals[column] for column in own if column < width])
            for reduction, own in zip(self._reductions, self._own, strict=True)
        ]


def _in_dense_rows(views: Sequence[View]) -> bool:
    """Whether rows can be walked as dense blocks, of lengths that a task may have, where the whole arrays cannot only
    because one of them is broadcast."""
    if views[0].size > _LONGEST * views[0].shape[0]:
        return False
    broadcast = any(stride == 0 and n > 1 for view in views for stride, n in zip(view.strides, view.shape, strict=True))
    return broadcast and is_flat([row_of(view) for view in views])


def run(
    backend: Launcher, name: str, stage: Stage, batches: Sequence[Batch], rows: Sequence[Sequence[Any]], done: list[Any]
) -> None:
    """Run a stage over batches, as `StageRun.run` says."""
    perform(*launches(backend, name, stage, batches, rows), done)


def launches(
    backend: Launcher, name: str, stage: Stage, batches: Sequence[Batch], rows: Sequence[Sequence[Any]]
) -> tuple[list[Callable[[], Any]], Any]:
    """For each batch the function that runs the stage over it, and the lock to hold meanwhile, or None."""
    # All batches before the first write: if this fails, nothing has been changed.
    for batch in batches:
        backend.prepare(name, stage, batch)
    return [backend.launch(name, stage, batch, rows) for batch in batches], backend.lock(batches)


def perform(ready: Sequence[Callable[[], Any]], lock: Any, done: list[Any]) -> None:
    """Call what `launches` gave; `done` grows by one for each."""
    # One call without bytecode in between, so that on a CPU no signal's handler runs until all is done and noted.
    if lock is None:
        done.extend(map(operator.call, ready))
    else:
        with lock:
            done.extend(map(operator.call, ready))
