"""Runs a program on sets of arrays: once, or step after step without looking at each array anew."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .arrays import View, is_flat
from .dispatch import backend, views_of
from .emit import plain
from .program import Program, Stage
from .reductions import REDUCTIONS
from .tasks import Batch, Pass
from .uniforms import Numbers

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
    decided = _decided(program, _passes(program, which, views, groups), numbers, groups)
    if decided is None:
        return None
    states, last, rows = decided
    last.run(rows, [])
    return states


class Plan:
    """A program on parameters and state that mostly stay where they are, with gradients that mostly do not.

    slots: for each parameter its state arrays, which must stay where they are. groups: for each parameter, which row
    of numbers is its own. label: how messages name an array. rows: the rows of numbers that are in use.
    Before a run the arrays are held against those before it: new addresses of gradients are entered into the task
    tables; if anything else is new, all has to be bound again, which checks and prepares it.
    """

    def __init__(
        self,
        program: Program,
        slots: Sequence[Sequence[Any]],
        groups: Sequence[int],
        label: Callable[[int, str], str],
    ) -> None:
        if not slots:
            raise ValueError(f"{program.name}: there are no arrays to update")
        self.program = program
        self._slots, self._groups, self._label = [tuple(arrays) for arrays in slots], groups, label
        self.rows = tuple(dict.fromkeys(groups))
        self._watch: Any = None
        self._scalars: Any = None
        self._passes: list[Pass] = []
        self._gradients: list[tuple[Batch, int]] = []

    def holds(self, parameters: list[Any], gradients: list[Any]) -> bool:
        """Whether these arrays are those it was bound to, but for the addresses of gradients, which it takes over."""
        # Nothing is trusted while it is being changed: an interrupt in between has everything looked at anew.
        watch, self._watch = self._watch, None
        found = watch.look(parameters, gradients) if watch else CHANGED
        if found == MOVED:
            for batch, column in self._gradients:
                batch.move(column, watch.addresses)
        self._watch = watch
        return bool(found != CHANGED)

    def bind(self, parameters: list[Any], gradients: list[Any]) -> None:
        """Check all arrays and prepare for them.

        Raises TypeError or ValueError that names the array; nothing has then been changed.
        """
        sets = [(p, g, *slots) for p, g, slots in zip(parameters, gradients, self._slots, strict=True)]
        which, views = views_of(self.program, sets, self._label)
        self._watch = None
        self._passes = _passes(self.program, which, views, self._groups)
        gradient = self.program.arrays[1]
        self._gradients = [
            (batch, one.stage.arrays.index(gradient))
            for one in self._passes
            if gradient in one.stage.arrays
            for batch in one.batches
        ]
        written = gradient in self.program.stages[-1].writes
        self._watch = backend(which).watch(parameters, gradients, views, written)

    def decide(self, numbers: Sequence[Mapping[str, Any]]) -> list[list[float]] | None:
        """The new uniform states of a step on the arrays that it is bound to, as `update` gives them.

        numbers: a row for each group, or one for each set where their uniform states differ. Nothing is written yet.
        """
        decided = _decided(self.program, self._passes, numbers, self._groups)
        if decided is None:
            return None
        states, _, self._scalars = decided
        return states

    @property
    def writes(self) -> int:
        """By how much `write` lets its list grow."""
        return len(self._passes[-1].batches)

    def write(self, done: list[Any]) -> None:
        """Apply the step that was decided."""
        self._passes[-1].run(self._scalars, done)


def _passes(program: Program, which: str, views: Sequence[Sequence[View]], groups: Sequence[int]) -> list[Pass]:
    # What follows from a norm differs from set to set.
    own = range(len(views)) if program.apart else groups
    # All stages walk a set in one order, that of its arrays together: norms add up in it.
    flat = [is_flat(arrays) for arrays in views]
    passes = []
    for stage in program.stages:
        columns = _columns(program, stage)
        chosen = [[arrays[k] for k in columns] for arrays in views]
        passes.append(Pass(backend(which), program.name, stage, chosen, own, flat))
    return passes


def _columns(program: Program, stage: Stage) -> list[int]:
    return [program.arrays.index(name) for name in stage.arrays]


def _decided(
    program: Program, passes: Sequence[Pass], numbers: Sequence[Mapping[str, Any]], groups: Sequence[int]
) -> tuple[list[list[float]], Pass, Any] | None:
    """Every stage but the last, which writes: the new uniform states, the pass that is left, and its scalars.

    The states are of each group, or of each set if those are apart. None if the program's guard said no.
    """
    known = [_evaluated(program, program.known_function, [row], numbers) for row in numbers]
    *before, last = passes
    if not program.reductions:
        count = len(last.stage.scalars)
        return [row[count:] for row in known], last, [row[:count] for row in known]
    columns = list(np.array(known, np.float64)[list(groups)].T) if program.apart else []

    def evaluated(function: Numbers) -> Any:
        if program.apart:
            return _table(_evaluated(program, function, columns, numbers), len(groups))
        return [_evaluated(program, function, row, numbers) for row in known]

    for one, scalars in zip(before, program.stage_functions, strict=False):
        one.run(evaluated(scalars), [])
        for node, values in zip(one.stage.reductions, one.totals(), strict=True):
            reduced = REDUCTIONS[node.op].finished(values)
            columns.append(reduced)
            if not program.apart:
                for row in known:
                    row.append(float(reduced))
    # Before anything is written, since it may raise.
    states = [list(map(float, row)) for row in evaluated(program.last_function)]
    if program.guard and not all(row.pop() for row in states):
        return None
    return states, last, evaluated(program.stage_functions[-1])


def _table(columns: Sequence[Any], rows: int) -> Any:
    """Columns, each of numbers or of one for all rows, as a table."""
    table = np.empty((rows, len(columns)))
    for k, column in enumerate(columns):
        table[:, k] = column
    return table


def _evaluated(
    program: Program, function: Numbers, values: Sequence[Any], numbers: Sequence[Mapping[str, Any]]
) -> list[Any]:
    try:
        if not program.apart:
            return function(*values)
        with np.errstate(all="ignore"):
            return function(*values)
    except (ArithmeticError, ValueError) as error:
        given = "; ".join(", ".join(f"{name}={row[name]!r}" for name in program.numbers) for row in numbers)
        uniform = ", ".join(plain(node) for stage in program.stages for node in stage.scalars if node.args)
        raise ValueError(f"{program.name}: {error} in one of {uniform}, with {given}") from error
