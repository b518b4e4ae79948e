"""Runs a program on sets of arrays: once, or step after step without looking at each array anew."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..arrays.view import View, is_flat
from ..libraries.library import backend, views_of
from ..program.stages import Program, Stage
from ..tasks.stage_run import Pass
from ..tasks.table import Batch
from .numbers import decided, foretold
from .touched import RowSet, Touched

MOVED, CHANGED = 1, 2  # what a watch answers; 0 if all is the same


def update(
    program: Program,
    sets: Sequence[Sequence[Any]],
    numbers: Sequence[Mapping[str, Any]],
    label: Callable[[int, str], str] = lambda position, name: name,
) -> list[list[float]] | None:
    """Apply one step of a program to sets of arrays, in place.

    sets: for each parameter its arrays, in the order of `program.arrays`. numbers: one row of hyperparameters, step
    and uniform states for all sets, or one for each. label: how messages name an array.
    Returns the new uniform states: of each row of numbers, or of each set if numbers differ from
    array to array. None if the
    program's guard said that the step does not count, and nothing was written.
    """
    which, views = views_of(program, sets, label)
    groups = range(len(sets)) if len(numbers) > 1 else [0] * len(sets)
    # What follows from a norm differs from set to set.
    own = range(len(sets)) if program.apart else groups
    found = decided(program, _passes(program, which, views, own), numbers, groups)
    if found is None:
        return None
    states, last, rows = found
    last.run(rows, [])
    return states


class Plan:
    """A program on parameters and state that mostly stay where they are, with gradients that mostly do not.

    slots: for each parameter its state arrays, which must stay where they are. groups: for each parameter, which row
    of numbers is its own. label: how messages name an array. rows: the rows of numbers that are in use. sparse: which
    parameters have row-sparse gradients.
    Before a run the arrays are held against those before it: new addresses of gradients are entered into the task
    tables; if anything else is new, all has to be bound again, which checks and prepares it.
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
        self._watch: Any = None
        self._scalars: Any = None
        self._steps: Any = None
        self._notice: Any = None
        self._unattended = False
        self._passes: list[Pass] = []
        self._gradients: list[tuple[Batch, int]] = []
        self._written: list[View] = []
        self.touched: list[Touched] = []

    def holds(self, parameters: list[Any], gradients: list[Any]) -> bool:
        """Whether these arrays are those it was bound to, but for the addresses of gradients, which it takes over."""
        # Nothing is trusted while it is being changed: an interrupt in between has everything looked at anew.
        watch, self._watch = self._watch, None
        seen = self._dense(parameters, gradients) if self._sparse else gradients
        found = watch.look(parameters, seen) if watch else CHANGED
        if found == MOVED:
            for batch, column in self._gradients:
                batch.move(column, watch.gradients)
        self._watch = watch
        return bool(found != CHANGED)

    def _dense(self, parameters: list[Any], gradients: list[Any]) -> list[Any]:
        """The gradients; in the places of sparse ones, which are new each time, the parameters."""
        seen = list(gradients)
        for position in self._sparse:
            seen[position] = parameters[position]
        return seen

    def bind(self, parameters: list[Any], gradients: list[Any]) -> None:
        """Check all arrays and prepare for them.

        Raises TypeError or ValueError that names the array; nothing has then been changed.
        """
        sets = [(p, g, *slots) for p, g, slots in zip(parameters, gradients, self._slots, strict=True)]
        which, views = views_of(self.program, sets, self._label, self._sparse)
        self._watch = None
        gradient = self.program.arrays[1]
        self.touched = [
            Touched(k, RowSet(which, self.program, views[k], self._label(k, gradient))) for k in self._sparse
        ]
        self._passes = _passes(self.program, which, views, self._own)
        self._gradients = [
            (batch, one.stage.arrays.index(gradient))
            for one in self._passes
            if gradient in one.stage.arrays
            for batch in one.batches
        ]
        self._written = [view for arrays in views for k, view in enumerate(arrays) if k != 1]
        written = gradient in self.program.stages[-1].writes
        self._which, self._device = which, views[0][0].device
        if self._steps is not None:
            # What stops a step on a GPU is noticed in a later one, which other steps may take.
            self._notice, self._steps = self._steps.notice, None
        unattended = _of(which, "unattended")
        self._unattended = unattended is not None and unattended(self.program)
        self._watch = backend(which).watch(parameters, self._dense(parameters, gradients), views, written)

    def touch(self, gradients: list[Any]) -> None:
        """Take over the row-sparse gradients of this step.

        Raises TypeError, ValueError or IndexError that names the gradient; nothing has then been changed.
        """
        batches: list[list[Batch]] = [[] for _ in self._passes]
        for one in self.touched:
            one.take(gradients[one.position], self._written)
            if one.rows.size and one.set.length:
                for found, into in zip(self._passes, batches, strict=True):
                    into.append(one.set.batch(found.stage, one.rows, one.values, one.position, self._own[one.position]))
        for found, into in zip(self._passes, batches, strict=True):
            found.touched = into

    def decide(self, numbers: Sequence[Mapping[str, Any]]) -> list[list[float]] | None:
        """The new uniform states of a step on the arrays that it is bound to, as `update` gives them.

        numbers: a row for each group, or one for each set where their uniform states differ. Nothing is written yet.
        """
        if self._unattended and not self.touched:
            return self._tell(numbers)
        found = decided(self.program, self._passes, numbers, self._groups)
        if found is None:
            return None
        states, _, self._scalars = found
        return states

    def _tell(self, numbers: Sequence[Mapping[str, Any]]) -> list[list[float]]:
        """The same where a GPU works out by itself what follows from norms, and is only told what it needs for that."""
        if self._steps is None:
            self._steps = self.steps(len(numbers))
        known = foretold(self._steps.ahead, numbers)
        self._steps.tell([told for told, _ in known])
        return [list(states.values()) for _, states in known]

    def steps(self, rows: int) -> Any:
        """Steps on the arrays that it is bound to which need no word from the host, with so many rows of numbers.

        Raises TypeError where there are none but on a GPU through CuPy, ValueError where bits would not be kept.
        """
        make = _of(self._which, "steps")
        if make is None:
            raise TypeError("captured steps are for CuPy arrays; on others call step")
        return make(self.program, self._passes, self._groups, rows, self._device, self._notice)

    @property
    def addresses(self) -> Any:
        """Where the parameters, and after them the gradients, lie, as NumPy's int64; None if that is not known."""
        return self._watch and self._watch.addresses

    def reduced(self) -> Callable[[], list[Any]]:
        """Run the reductions of the first stage, which has no numbers; nothing is written.

        Returns what gives, later, for each reduction a value for each set.
        """
        first = self._passes[0]
        first.run([()] * len(self._slots), [])
        return functools.partial(first.reduced, [found.copy() for found in first.partials()])

    def scalars(self, position: int) -> Any:
        """The scalars of the stage that writes, as they were decided for a set."""
        return self._scalars[self._own[position]]

    @property
    def writes(self) -> int:
        """By how much `write` lets its list grow."""
        last = self._passes[-1]
        return len(last.batches) + len(last.touched)

    def write(self, done: list[Any]) -> None:
        """Apply the step that was decided."""
        if self._unattended and not self.touched:
            self._steps.run()
            done.extend([None] * self.writes)
        else:
            self._passes[-1].run(self._scalars, done)


def _passes(program: Program, which: str, views: Sequence[Sequence[View]], own: Sequence[int]) -> list[Pass]:
    # All stages walk a set in one order, that of its arrays together: norms add up in it.
    flat = [None if None in arrays else is_flat(arrays) for arrays in views]
    passes = []
    for stage in program.stages:
        columns = _columns(program, stage)
        chosen = [[arrays[k] for k in columns] for arrays in views]
        passes.append(Pass(backend(which), program.name, stage, chosen, own, flat))
    return passes


def _columns(program: Program, stage: Stage) -> list[int]:
    return [program.arrays.index(name) for name in stage.arrays]


def _of(which: str, name: str) -> Any:
    """What not every backend has; else None."""
    return getattr(backend(which), name, None)
