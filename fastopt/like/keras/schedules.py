"""keras.optimizers.schedules: its step 0, which the first update uses, is step 1 here."""

from collections.abc import Sequence
from typing import Any

from ... import schedules as core
from ...schedules.arguments import count, number, sequence
from ...schedules.calls import named
from ...schedules.functions import floor, maximum
from ...schedules.schedule import Schedule
from ...schedules.shapes import between, linear, raised
from ..unused import refuse


def _no_name(name: str | None, default: str) -> None:
    refuse("name", name, default, "there is no graph whose operations it could name")


@named
def ExponentialDecay(
    initial_learning_rate: float,
    decay_steps: int,
    decay_rate: float,
    staircase: bool = False,
    name: str | None = "ExponentialDecay",
) -> Schedule:
    """initial_learning_rate * decay_rate ** (step / decay_steps)."""
    _no_name(name, "ExponentialDecay")
    return core.exponential(initial_learning_rate, gamma=decay_rate, every=decay_steps, staircase=staircase)


@named
def InverseTimeDecay(
    initial_learning_rate: float,
    decay_steps: int,
    decay_rate: float,
    staircase: bool = False,
    name: str | None = "InverseTimeDecay",
) -> Schedule:
    """initial_learning_rate / (1 + decay_rate * step / decay_steps)."""
    _no_name(name, "InverseTimeDecay")
    return core.inverse_time(initial_learning_rate, rate=decay_rate, every=decay_steps, staircase=staircase)


@named
def PiecewiseConstantDecay(
    boundaries: Sequence[int], values: Sequence[float], name: str | None = "PiecewiseConstant"
) -> Schedule:
    """values[0] up to and with step boundaries[0]: the other schedules count one update less."""
    _no_name(name, "PiecewiseConstant")
    bounds = [
        count(f"boundaries[{place}]", last, low=0) + 1 for place, last in enumerate(sequence("boundaries", boundaries))
    ]
    return core.piecewise(values, boundaries=bounds)


@named
def PolynomialDecay(
    initial_learning_rate: float,
    decay_steps: int,
    end_learning_rate: float = 0.0001,
    power: float = 1.0,
    cycle: bool = False,
    name: str | None = "PolynomialDecay",
) -> Schedule:
    """From one rate to the other as (1 - step / decay_steps) ** power.

    cycle: instead of staying at the end, go on as if decay_steps had been twice as long, then three times, and so on.
    """
    _no_name(name, "PolynomialDecay")
    if not cycle:
        return core.polynomial(initial_learning_rate, steps=decay_steps, power=power, end=end_learning_rate)
    start, end = number("initial_learning_rate", initial_learning_rate), number("end_learning_rate", end_learning_rate)
    shape, length = raised(linear, number("power", power, above=True)), float(count("decay_steps", decay_steps))

    def formula(t: Any) -> Any:
        rounds = maximum(-floor(-t / length), 1.0)
        return between(start, end, shape(t / (length * rounds)))

    return Schedule(formula, horizon=4 * length)


@named
def CosineDecay(
    initial_learning_rate: float,
    decay_steps: int,
    alpha: float = 0.0,
    name: str | None = "CosineDecay",
    warmup_target: float | None = None,
    warmup_steps: int = 0,
) -> Schedule:
    """Along half a cosine to alpha times its start, in decay_steps after the warm-up.

    warmup_target: the warm-up is a line from initial_learning_rate to this, at which the cosine then starts.
    """
    _no_name(name, "CosineDecay")
    alpha = number("alpha", alpha)
    if warmup_target is None:
        if warmup_steps:
            raise ValueError(f"warmup_steps={warmup_steps} has no effect without warmup_target, as in keras")
        rate = number("initial_learning_rate", initial_learning_rate)
        return core.cosine(rate, steps=decay_steps, end=alpha * rate)
    target = number("warmup_target", warmup_target)
    decay = core.cosine(target, steps=decay_steps, end=alpha * target)
    if count("warmup_steps", warmup_steps, low=0) == 0:
        return decay
    rise = core.linear(initial_learning_rate, steps=warmup_steps, end=target)
    return core.join([rise, decay], boundaries=[warmup_steps])


@named
def CosineDecayRestarts(
    initial_learning_rate: float,
    first_decay_steps: int,
    t_mul: float = 2.0,
    m_mul: float = 1.0,
    alpha: float = 0.0,
    name: str | None = "SGDRDecay",
) -> Schedule:
    """Warm restarts: periods that grow by t_mul, peaks that shrink by m_mul towards alpha times the first."""
    _no_name(name, "SGDRDecay")
    rate = number("initial_learning_rate", initial_learning_rate)
    return core.warm_restarts(
        rate, period=first_decay_steps, growth=t_mul, shrink=m_mul, end=number("alpha", alpha) * rate
    )
