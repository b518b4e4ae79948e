"""Warm-ups: a rise in front of a schedule."""

from collections.abc import Callable
from typing import Any

from .arguments import count, number
from .calls import named
from .functions import minimum, route, sqrt
from .own import schedule_of
from .schedule import Formula, Schedule
from .shapes import annealed, shape_of


def risen(formula: Formula, steps: int, peak: float, start: float = 0.0, shape: Any = "linear") -> Formula:
    """The formula, after `steps` steps of a rise towards its first value."""
    if not steps:
        return formula
    # The warm-up's first step is one part up, and the schedule's first step is the last: none is lost at `start`.
    rise = annealed(start, peak, steps + 1.0, shape_of("shape", shape))
    return lambda t: route((lambda before: rise(before + 1.0), formula), (float(steps),), t)


def inside(steps: int, warmup: Any) -> int:
    """The steps of a schedule that remain after its warm-up."""
    if count("warmup", warmup, low=0) >= steps:
        raise ValueError(f"warmup is part of steps and must be less; got warmup={warmup}, steps={steps}")
    return steps - int(warmup)


@named
def warmup(
    schedule: Schedule | float | Callable[[int], float],
    *,
    steps: int,
    shape: str | Callable[[float], float] = "linear",
    start: float = 0.0,
) -> Schedule:
    """A rise of `steps` steps, then the schedule from its first step: warmup(s, steps=n)(n + 1) is s(1).

    The rise goes to the schedule's first value in steps + 1 equal parts of the shape: its first step is one part above
    `start`, so that no update is lost at a rate of zero, and no rate is used twice.
    shape: "linear", "cosine", "sqrt", "rex", or a function from 0 to 1 which says what part of the way is done.
    """
    schedule, steps = schedule_of("schedule", schedule), count("steps", steps, low=0)
    formula = risen(schedule.formula, steps, schedule(1), number("start", start), shape)
    end = None if schedule.steps is None else schedule.steps + steps
    return Schedule(formula, steps=end, horizon=schedule.horizon + steps)


@named
def inverse_sqrt(lr: float, *, warmup: int) -> Schedule:
    """lr * min(step / warmup, sqrt(warmup / step)): up to lr at step `warmup`, then as 1 / sqrt(step). Never ends.

    Vaswani et al. 2017, arXiv:1706.03762, section 5.3, whose lr is (d_model * warmup) ** -0.5.
    """
    lr, width = number("lr", lr), float(count("warmup", warmup))
    formula = lambda t: lr * minimum((t + 1.0) / width, sqrt(width / (t + 1.0)))  # noqa: E731
    return Schedule(formula, horizon=10 * width)


@named
def warmup_stable_decay(
    lr: float,
    *,
    steps: int,
    warmup: int,
    decay: int,
    end: float = 0.0,
    shape: str | Callable[[float], float] = "linear",
) -> Schedule:
    """A linear warm-up, then lr, then `decay` steps down to `end`, which holds after `steps` in all.

    Hu et al. 2024, arXiv:2404.06395, section 4; shape="sqrt" is the cooldown of Hägele et al. 2024, arXiv:2405.18392.
    """
    lr, end, steps, decay = number("lr", lr), number("end", end), count("steps", steps), count("decay", decay)
    left = inside(steps, warmup)
    if decay > left:
        raise ValueError(f"warmup and decay are parts of steps; got warmup={warmup}, decay={decay}, steps={steps}")
    down = annealed(lr, end, decay, shape_of("shape", shape))
    flat = annealed(lr, lr, 1.0, down)
    return Schedule(risen(lambda t: route((flat, down), (float(left - decay),), t), steps - left, lr), steps=steps)
