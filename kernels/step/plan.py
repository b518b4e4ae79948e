"""Runs a program on sets of arrays, step after step without looking at each array anew."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays.extents import Extents
from ..arrays.overlaps import check_overlaps
from ..arrays.row_sparse import RowSparse, values_of
from ..arrays.view import View, in_order_of, is_flat
from ..backends import backend
from ..language.storages import ABSENT
from ..libraries.library import view_of, views_of
from ..program.stages import Program, Stage
from ..tasks.stage_run import StageRun
from ..tasks.table import Batch
from .executors import Attended, Executor, Unattended
from .touched import RowSet, Touched

if TYPE_CHECKING:
    from ..cuda.gpu_program import GpuProgram
    from ..cuda.unattended import UnattendedSteps
    from ..headers.numpy_headers import Among, Headers
    from ..headers.tensor_headers import TensorHeaders

# What a look at headers answers; 0 if all is the same.
MOVED, CHANGED, OTHERS = 1, 2, 3
# How many sets of gradients that are there keep their task tables.
_MOST = 16


def stepped(executor: Executor, numbers: Sequence[Mapping[str, Any]]) -> list[list[float]] | None:
    """Take a step that nothing else has to note. Returns what `decide` returns."""
    states = executor.decide(numbers)
    if states is not None:
        executor.write([])
    return states


@dataclass
class _Part:
    """The sets of a plan that have a gradient, and what takes steps on them.

    sets: their numbers. own: for each which row of scalars is its own. gradients: the batches with the gradient, and
    its column. on_gpu: puts the program on a GPU, from the number of rows of numbers.
    """

    sets: Sequence[int]
    own: Sequence[int]
    runs: Sequence[StageRun]
    gradients: Sequence[tuple[Batch, int]]
    attended: Attended
    executor: Executor
    on_gpu: Callable[[int], "GpuProgram"]


class Plan:
    """A program on parameters and state that mostly stay where they are, with gradients that mostly move.

    A step is `take`, and then `decide` and `write` of the executor that `take` returns. Taken arrays are compared with
    those before: new addresses of gradients are entered into the task tables; where other gradients are None, the rows
    of the others are taken out of the tables; if anything else is new, all arrays are checked and prepared for.

    slots: for each parameter its state arrays, which must stay where they are. groups: for each parameter, which row
    of numbers is its own. label: how messages name an array. sparse: which parameters have row-sparse gradients; then
    no gradient is None. casts: as views_of has it. beside: gives what else is written in the same step. attended:
    whether the host decides in any case. marks: as StageRun has them. among: where the parameters are in the lists that
    `take` and `retake` are given, and how long these are; None if the lists have these parameters alone. dense: the
    parameters whose gradients are not row-sparse. sets, rows: the parameters that have a gradient in this step, and the
    rows of numbers that these use. touched: the rows that the taken row-sparse gradients touch.
    """

    def __init__(
        self,
        program: Program,
        slots: Sequence[Sequence[Any]],
        groups: Sequence[int],
        label: Callable[[int, str], str],
        sparse: Sequence[int] = (),
        casts: bool | None = None,
        beside: Callable[[], Sequence[View]] = tuple,
        attended: bool = False,
        marks: Sequence[int] | None = None,
        among: "Among | None" = None,
    ) -> None:
        if not slots:
            raise ValueError(f"{program.name}: there are no arrays to update")
        self.program = program
        self._slots, self._label = [tuple(arrays) for arrays in slots], label
        # Those that hold, and those in the tables of all sets.
        self._groups = self._entered = groups
        self.sets: Sequence[int] = range(len(slots))
        self.rows = tuple(dict.fromkeys(groups))
        self._sparse, self._casts = tuple(sparse), casts
        self._beside, self._is_attended, self._marks, self._among = beside, attended, marks, among
        self._zeroes = program.arrays[1] in program.stages[-1].writes
        self.dense = frozenset(range(len(slots))).difference(sparse)
        self._headers: Headers | TensorHeaders | None = None
        # The latest headers, and for each parameter how it lay then, and its gradient.
        self._earlier: tuple[Headers | TensorHeaders | None, list[tuple[View, View]]] = None, []
        self._which = self._device = ""
        self._runs: list[StageRun] = []
        self._parts: dict[bytes, _Part] = {}
        self._part: _Part | None = None
        self._unattended: Unattended | None = None
        self._written: list[View] = []
        self.touched: list[Touched] = []

    def take(self, parameters: list[Any], gradients: list[Any], groups: Sequence[int] | None = None) -> Executor:
        """Take the arrays of a step. Returns the executor that decides and writes the step: the one before, until
        arrays have to be checked and prepared for again.

        parameters, gradients: lists as `among` says. gradients: None in the place of one that is not there; at least
        one is. groups: those of this step, if they are not those of the steps before. Raises TypeError, ValueError or
        IndexError that names the array; nothing has then been changed.
        """
        if groups is not None and groups is not self._groups:
            if list(groups) != list(self._groups):
                self._part = None
                self._parts.clear()
            self._groups = groups
        answer = self._look(parameters, gradients)
        if answer == CHANGED:
            self._bind(self._own_of(parameters), self._own_of(gradients))
        if self._part is None:
            self._choose([gradient is not None for gradient in self._own_of(gradients)], answer != CHANGED)
        part = self._part
        assert part is not None
        if self._sparse:
            self._touch(self._own_of(gradients), part)
        return part.executor

    def retake(
        self, parameters: list[Any], gradients: list[Any], groups: Sequence[int] | None = None
    ) -> Executor | None:
        """As `take`, for arrays that differ from those before only in where gradients lie, row-sparse gradients aside.
        Other arrays are not taken: returns None."""
        if groups is not None and groups is not self._groups:
            return None
        if self._look(parameters, gradients) == CHANGED or (part := self._part) is None:
            return None
        if self._sparse:
            self._touch(self._own_of(gradients), part)
        return part.executor

    def look_anew(self) -> None:
        """Have the next `take` check all arrays and prepare for them."""
        self._headers = None

    @property
    def watched(self) -> bool:
        """Whether compiled code looks at the arrays."""
        return self._headers is not None and self._headers.checkable

    def _look(self, parameters: list[Any], gradients: list[Any]) -> int:
        """What the headers say of arrays; where gradients have moved, their addresses are entered."""
        seen = self._dense(parameters, gradients, self._among) if self._sparse else gradients
        if seen is None or self._headers is None:
            return CHANGED
        # Without headers while they are being changed: after an interrupt in between all arrays are looked at anew.
        headers, self._headers = self._headers, None
        answer = headers.look(parameters, seen)
        if answer == OTHERS:
            self._part = None
        elif answer == MOVED and self._part is not None:
            for batch, column in self._part.gradients:
                batch.move(column, headers.moving)
        self._headers = headers
        return answer

    def _own_of(self, every: list[Any]) -> list[Any]:
        """What is of these parameters, of a list that `take` was given."""
        return every if self._among is None else [every[k] for k in self._among[0]]

    def _dense(self, parameters: list[Any], gradients: list[Any], among: "Among | None" = None) -> list[Any] | None:
        """The gradients, with the parameter in the place of each row-sparse one, which is new in each step; None if a
        gradient is dense that was not. among: where the plan's parameters are in these lists."""
        seen = list(gradients)
        for position in self._sparse:
            place = position if among is None else among[0][position]
            if not isinstance(gradients[place], RowSparse):
                return None
            seen[place] = parameters[place]
        return seen

    def _bind(self, parameters: list[Any], gradients: list[Any]) -> None:
        """Check all arrays and prepare for them."""
        sets = [(p, g, *slots) for p, g, slots in zip(parameters, gradients, self._slots, strict=True)]
        gaps = [k for k, gradient in enumerate(gradients) if gradient is None]
        which, views = views_of(self.program, sets, self._label, {*self._sparse, *gaps}, self._casts)
        self._headers = self._part = None
        self._parts.clear()
        self._which, self._device = which, views[0][0].device
        self._written = [view for arrays in views for k, view in enumerate(arrays) if k != 1 and view.storage != ABSENT]
        self._written += self._beside()
        labels = {k: self._label(k, self.program.arrays[1]) for k in self._sparse}
        self.touched = [
            Touched(k, RowSet(which, self.program, views[k], label), self._written, self._casts)
            for k, label in labels.items()
        ]
        headers = self._watched(parameters, self._dense(parameters, gradients) or gradients, views, gaps)
        self._runs = stage_runs(self.program, which, views, self._own(range(len(views))), self._marks)
        self._entered = self._groups
        self._headers = headers

    def _watched(
        self, parameters: list[Any], gradients: list[Any], views: list[list[Any]], gaps: Sequence[int]
    ) -> "Headers | TensorHeaders | None":
        """The headers of these arrays; a gap's view is entered into `views`, as the headers expect what will fill it.

        It is expected to lie as before, or like the parameter. Where it does not all arrays are prepared for anew.
        """
        before, lay = self._earlier
        changed = range(len(views)) if self._zeroes else ()
        if before is None or any(not _alike(lay[k][0], views[k][0]) for k in gaps):
            before, lay = None, []
        while True:
            for k in gaps:
                views[k][1] = lay[k][1] if lay else replace(views[k][0], array=None)
            extents = Extents([arrays[1] for arrays in views], self._written, changed)
            headers = backend(self._which).headers(parameters, gradients, extents, before, self._among)
            if not lay or not gaps or headers is None or headers.gaps_known:
                break
            before, lay = None, []
        if not self._sparse:
            self._earlier = headers, [(replace(p, array=None), replace(g, array=None)) for p, g, *_ in views]
        return headers

    def _own(self, sets: Sequence[int]) -> Sequence[int]:
        """Which row of scalars is each set's. Those that follow from a norm of an array differ from set to set."""
        return range(len(sets)) if self.program.apart else [self._groups[k] for k in sets]

    def _choose(self, there: Sequence[bool], moved: bool) -> None:
        """Take the sets that have a gradient. moved: whether the tables may have gradients' earlier addresses."""
        key = bytes(there)
        part = self._parts.pop(key, None) or self._part_of([k for k, is_there in enumerate(there) if is_there])
        # The latest part is last; of too many the oldest is dropped.
        self._parts[key] = part
        if len(self._parts) > _MOST:
            self._parts.pop(next(iter(self._parts)))
        if moved and self._headers is not None:
            for batch, column in part.gradients:
                batch.move(column, self._headers.moving)
        self.sets, self.rows = part.sets, tuple(dict.fromkeys(self._groups[k] for k in part.sets))
        self._part = part

    def _part_of(self, sets: Sequence[int]) -> _Part:
        own, runs = self._own(sets), self._runs
        if len(sets) < len(self._slots):
            places = np.full(len(self._slots), -1)
            places[sets] = range(len(sets))
            runs = [run.part(places, np.array(own)) for run in runs]
        elif self._entered is not self._groups:
            for batch in (batch for run in runs for batch in run.batches):
                batch.regroup(np.array(own))
            self._entered = self._groups
        name = self.program.arrays[1]
        having = [(run.stage.arrays.index(name), run.batches) for run in runs if name in run.stage.arrays]
        gradients = [(batch, column) for column, batches in having for batch in batches]
        groups, on = [self._groups[k] for k in sets], backend(self._which)
        attended = Attended(self.program, runs, groups, own)
        on_gpu = functools.partial(on.gpu_program, self.program, runs, groups, self._device)
        if self._is_attended or self._sparse or not on.unattended(self.program):
            return _Part(sets, own, runs, gradients, attended, attended, on_gpu)

        def steps(rows: int, notice: Any) -> "UnattendedSteps":
            return on.unattended_steps([on_gpu(rows)], [()], notice)

        self._unattended = Unattended(self.program, steps, runs[-1], self._unattended)
        return _Part(sets, own, runs, gradients, attended, self._unattended, on_gpu)

    def _touch(self, gradients: list[Any], part: _Part) -> None:
        """Take the row-sparse gradients of this step."""
        batches: list[list[Batch]] = [[] for _ in part.runs]
        for touched in self.touched:
            touched.take(gradients[touched.position])
            if touched.rows.size and touched.set.length:
                own = touched.position, part.own[touched.position]
                for run, into in zip(part.runs, batches, strict=True):
                    into.append(touched.set.batch(run.stage, touched.rows, touched.values, touched.at, *own))
        part.attended.touch(batches)
        if self._zeroes:
            self._check_apart(gradients)

    def _check_apart(self, gradients: list[Any]) -> None:
        """Raise ValueError for gradients, which the step sets to zero, that share memory."""
        gradient, labels, views = self.program.arrays[1], [], []
        for k, values in enumerate(values_of(gradients)):
            if values is not None:
                labels.append(self._label(k, gradient) + ".values" * isinstance(gradients[k], RowSparse))
                views.append(view_of(values, labels[-1])[1])
        check_overlaps(views, labels.__getitem__, range(len(views)))

    def scalars(self, position: int) -> Any:
        """The scalars of the stage that writes, as they were decided for a set."""
        assert self._part is not None
        return self._part.attended.scalars(position)

    def on_gpu(self, rows: int) -> "GpuProgram":
        """The program on the arrays that were taken, for unattended steps. rows: how many rows of numbers there are.

        Raises TypeError unless the arrays are CuPy's, ValueError where the bits would differ from the host's.
        """
        assert self._part is not None
        return self._part.on_gpu(rows)

    @property
    def addresses(self) -> Any:
        """The addresses of the parameters, then of the gradients, as NumPy's int64; None if they are not known."""
        headers = self._headers
        return headers.addresses if headers is not None and headers.checkable else None

    def reduced(self) -> Callable[[], list[Any]]:
        """Run the reductions of the first stage, which has no numbers; nothing is written.

        Returns a function that gives, later, for each reduction a value for each set.
        """
        first = self._runs[0]
        first.run([()] * len(self._slots), [])
        return functools.partial(first.reduced, [partials.copy() for partials in first.partials()])


def _alike(one: View, other: View) -> bool:
    return one.shape == other.shape and one.storage == other.storage


def stage_runs(
    program: Program,
    which: str,
    views: Sequence[Sequence[View]],
    own: Sequence[int],
    marks: Sequence[int] | None = None,
) -> list[StageRun]:
    """The stages of a program on the arrays of each set. which: the backend. own: for each set its row of scalars.
    marks: as StageRun has them."""
    # All stages walk a set in one order, that of its arrays together: norms add up in it.
    flat = [None if None in arrays else is_flat(arrays) for arrays in views]
    if program.scales:
        codes = [program.arrays.index(name) for name in program.scales.values()]
        pairs = zip(views, flat, strict=True)
        views = [in_order_of(arrays, codes) if own is False else arrays for arrays, own in pairs]
    runs = []
    for stage in program.stages:
        columns = _columns(program, stage)
        chosen = [[arrays[k] for k in columns] for arrays in views]
        runs.append(StageRun(backend(which), program.name, stage, chosen, own, flat, marks))
    return runs


def _columns(program: Program, stage: Stage) -> list[int]:
    return [program.arrays.index(name) for name in stage.arrays]
