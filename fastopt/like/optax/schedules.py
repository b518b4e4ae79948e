"""optax's schedules: its count 0, which the first update uses, is step 1 here.

Zero or negative steps are an error here; optax makes a constant of them and logs it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ... import schedules as core
from ...schedules.arguments import count, number, one_of, sequence
from ...schedules.calls import named
from ...schedules.pieces import through
from ...schedules.schedule import Schedule
from ...schedules.shapes import SHAPES


def _after(begin: int, init_value: float, schedule: Schedule) -> Schedule:
    """The schedule, after `begin` updates at its first value."""
    if count("transition_begin", begin, low=0) == 0:
        return schedule
    return core.join([init_value, schedule], boundaries=[begin])


def _warmed(init_value: float, peak_value: float, warmup_steps: int, schedule: Schedule) -> Schedule:
    if count("warmup_steps", warmup_steps, low=0) == 0:
        return schedule
    rise = core.linear(init_value, steps=warmup_steps, end=peak_value)
    return core.join([rise, schedule], boundaries=[warmup_steps])


@named
def constant_schedule(value: float) -> Schedule:
    """The value at every step."""
    return core.constant(value)


@named
def polynomial_schedule(
    init_value: float, end_value: float, power: float, transition_steps: int, transition_begin: int = 0
) -> Schedule:
    """From one value to the other as (1 - t / transition_steps) ** power, after transition_begin updates."""
    decay = core.polynomial(init_value, steps=transition_steps, power=power, end=end_value)
    return _after(transition_begin, init_value, decay)


@named
def linear_schedule(init_value: float, end_value: float, transition_steps: int, transition_begin: int = 0) -> Schedule:
    """In a line from one value to the other, after transition_begin updates."""
    return _after(transition_begin, init_value, core.linear(init_value, steps=transition_steps, end=end_value))


@named
def piecewise_constant_schedule(
    init_value: float, boundaries_and_scales: Mapping[int, float] | None = None
) -> Schedule:
    """Multiplied by its scale after each boundary."""
    bounds, values = _scaled(init_value, boundaries_and_scales)
    return core.piecewise(values, boundaries=bounds) if bounds else core.constant(init_value)


@named
def piecewise_interpolate_schedule(
    interpolate_type: str, init_value: float, boundaries_and_scales: Mapping[int, float] | None = None
) -> Schedule:
    """From each value to the next, which is the value times the boundary's scale, as a "linear" or "cosine" piece."""
    one_of("interpolate_type", interpolate_type, ["linear", "cosine"])
    bounds, values = _scaled(init_value, boundaries_and_scales)
    return core.interpolate(values, boundaries=bounds, shape=interpolate_type) if bounds else core.constant(init_value)


def _scaled(init_value: float, boundaries_and_scales: Mapping[int, float] | None) -> tuple[list[int], list[float]]:
    """The boundaries in order, and the values before, between and after them."""
    values = [number("init_value", init_value)]
    scales = boundaries_and_scales or {}
    bounds = sorted(count("a boundary", boundary) for boundary in scales)
    for bound in bounds:
        values.append(values[-1] * number(f"boundaries_and_scales[{bound}]", scales[bound]))
    return bounds, values


@named
def exponential_decay(
    init_value: float,
    transition_steps: int,
    decay_rate: float,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: float | None = None,
) -> Schedule:
    """init_value * decay_rate ** (t / transition_steps), after transition_begin updates, no further than end_value."""
    decay = core.exponential(init_value, gamma=decay_rate, every=transition_steps, staircase=staircase, end=end_value)
    return _after(transition_begin, decay(1), decay)


@named
def cosine_decay_schedule(init_value: float, decay_steps: int, alpha: float = 0.0, exponent: float = 1.0) -> Schedule:
    """Along half a cosine, to the power `exponent`, to alpha times init_value."""
    start = number("init_value", init_value)
    return core.cosine(start, steps=decay_steps, end=number("alpha", alpha) * start, power=exponent)


