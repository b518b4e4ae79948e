"""Schedules in pieces: values, lines and whole schedules, joined at boundaries.

A boundary counts updates: with boundaries=[100] the first 100 updates belong to the first piece.
"""

from collections.abc import Callable, Sequence
from typing import Any

from .arguments import ascending, count, number, sequence
from .calls import named
from .functions import floor, minimum, passed, route, take
from .own import schedule_of
from .schedule import Formula, Schedule
from .shapes import Shape, between, shape_of


def through(values: Sequence[float], knots: Sequence[float], shape: Shape) -> Formula:
    """The formula that goes from each value to the next between t = 0 and the knots, and holds the last.

    Knots may be fractions and may coincide; then the value jumps.
    """
    starts, last, inner = (0.0, *knots), knots[-1], tuple(knots[:-1])

    def formula(t: Any) -> Any:
        index = passed(inner, t)
        start, end = take(starts, index), take(knots, index)
        x = (minimum(t, last) - start) / (end - start)
        return between(take(values, index), take(values, index + 1), shape(x))

    return formula


@named
def piecewise(values: Sequence[float], *, boundaries: Sequence[int]) -> Schedule:
    """values[0] for the first boundaries[0] updates, then values[1], and so on; the last one holds."""
    levels = tuple(number(f"values[{place}]", value) for place, value in enumerate(sequence("values", values)))
    bounds = ascending("boundaries", boundaries, of="values", parts=len(levels))
    if not bounds:
        raise ValueError("values must be two or more; for one alone use fastopt.schedules.constant")
    return Schedule(lambda t: take(levels, passed(bounds, t)), steps=bounds[-1], horizon=1.5 * bounds[-1])


@named
def interpolate(
    values: Sequence[float], *, boundaries: Sequence[int], shape: str | Callable[[float], float] = "linear"
) -> Schedule:
    """From values[0] at the first step to values[1] after boundaries[0] updates, and so on; the last one holds.

    shape: "linear", "cosine", "sqrt", "rex", or a function from 0 to 1 which says what part of the way is done.
    """
    levels = tuple(number(f"values[{place}]", value) for place, value in enumerate(sequence("values", values)))
    bounds = ascending("boundaries", boundaries, of="values", parts=len(levels))
    if not bounds:
        raise ValueError("values must be two or more; for one alone use fastopt.schedules.constant")
    return Schedule(through(levels, bounds, shape_of("shape", shape)), steps=bounds[-1])


@named
def join(schedules: Sequence[Schedule | float | Callable[[int], float]], *, boundaries: Sequence[int]) -> Schedule:
    """The first schedule for the first boundaries[0] updates, then the second from its own first step, and so on.

    A schedule may also be a number or a function of the step. If it ends before its boundary it holds its last value.
    """
    parts = [schedule_of(f"schedules[{place}]", part) for place, part in enumerate(sequence("schedules", schedules))]
    bounds = ascending("boundaries", boundaries, of="schedules", parts=len(parts))
    formulas, starts = tuple(part.formula for part in parts), tuple(map(float, bounds))
    last, start = parts[-1], bounds[-1] if bounds else 0
    steps = None if last.steps is None else start + last.steps
    return Schedule(lambda t: route(formulas, starts, t), steps=steps, horizon=start + last.horizon)


@named
def by_epoch(schedule: Schedule | Callable[[int], float], *, steps_per_epoch: int) -> Schedule:
    """A schedule of epochs as a schedule of steps: the steps of the first epoch have schedule(1), and so on."""
    schedule, length = schedule_of("schedule", schedule), float(count("steps_per_epoch", steps_per_epoch))
    formula, end = schedule.formula, schedule.steps
    return Schedule(
        lambda t: formula(floor(t / length)),
        steps=None if end is None else end * length,
        horizon=schedule.horizon * length,
    )
