"""Runs a program on sets of arrays: once, or step after step without looking at each array anew."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .arrays import View, is_flat
from .dispatch import backend, views_of
from .emit import plain
from .program import Program, Stage
from .reductions import REDUCTIONS
from .tasks import Pass
from .uniforms import Numbers

SAME, MOVED, CHANGED = 0, 1, 2


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
    return _run(program, _passes(program, which, views, groups), numbers, groups)


class Plan:
    """A program on parameters and state that mostly stay where they are, with gradients that mostly do not.

    slots: for each parameter its state arrays, which must stay where they are. groups: for each parameter, which row
    of numbers is its own. label: how messages name an array.
    Every run compares parameters and gradients with those before. New addresses are entered into the task tables;
    anything else that is new has everything checked and prepared again.
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
        self._watch: Any = None
        self._passes: list[Pass] = []

    def run(
        self, parameters: Sequence[Any], gradients: Sequence[Any], numbers: Sequence[Mapping[str, Any]]
    ) -> list[list[float]] | None:
        """One step; returns the new uniform states, as `update` does.

        numbers: a row for each group, or one for each set where their uniform states differ.
        Raises TypeError or ValueError that names the array; nothing has then been changed.
        """
        # Nothing is trusted while it is being changed: an interrupt in between has everything looked at anew.
        watch, self._watch = self._watch, None
        found = watch.look([*parameters, *gradients]) if watch else CHANGED
        if found == SAME or (found == MOVED and self._moved(watch.addresses)):
            self._watch = watch
        else:
            self._bind(parameters, gradients)
        return _run(self.program, self._passes, numbers, self._groups)

    def _bind(self, parameters: Sequence[Any], gradients: Sequence[Any]) -> None:
        """Check all arrays and prepare the passes."""
        sets = [(p, g, *slots) for p, g, slots in zip(parameters, gradients, self._slots, strict=True)]
        which, views = views_of(self.program, sets, self._label)
        self._passes = _passes(self.program, which, views, self._groups)
        self._addresses = np.array([[view.address for view in arrays] for arrays in views], np.int64).T
        self._extents = _Extents(views)
        self._watch = backend(which).watch([*parameters, *gradients])

    def _moved(self, addresses: Any) -> bool:
        """Enter new addresses of gradients into the tables; False if that needs another look."""
        now = addresses.reshape(2, -1)
        if (now[0] != self._addresses[0]).any() or self._extents.meet(now[1]):
            return False
        self._addresses[1] = now[1]
        for one in self._passes:
            columns = _columns(self.program, one.stage)
            for batch in one.batches:
                batch.move(self._addresses[columns])
        return True


class _Extents:
    """Where the arrays that are written lie, for a quick answer whether a gradient lies there too."""

    def __init__(self, views: Sequence[Sequence[View]]) -> None:
        written = sorted(view.bounds for arrays in views for k, view in enumerate(arrays) if k != 1 and view.size)
        # Interleaved views reach into one another, and then there is no quick answer.
        self._apart = all(one[1] <= other[0] for one, other in itertools.pairwise(written))
        self._starts, self._ends = np.array(written, np.int64).reshape(-1, 2).T
        # From the address of a gradient's first element.
        self._before = np.array([arrays[1].bounds[0] - arrays[1].address for arrays in views])
        self._behind = np.array([arrays[1].bounds[1] - arrays[1].address for arrays in views])
        self._some = np.array([arrays[1].size > 0 for arrays in views])

    def meet(self, gradients: Any) -> bool:
        """Whether a gradient at these addresses may meet an array that is written."""
        if not self._apart or not len(self._starts):
            return not self._apart
        last = np.searchsorted(self._starts, gradients + self._behind) - 1
        return bool((self._some & (last >= 0) & (self._ends[last] > gradients + self._before)).any())


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


def _run(
    program: Program, passes: Sequence[Pass], numbers: Sequence[Mapping[str, Any]], groups: Sequence[int]
) -> list[list[float]] | None:
    """Every stage in turn; returns the new uniform states of each group, or of each set if those are apart.

    None if the program's guard said no: then nothing has been written.
    """
    rows = [[row[name] for name in program.numbers] for row in numbers]
    known = [_evaluated(program, program.known_function, row, rows) for row in rows]
    if not program.reductions:
        (one,) = passes
        count = len(one.stage.scalars)
        one.run([row[:count] for row in known])
        return [row[count:] for row in known]
    table = np.array(known, np.float64).reshape(len(known), -1)
    if program.apart:
        table = table[list(groups)]
    columns = list(table.T)
    states: list[list[float]] = []
    for one, scalars in zip(passes, program.stage_functions, strict=True):
        if not one.stage.reductions:
            # Before anything is written, since it may raise.
            states = _table(_evaluated(program, program.last_function, columns, rows), len(table)).tolist()
            if program.guard and not all(row.pop() for row in states):
                return None
        totals = one.run(_table(_evaluated(program, scalars, columns, rows), len(table)))
        pairs = zip(one.stage.reductions, totals, strict=True)
        columns += [REDUCTIONS[node.op].finished(values) for node, values in pairs]
    return states


def _table(columns: Sequence[Any], rows: int) -> Any:
    """Columns, each of numbers or of one for all rows, as a table."""
    table = np.empty((rows, len(columns)))
    for k, column in enumerate(columns):
        table[:, k] = column
    return table


def _evaluated(program: Program, function: Numbers, values: Sequence[Any], rows: Sequence[Sequence[Any]]) -> list[Any]:
    try:
        with np.errstate(all="ignore"):
            return function(*values)
    except (ArithmeticError, ValueError) as error:
        given = "; ".join(
            ", ".join(f"{name}={value!r}" for name, value in zip(program.numbers, row, strict=True)) for row in rows
        )
        uniform = ", ".join(plain(node) for stage in program.stages for node in stage.scalars if node.args)
        raise ValueError(f"{program.name}: {error} in one of {uniform}, with {given}") from error
