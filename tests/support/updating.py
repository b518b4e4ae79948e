"""One step of a program on sets of arrays, without an optimizer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastopt.kernels.libraries.library import views_of
from fastopt.kernels.program.stages import Program
from fastopt.kernels.step.executors import Attended
from fastopt.kernels.step.plan import stage_runs, stepped


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