@named
def linear_onecycle_schedule(
    transition_steps: int,
    peak_value: float,
    pct_start: float = 0.3,
    pct_final: float = 0.85,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Schedule:
    """Lines from peak_value / div_factor to peak_value, back, and on to peak_value / div_factor / final_div_factor."""
    peak, steps, low, last = _one_cycle(peak_value, transition_steps, div_factor, final_div_factor)
    parts = (number("pct_start", pct_start, 0.0, 1.0), number("pct_final", pct_final, 0.0, 1.0))
    if parts[0] > parts[1]:
        raise ValueError(f"pct_start must not be above pct_final; got pct_start={pct_start}, pct_final={pct_final}")
    knots = (*(float(int(part * steps)) for part in parts), float(steps))
    return Schedule(through((low, peak, low, last), knots, SHAPES["linear"]), steps=steps)


@named
def cosine_onecycle_schedule(
    transition_steps: int,
    peak_value: float,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Schedule:
    """Half cosines from peak_value / div_factor to peak_value and on to peak_value / div_factor / final_div_factor.

    optax ends at peak_value / (div_factor * final_div_factor), as here.
    """
    peak, steps, low, last = _one_cycle(peak_value, transition_steps, div_factor, final_div_factor)
    knots = (float(int(number("pct_start", pct_start, 0.0, 1.0) * steps)), float(steps))
    return Schedule(through((low, peak, last), knots, SHAPES["cosine"]), steps=steps)


def _one_cycle(peak: float, steps: int, div: float, final_div: float) -> tuple[float, int, float, float]:
    peak = number("peak_value", peak)
    low = peak / number("div_factor", div, above=True)
    return peak, count("transition_steps", steps), low, low / number("final_div_factor", final_div, above=True)


@named
def warmup_constant_schedule(init_value: float, peak_value: float, warmup_steps: int) -> Schedule:
    """In a line from init_value to peak_value, which holds."""
    return core.linear(init_value, steps=warmup_steps, end=peak_value)


@named
def warmup_cosine_decay_schedule(
    init_value: float,
    peak_value: float,
    warmup_steps: int,
    decay_steps: int,
    end_value: float = 0.0,
    exponent: float = 1.0,
) -> Schedule:
    """A line to peak_value, then half a cosine to end_value. decay_steps counts both."""
    steps = count("decay_steps", decay_steps) - count("warmup_steps", warmup_steps, low=0)
    if steps < 1:
        raise ValueError(
            f"decay_steps counts the warm-up too and must be more than warmup_steps; got warmup_steps={warmup_steps}, "
            f"decay_steps={decay_steps}"
        )
    # optax's alpha of a peak of zero is zero.
    end = end_value if peak_value else 0.0
    return _warmed(init_value, peak_value, warmup_steps, core.cosine(peak_value, steps=steps, end=end, power=exponent))


@named
def warmup_exponential_decay_schedule(
    init_value: float,
    peak_value: float,
    warmup_steps: int,
    transition_steps: int,
    decay_rate: float,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: float | None = None,
) -> Schedule:
    """A line to peak_value, then exponential_decay from there."""
    decay = exponential_decay(peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value)
    return _warmed(init_value, peak_value, warmup_steps, decay)


@named
def sgdr_schedule(cosine_kwargs: Iterable[Mapping[str, Any]]) -> Schedule:
    """One warmup_cosine_decay_schedule after another, each of its own decay_steps."""
    given = list(cosine_kwargs)
    if not given:
        raise ValueError("cosine_kwargs is empty; pass the arguments of one warmup_cosine_decay_schedule or more")
    parts = [warmup_cosine_decay_schedule(**arguments) for arguments in given]
    ends = [sum(arguments["decay_steps"] for arguments in given[: place + 1]) for place in range(len(given))]
    return core.join(parts, boundaries=ends[:-1])


@named
def join_schedules(schedules: Sequence[Any], boundaries: Sequence[int]) -> Schedule:
    """Each schedule up to its boundary, from its own first step."""
    return core.join(sequence("schedules", schedules), boundaries=boundaries)
