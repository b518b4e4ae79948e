"""Your own functions of the step as schedules."""

from collections.abc import Callable
from typing import Any

from ..kernels.language.values import shown
from .arguments import number
from .calls import named
from .functions import each
from .schedule import Schedule


@named
def function(of: Callable[[int], float]) -> Schedule:
    """Your own function of the step, which counts from 1, as a schedule: for arithmetic, joins and warm-ups.

    It is called with an int. It must not remember anything, since a resumed run would then differ.
    """
    if not callable(of):
        raise TypeError(f"of must be a function of the step; got {shown(of)}")
    return Schedule(lambda t: each(lambda one: float(of(int(one) + 1)), t))


def schedule_of(name: str, value: Any) -> Schedule:
    """The value, which is a schedule, a number or a function of the step, as a schedule."""
    if isinstance(value, Schedule):
        return value
    if callable(value):
        return function(value)
    level = number(name, value)
    return Schedule(lambda t: 0.0 * t + level, steps=1)
