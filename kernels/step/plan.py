"""Runs a program on sets of arrays: once, or step after step without looking at each array anew."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..arrays.extents import Extents
from ..arrays.row_sparse import RowSparse
from ..arrays.view import View, is_flat
from ..backends import backend
from ..libraries.library import views_of
from ..program.stages import Program, Stage
from ..tasks.stage_run import StageRun
from ..tasks.table import Batch
from .executors import Attended, Executor, Unattended
from .touched import RowSet, Touched

if TYPE_CHECKING:
    from ..cuda.unattended import UnattendedSteps
    from ..headers.numpy_headers import Headers
    from ..headers.tensor_headers import TensorHeaders

MOVED, CHANGED = 1, 2  # what a look at headers answers; 0 if all is the same


def update(
    program: Program,
    sets: Sequence[Sequence[Any]],
    numbers: Sequence[Mapping[str, Any]],
    label: Callable[[int, str], str] = lambda position, name: name,
) -> list[list[float]] | None:
    """Apply one step of a program to sets of arrays, in place.

    sets: for each parameter its arrays, in the order of `program.arrays`. numbers: one row of hyperparameters, step
    and uniform states for all sets, or one for each. label: how messages name an array.
    Returns the new uniform states: of each row of numbers, or of each set if numbers differ from array to array. None
    if the program's guard said that the step does not count, and nothing was written.
    """
    which, views = views_of(program, sets, label)
    groups = range(len(sets)) if len(numbers) > 1 else [0] * len(sets)
    # Scalars that follow from a norm of an array differ from set to set.
    own = range(len(sets)) if program.apart else groups
    return stepped(Attended(program, stage_runs(program, which, views, own), groups, own), numbers)


def stepped(executor: Executor, numbers: Sequence[Mapping[str, Any]]) -> list[list[float]] | None:
    """Take a step that nothing else has to note. Returns what `decide` returns."""
    states = executor.decide(numbers)
    if states is not None:
        executor.write([])
    return states


class Plan:
    """A program on parameters and state that mostly stay where they are, with gradients that mostly move.

    A step is `take`, and then `decide` and `write` of the executor that `take` returns. Taken arrays are compared with
    those before: new addresses of gradients are entered into the task tables; if anything else is new, all of them are
    checked and prepared for.

    slots: for each parameter its state arrays, which must stay where they are. groups: for each parameter, which row
    of numbers is its own. label: how messages name an array. sparse: which parameters have row-sparse gradients; dense:
    the others. rows: the rows of numbers that are in use. touched: the rows that the taken row-sparse gradients touch.
    """

    def __init__(
        self,
        program: Program,
        slots: Sequence[Sequence[Any]],
        groups: Sequence[int],
        label: Callable[[int, str], str],
        sparse: Sequence[int] = (),
    ) -> None:
        if not slots:
            raise ValueError(f"{program.name}: there are no arrays to update")
        self.program = program
        self._slots, self._groups, self._label = [tuple(arrays) for arrays in slots], groups, label
        self.rows = tuple(dict.fromkeys(groups))
        self._own = range(len(slots)) if program.apart else groups  # which row of scalars is each set's
        self._sparse = tuple(sparse)
        self.dense = frozenset(range(len(slots))).difference(sparse)
        self._headers: Headers | TensorHeaders | None = None
        self._attended: Attended
        self._unattended: Unattended | None = None
        self._executor: Executor
        self._steps: Callable[[int, Any], UnattendedSteps]
        self._runs: list[StageRun] = []
        self._gradients: list[tuple[Batch, int]] = []
        self._written: list[View] = []
        self.touched: list[Touched] = []

    def take(self, parameters: list[Any], gradients: list[Any]) -> Executor:
        """Take the arrays of a step. Returns the executor that decides and writes the step: the one before, until
        arrays have to be checked and prepared for again.

        Raises TypeError, ValueError or IndexError that names the array; nothing has then been changed.
        """
        executor = self.retake(parameters, gradients)
        return self.take_anew(parameters, gradients) if executor is None else executor

    def take_anew(self, parameters: list[Any], gradients: list[Any]) -> Executor:
        """As `take`, but all arrays are checked and prepared for, whether or not they are those before."""
        executor = self._bind(parameters, gradients)
        if self._sparse:
            self._touch(gradients)
        return executor

    def retake(self, parameters: list[Any], gradients: list[Any]) -> Executor | None:
        """As `take`, for arrays that differ from those before only in where gradients lie, row-sparse gradients aside.
        Other arrays are not taken: returns None."""
        seen = self._dense(parameters, gradients) if self._sparse else gradients
        if seen is None or self._headers is None:
            return None
        # Without headers while they are being changed: after an interrupt in between all arrays are looked at anew.
        headers, self._headers = self._headers, None
        answer = headers.look(parameters, seen)
        if answer == MOVED:
            for batch, column in self._gradients:
                batch.move(column, headers.moving)
        self._headers = headers
        if answer == CHANGED:
            return None
        if self._sparse:
            self._touch(gradients)
        return self._executor

    def _dense(self, parameters: list[Any], gradients: list[Any]) -> list[Any] | None:
        """The gradients, with the parameter in the place of each row-sparse one, which is new in each step; None if a
        gradient is dense that was not."""
        seen = list(gradients)
        for position in self._sparse:
            if not isinstance(gradients[position], RowSparse):
                return None
            seen[position] = parameters[position]
        return seen

    def _bind(self, parameters: list[Any], gradients: list[Any]) -> Executor:
        """Check all arrays and prepare for them."""
        sets = [(p, g, *slots) for p, g, slots in zip(parameters, gradients, self._slots, strict=True)]
        which, views = views_of(self.program, sets, self._label, self._sparse)
        self._headers = None
        gradient = self.program.arrays[1]
        self._written = [view for arrays in views for k, view in enumerate(arrays) if k != 1]
        self.touched = [
            Touched(k, RowSet(which, self.program, views[k], self._label(k, gradient)), self._written)
            for k in self._sparse
        ]
        self._runs = stage_runs(self.program, which, views, self._own)
        self._gradients = [
            (batch, run.stage.arrays.index(gradient))
            for run in self._runs
            if gradient in run.stage.arrays
            for batch in run.batches
        ]
        written = gradient in self.program.stages[-1].writes
        on = backend(which)
        self._steps = functools.partial(on.unattended_steps, self.program, self._runs, self._groups, views[0][0].device)
        self._executor = self._attended = Attended(self.program, self._runs, self._groups, self._own)
        if on.unattended(self.program) and not self._sparse:
            self._executor = self._unattended = Unattended(self._steps, self._runs[-1], self._unattended)
        extents = Extents([arrays[1] for arrays in views], self._written, range(len(views)) if written else ())
        self._headers = on.headers(parameters, self._dense(parameters, gradients) or gradients, extents)
        return self._executor

    def _touch(self, gradients: list[Any]) -> None:
        """Take the row-sparse gradients of this step."""
        batches: list[list[Batch]] = [[] for _ in self._runs]
        for touched in self.touched:
            touched.take(gradients[touched.position])
            if touched.rows.size and touched.set.length:
                own = touched.position, self._own[touched.position]
                for run, into in zip(self._runs, batches, strict=True):
                    into.append(touched.set.batch(run.stage, touched.rows, touched.values, touched.at, *own))
        self._attended.touch(batches)

    def scalars(self, position: int) -> Any:
        """The scalars of the stage that writes, as they were decided for a set."""
        return self._attended.scalars(position)

    def unattended_steps(self, rows: int) -> "UnattendedSteps":
        """Unattended steps on the arrays that were taken. rows: how many rows of numbers there are.

        Raises TypeError unless the arrays are CuPy's, ValueError where the bits would differ from the host's.
        """
        return self._steps(rows, self._unattended.notice if self._unattended else None)

    @property
    def addresses(self) -> Any:
        """The addresses of the parameters, then of the gradients, as NumPy's int64; None if they are not known."""
        return self._headers and self._headers.addresses

    def reduced(self) -> Callable[[], list[Any]]:
        """Run the reductions of the first stage, which has no numbers; nothing is written.

        Returns a function that gives, later, for each reduction a value for each set.
        """
        first = self._runs[0]
        first.run([()] * len(self._slots), [])
        return functools.partial(first.reduced, [partials.copy() for partials in first.partials()])


def stage_runs(program: Program, which: str, views: Sequence[Sequence[View]], own: Sequence[int]) -> list[StageRun]:
    """The stages of a program on the arrays of each set. which: the backend. own: for each set its row of scalars."""
    # All stages walk a set in one order, that of its arrays together: norms add up in it.
    flat = [None if None in arrays else is_flat(arrays) for arrays in views]
    runs = []
    for stage in program.stages:
        columns = _columns(program, stage)
        chosen = [[arrays[k] for k in columns] for arrays in views]
        runs.append(StageRun(backend(which), program.name, stage, chosen, own, flat))
    return runs


def _columns(program: Program, stage: Stage) -> list[int]:
    return [program.arrays.index(name) for name in stage.arrays]
