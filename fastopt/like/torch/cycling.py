"""torch's schedulers that move the momentum against the rate."""

from collections.abc import Callable
from typing import Any

from ...schedules.arguments import count, number, one_of
from ...schedules.calls import named
from ...schedules.cycles import zigzag
from ...schedules.functions import each, power
from ...schedules.pieces import through
from ...schedules.schedule import Formula, Schedule
from ...schedules.shapes import SHAPES
from ..unused import refuse


class Cycling(Schedule):
    """A rate. Its `momentum` is the schedule of the momentum that goes with it, or None with cycle_momentum=False.

    rate = OneCycleLR(0.1, total_steps=1000); SGD(params, lr=rate, momentum=rate.momentum); Adam takes it as beta1.
    """

    def __init__(self, formula: Formula, momentum: Formula | None, *, steps: float | None, horizon: float) -> None:
        super().__init__(formula, steps=steps, horizon=horizon)
        self._momentum = momentum

    @property
    def momentum(self) -> Schedule | None:
        if self._momentum is None:
            return None
        return _momentum_of(self)


@named
def _momentum_of(cycling: Cycling) -> Schedule:
    assert cycling._momentum is not None
    return Schedule(cycling._momentum, steps=cycling.steps, horizon=cycling.horizon)


@named
def CyclicLR(
    base_lr: float,
    max_lr: float,
    step_size_up: int = 2000,
    step_size_down: int | None = None,
    mode: str = "triangular",
    gamma: float = 1.0,
    scale_fn: Callable[[float], float] | None = None,
    scale_mode: str = "cycle",
    cycle_momentum: bool = True,
    base_momentum: float = 0.8,
    max_momentum: float = 0.9,
    last_epoch: int = -1,
) -> Cycling:
    """From base_lr to max_lr and back, for ever; its `momentum` goes from max_momentum to base_momentum and back.

    scale_fn: multiplies the height, by the number of the cycle from 1 or, with scale_mode="iterations", by the epoch
    from 0; then `mode` has no effect.
    """
    refuse("last_epoch", last_epoch, -1, "the step says where a resumed run is")
    one_of("mode", mode, list(MODES))
    one_of("scale_mode", scale_mode, ["cycle", "iterations"])
    scale = MODES[mode](number("gamma", gamma, above=True)) if scale_fn is None else _own(scale_fn, scale_mode)
    low, high = number("base_lr", base_lr), number("max_lr", max_lr)
    up = float(count("step_size_up", step_size_up))
    down = up if step_size_down is None else float(count("step_size_down", step_size_down))
    momentum = None
    if cycle_momentum:
        bottom, top = number("base_momentum", base_momentum), number("max_momentum", max_momentum)
        momentum = zigzag(top, bottom, up, down, scale)
    return Cycling(zigzag(low, high, up, down, scale), momentum, steps=None, horizon=4 * (up + down))


MODES: dict[str, Callable[[float], Callable[[Any, Any], Any]]] = {
    "triangular": lambda gamma: lambda cycle, t: 1.0,
    "triangular2": lambda gamma: lambda cycle, t: power(0.5, cycle),
    "exp_range": lambda gamma: lambda cycle, t: power(gamma, t),
}


def _own(scale_fn: Callable[[float], float], scale_mode: str) -> Callable[[Any, Any], Any]:
    function = lambda x: float(scale_fn(int(x)))  # noqa: E731
    if scale_mode == "cycle":
        return lambda cycle, t: each(function, cycle + 1.0)
    return lambda cycle, t: each(function, t)


@named
def OneCycleLR(
    max_lr: float,
    total_steps: int | None = None,
    epochs: int | None = None,
    steps_per_epoch: int | None = None,
    pct_start: float = 0.3,
    anneal_strategy: str = "cos",
    cycle_momentum: bool = True,
    base_momentum: float = 0.85,
    max_momentum: float = 0.95,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
    last_epoch: int = -1,
) -> Cycling:
    """From max_lr / div_factor to max_lr and down to max_lr / div_factor / final_div_factor at step total_steps.

    torch ends with an error after total_steps; here the last value holds.
    """
    refuse("last_epoch", last_epoch, -1, "the step says where a resumed run is")
    if total_steps is None:
        if epochs is None or steps_per_epoch is None:
            raise ValueError("the number of steps is not known; pass total_steps, or both epochs and steps_per_epoch")
        steps = count("epochs", epochs) * count("steps_per_epoch", steps_per_epoch)
    else:
        if epochs is not None or steps_per_epoch is not None:
            raise ValueError("epochs and steps_per_epoch have no effect beside total_steps; leave them out")
        steps = count("total_steps", total_steps, low=2)
    one_of("anneal_strategy", anneal_strategy, ["cos", "linear"])
    shape = SHAPES["cosine" if anneal_strategy == "cos" else "linear"]
    peak, part = number("max_lr", max_lr), number("pct_start", pct_start, 0.0, 1.0)
    low = peak / number("div_factor", div_factor, above=True)
    last = low / number("final_div_factor", final_div_factor, above=True)
    slow, fast = number("base_momentum", base_momentum), number("max_momentum", max_momentum)
    # In torch each phase ends one update early, and the second of three phases two updates.
    rates: tuple[float, ...] = (low, peak, last)
    knots: tuple[float, ...] = (part * steps - 1.0, float(steps - 1))
    momenta: tuple[float, ...] = (fast, slow, fast)
    if three_phase:
        knots = (part * steps - 1.0, 2 * part * steps - 2.0, float(steps - 1))
        rates, momenta = (low, peak, low, last), (fast, slow, fast, fast)
    if list(knots) != sorted(knots):
        raise ValueError(f"pct_start={pct_start} leaves no steps for the last phase; pass a smaller pct_start")
    momentum = through(momenta, knots, shape) if cycle_momentum else None
    return Cycling(through(rates, knots, shape), momentum, steps=steps, horizon=steps)
