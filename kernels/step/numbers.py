"""The numbers of a step: those known beforehand, those that follow from norms, and whether the step counts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..program.spelling import plain
from ..program.stages import Program
from ..tasks.stage_run import Pass


def decided(
    program: Program, passes: Sequence[Pass], numbers: Sequence[Mapping[str, Any]], groups: Sequence[int]
) -> tuple[list[list[float]], Pass, Any] | None:
    """Every stage but the last, which writes: the new uniform states, the pass that is left, and its scalars.

    The states are of each group, or of each set if those are apart. None if the program's guard said no.
    """
    *before, last = passes
    try:
        known = list(map(program.known_function, numbers))
        if not program.reductions:
            if not program.last:
                return [[]] * len(known), last, known
            count = len(last.stage.scalars)
            return [row[count:] for row in known], last, [row[:count] for row in known]
        states, scalars = _reduced(program, before, known, groups)
    except (ArithmeticError, ValueError) as error:
        raise _explained(program, numbers, error) from error
    if program.guard and not all(row.pop() for row in states):
        return None
    return states, last, scalars


def foretold(ahead: Any, numbers: Sequence[Mapping[str, Any]]) -> list[tuple[list[Any], dict[str, float]]]:
    """What a GPU is told of a step, and the uniform states after it, as Ahead.next has them, of each row of numbers.

    Raises ValueError, with the numbers, for those that cannot be computed with.
    """
    try:
        return [ahead.next(row) for row in numbers]
    except (ArithmeticError, ValueError) as error:
        raise _explained(ahead.program, numbers, error) from error


def _explained(program: Program, numbers: Sequence[Mapping[str, Any]], error: Exception) -> ValueError:
    """An error in a number, with the hyperparameters that it was made of."""
    given = "; ".join(", ".join(f"{name}={row[name]!r}" for name in program.numbers) for row in numbers)
    uniform = ", ".join(plain(node) for stage in program.stages for node in stage.scalars if node.args)
    return ValueError(f"{program.name}: {error} in one of {uniform}, with {given}")


def _reduced(
    program: Program, before: Sequence[Pass], known: list[list[Any]], groups: Sequence[int]
) -> tuple[list[list[float]], Any]:
    """What follows from norms, which the passes before the last compute: `program.last` and the last pass's scalars."""
    if program.apart:
        columns = list(np.array(known, np.float64)[list(groups)].T)
        # NumPy's numbers do not warn where Python's do not.
        with np.errstate(all="ignore"):
            for one, scalars in zip(before, program.stage_functions, strict=False):
                columns += _reductions(one, _table(scalars(*columns), len(groups)))
            states, last = (
                _table(function(*columns), len(groups))
                for function in (program.last_function, program.stage_functions[-1])
            )
        return states.tolist(), last
    for one, scalars in zip(before, program.stage_functions, strict=False):
        found = list(map(float, _reductions(one, [scalars(*row) for row in known])))
        known = [row + found for row in known]
    # Before anything is written, since it may raise.
    return [list(map(float, program.last_function(*row))) for row in known], [
        program.stage_functions[-1](*row) for row in known
    ]


def _reductions(one: Pass, scalars: Any) -> list[Any]:
    """The reductions of a stage, each of every set or of all together."""
    one.run(scalars, [])
    return one.reduced(one.partials())


def _table(columns: Sequence[Any], rows: int) -> Any:
    """Columns, each of numbers or of one for all rows, as a table."""
    table = np.empty((rows, len(columns)))
    for k, column in enumerate(columns):
        table[:, k] = column
    return table
