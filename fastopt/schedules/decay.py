"""Decays: from one rate to another, or without end.

`steps` counts updates: a schedule of n steps starts with `lr` at step 1, has made n updates when it arrives at `end`,
at step n + 1, and holds that. A `warmup` is linear and, where there are `steps`, part of them.
"""

import math
from collections.abc import Sequence
from typing import Any

from .arguments import ascending, count, number
from .calls import named
from .functions import exp, floor, maximum, minimum, passed, power, take
from .schedule import Formula, Schedule
from .shapes import Shape, annealed, raised
from .shapes import cosine as cosine_shape
from .shapes import linear as linear_shape
from .shapes import rex as rex_shape
from .warm import inside, risen


def _finite(lr: float, end: float, steps: int, warmup: int, shape: Shape) -> Schedule:
    lr, end, steps = number("lr", lr), number("end", end), count("steps", steps)
    left = inside(steps, warmup)
    return Schedule(risen(annealed(lr, end, left, shape), steps - left, lr), steps=steps)


@named
def constant(lr: float, *, warmup: int = 0) -> Schedule:
    """lr at every step, after a linear warm-up of `warmup` steps."""
    lr, warmup = number("lr", lr), count("warmup", warmup, low=0)
    return Schedule(risen(annealed(lr, lr, 1.0, linear_shape), warmup, lr), steps=warmup, horizon=max(2 * warmup, 100))


@named
def linear(lr: float, *, steps: int, end: float = 0.0, warmup: int = 0) -> Schedule:
    """In a line from lr to end."""
    return _finite(lr, end, steps, warmup, linear_shape)


@named
def polynomial(lr: float, *, steps: int, power: float, end: float = 0.0, warmup: int = 0) -> Schedule:
    """From lr to end as (1 - t/steps) ** power."""
    return _finite(lr, end, steps, warmup, raised(linear_shape, number("power", power, above=True)))


@named
def cosine(lr: float, *, steps: int, end: float = 0.0, power: float = 1.0, warmup: int = 0) -> Schedule:
    """From lr to end along half a cosine, raised to a power.

    Loshchilov & Hutter 2017, arXiv:1608.03983, equation 5, for one run.
    """
    return _finite(lr, end, steps, warmup, raised(cosine_shape, number("power", power, above=True)))


@named
def rex(lr: float, *, steps: int, end: float = 0.0, warmup: int = 0) -> Schedule:
    """From lr to end, slowly at first and fast at last: (1 - t/steps) / (1/2 + (1 - t/steps)/2).

    Chen, Wolfe & Kyrillidis 2022, arXiv:2107.04197, section 3.
    """
    return _finite(lr, end, steps, warmup, rex_shape)


@named
def exponential(
    lr: float,
    *,
    gamma: float | None = None,
    rate: float | None = None,
    every: int = 1,
    staircase: bool = False,
    end: float | None = None,
    warmup: int = 0,
) -> Schedule:
    """lr * gamma ** (t / every), or lr * e ** (-rate * t / every), with t = step - 1. Never ends.

    staircase: rounds t / every down. end: the value at which a decay, or with gamma above 1 a growth, stops.
    """
    lr, length, warmup = number("lr", lr), float(count("every", every)), count("warmup", warmup, low=0)
    if (gamma is None) == (rate is None):
        raise ValueError(
            "pass either gamma, for lr * gamma ** t, or rate, for lr * e ** (-rate * t); got "
            f"{'neither' if gamma is None else 'both'}"
        )
    decayed, speed = _falling(lr, gamma, rate)
    parts = floor if staircase else _as_it_is
    formula: Formula = lambda t: decayed(parts(t / length))  # noqa: E731
    if end is not None:
        stop, clip, free = number("end", end), maximum if speed > 0 else minimum, formula
        formula = lambda t: clip(free(t), stop)  # noqa: E731
    horizon = length * math.log(100) / abs(speed) + warmup if speed else None
    return Schedule(risen(formula, warmup, lr), horizon=horizon)


def _as_it_is(x: Any) -> Any:
    return x


def _falling(lr: float, gamma: float | None, rate: float | None) -> tuple[Formula, float]:
    """The decay by gamma or by rate, and the rate at which it falls."""
    if gamma is not None:
        base = number("gamma", gamma, above=True)
        return lambda x: lr * power(base, x), -math.log(base)
    slope = number("rate", rate, -math.inf)
    return lambda x: lr * exp(-slope * x), slope


@named
def inverse_time(lr: float, *, rate: float, every: int = 1, staircase: bool = False, warmup: int = 0) -> Schedule:
    """lr / (1 + rate * t / every), with t = step - 1. Never ends. staircase: rounds t / every down."""
    lr, slope, length = number("lr", lr), number("rate", rate), float(count("every", every))
    warmup = count("warmup", warmup, low=0)
    parts = floor if staircase else _as_it_is
    formula = lambda t: lr / (1.0 + slope * parts(t / length))  # noqa: E731
    return Schedule(risen(formula, warmup, lr), horizon=9 * length / slope + warmup if slope else None)


@named
def step_decay(lr: float, *, every: int, gamma: float = 0.1) -> Schedule:
    """lr * gamma ** floor(t / every), with t = step - 1: multiplied by gamma after each `every` updates. Never ends."""
    lr, length, factor = number("lr", lr), float(count("every", every)), number("gamma", gamma)
    return Schedule(lambda t: lr * power(factor, floor(t / length)), horizon=5 * length)


@named
def multi_step(lr: float, *, boundaries: Sequence[int], gamma: float = 0.1) -> Schedule:
    """Multiplied by gamma after boundaries[0] updates, again after boundaries[1], and so on; the last value holds."""
    lr, factor, bounds = number("lr", lr), number("gamma", gamma), ascending("boundaries", boundaries)
    if not bounds:
        raise ValueError("boundaries is empty; pass one or more, or use fastopt.schedules.constant")
    levels = tuple(lr * power(factor, float(place)) for place in range(len(bounds) + 1))
    return Schedule(lambda t: take(levels, passed(bounds, t)), steps=bounds[-1], horizon=1.5 * bounds[-1])
