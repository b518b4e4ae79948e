"""Cycles: up and down again, once or for ever.

The notes that this library started from print the triangle as

    low + (high - low) * max(0, 1 - |T/mu - 2 floor(T/mu) - 1|)

which, after the first mu steps, stays at `low`: the floor must be that of T/(2 mu), with mu half of the period, as in
Smith 2017, arXiv:1506.01186. `triangular(low, high, up=mu)` is the formula corrected, with T = step - 1.
"""

import math
from collections.abc import Callable
from typing import Any

from .arguments import count, number, one_of
from .calls import named
from .functions import floor, log, power, where
from .pieces import through
from .schedule import Formula, Schedule
from .shapes import SHAPES, between
from .shapes import cosine as cosine_shape


def zigzag(low: float, high: float, up: float, down: float, scale: Callable[[Any, Any], Any]) -> Formula:
    """From low to high and back, for ever; scale(cycle, t), with cycles from 0, multiplies the height."""
    period = up + down

    def formula(t: Any) -> Any:
        place = t % period
        height = where(place <= up, place / up, (period - place) / down)
        return low + (high - low) * height * scale(floor(t / period), t)

    return formula


def _cycle(low: float, high: float, up: int, down: int | None, scale: Callable[[Any, Any], Any]) -> Schedule:
    low, high = number("low", low), number("high", high)
    if high < low:
        raise ValueError(f"high must not be below low; got low={low}, high={high}")
    rise = float(count("up", up))
    fall = rise if down is None else float(count("down", down))
    return Schedule(zigzag(low, high, rise, fall, scale), horizon=4 * (rise + fall))


@named
def triangular(low: float, high: float, *, up: int, down: int | None = None) -> Schedule:
    """From low to high in `up` steps and back in `down`, by default as many, for ever.

    Smith 2017, arXiv:1506.01186, section 3; `up` is its stepsize, and mu of the formula above.
    """
    return _cycle(low, high, up, down, lambda cycle, t: 1.0)


@named
def triangular2(low: float, high: float, *, up: int, down: int | None = None) -> Schedule:
    """Triangular, with a height that is halved at each cycle."""
    return _cycle(low, high, up, down, lambda cycle, t: power(0.5, cycle))


@named
def exp_range(low: float, high: float, *, up: int, gamma: float, down: int | None = None) -> Schedule:
    """Triangular, with a height that is multiplied by gamma at each step."""
    factor = number("gamma", gamma, above=True)
    return _cycle(low, high, up, down, lambda cycle, t: power(factor, t))


@named
def warm_restarts(lr: float, *, period: int, growth: float = 1.0, shrink: float = 1.0, end: float = 0.0) -> Schedule:
    """Along half a cosine from a peak towards `end` in `period` steps, then with a jump to the next peak, for ever.

    growth: multiplies the length at each period. shrink: multiplies the height of the peak above `end` at each period;
    the first peak is lr.
    SGDR: Loshchilov & Hutter 2017, arXiv:1608.03983, equation 5, with T_0 = period and T_mult = growth. The last
    step of a period is one part above `end`; the next step, which would be at `end`, is the jump.
    """
    lr, end, length = number("lr", lr), number("end", end), float(count("period", period))
    growth, shrink = number("growth", growth, 1.0), number("shrink", shrink, above=True)

    def formula(t: Any) -> Any:
        if growth == 1.0:
            cycle = floor(t / length)
            x = t % length / length
        else:
            # A logarithm may come out just below the whole number at which a period begins.
            cycle = floor(log(1.0 + t / length * (growth - 1.0)) / math.log(growth) + 1e-11)
            times = power(growth, cycle)
            x = (t - length * (times - 1.0) / (growth - 1.0)) / (length * times)
        return between(lr, end, power(shrink, cycle) * cosine_shape(x))

    return Schedule(formula, horizon=length * sum(growth**cycle for cycle in range(3)))


@named
def one_cycle(
    lr: float,
    *,
    steps: int,
    rise: float = 0.3,
    start_factor: float = 0.04,
    end_factor: float = 4e-6,
    shape: str = "cosine",
) -> Schedule:
    """From lr * start_factor up to lr in the part `rise` of the steps, then down to lr * end_factor, which holds.

    Smith & Topin 2019, arXiv:1708.07120, with the two phases and the defaults that became usual. The momentum that goes
    with it, down and up again, is a schedule too: interpolate([0.95, 0.85, 0.95], boundaries=[300, 1000], ...).
    """
    lr, steps = number("lr", lr), count("steps", steps)
    top = number("rise", rise, 0.0, 1.0, above=True) * steps
    one_of("shape", shape, list(SHAPES))
    values = (lr * number("start_factor", start_factor), lr, lr * number("end_factor", end_factor))
    return Schedule(through(values, (top, float(steps)), SHAPES[shape]), steps=steps)
