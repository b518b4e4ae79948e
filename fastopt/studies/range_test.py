"""The range test: a rate for a run, from a few hundred steps at rates that rise."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..kernels import Rule
from ..optimizer.optimizer import Optimizer
from ..trees.snapshot import Snapshot
from ..updater.loss_scale import LossScaler

# A slope needs a few losses on either side.
FEWEST = 5


@dataclass(frozen=True)
class RangeTest:
    """The curve of a range test and the rates that it suggests.

    rates, losses: of each step; a last loss that was not finite is left out. smoothed: the running mean of the losses,
    bias corrected. suggestion: the rate at which the smoothed loss falls fastest, before its minimum; None if it
    never falls. tenth: a tenth of the rate at its minimum, fast.ai's other convention, safer for rules whose first
    steps are large, such as RMSprop. exploded: whether the loss ended the test.
    """

    rule: str
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float | None
    tenth: float
    exploded: bool

    def plot(self, path: str | Path) -> None:
        """Draw the curve into a file, .png or .svg; needs matplotlib: pip install 'fastopt[plot]'."""
        from .range_plot import draw

        end = "until the loss exploded" if self.exploded else "to the end of the range"
        title = f"range test of {self.rule}: {len(self.rates)} steps, {end}"
        marks = {"a tenth of the minimum's": self.tenth}
        if self.suggestion is not None:
            marks["steepest descent"] = self.suggestion
        draw(Path(path), title, self.rates, self.losses, self.smoothed, marks)


def lr_find(
    loss_and_grads: Callable[[], tuple[Any, Any]],
    params: Any,
    rule: Rule | str = "adam",
    *,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 300,
    smoothing: float = 0.9,
    explode: float = 4.0,
    **options: Any,
) -> RangeTest:
    """Train for a few steps at rates that rise from low to high, evenly on a log scale, and put the parameters back.

    Smith 2017, arXiv:1506.01186, section 3.3, with the conventions of fast.ai: the test ends when the smoothed loss is
    `explode` times its minimum, or not finite.
    loss_and_grads: gives the loss and the gradients of the present parameters on a new batch, each time it is called.
    params, rule, options: as for fastopt.Optimizer, which is made anew. The parameters are changed in place, and at the
    end restored bit for bit, after an exception and Ctrl-C too, and so is a loss_scaler; the random numbers, data and
    so on that loss_and_grads uses up are not. smoothing: the share of the running mean that stays in a step; the mean
    lags by 1 / (1 - smoothing) steps.
    Raises ValueError if there is no curve: the loss is not finite from the start or explodes at once.
    """
    if not 0 < low < high < math.inf:
        raise ValueError(f"low and high must be rates above 0, low the lower; got {low!r} and {high!r}")
    if steps < FEWEST:
        raise ValueError(f"steps must be {FEWEST} or more; got {steps!r}")
    if not 0 <= smoothing < 1 or not explode > 1:
        raise ValueError(f"smoothing must be within 0 and 1, explode above 1; got {smoothing!r} and {explode!r}")
    if "lr" in options:
        raise TypeError("lr is what is sought; give its range as low and high")
    rates = [float(rate) for rate in np.geomspace(low, high, steps)]
    scaler = options.get("loss_scaler")
    with scaler.lent() if isinstance(scaler, LossScaler) else nullcontext():
        optimizer = Optimizer(params, rule, lr=lambda t: rates[t - 1], **options)
        before = Snapshot(params, "range test")
        before.take()
        try:
            losses, smoothed, exploded = _losses(loss_and_grads, optimizer, rates, smoothing, explode)
        finally:
            before.restore()
    if len(losses) < FEWEST:
        when = (
            "before any step" if not losses else f"after {len(losses)} steps, at a rate of {rates[len(losses) - 1]:g}"
        )
        raise ValueError(f"the loss explodes {when}: too early for a curve; choose a lower low, or look at the loss")
    kept = rates[: len(losses)]
    slopes = np.gradient(smoothed, np.log(kept))
    # The first means are of few losses. Beyond the minimum the loss may fall too, after an explosion has raised it.
    lowest = int(np.argmin(smoothed))
    first = min(len(losses) // 10, 10, lowest)
    steepest = first + int(np.argmin(slopes[first : lowest + 1]))
    suggestion = kept[steepest] if slopes[steepest] < 0 else None
    tenth = kept[lowest] / 10
    return RangeTest(optimizer.rule.name, tuple(kept), tuple(losses), tuple(smoothed), suggestion, tenth, exploded)


def _losses(
    loss_and_grads: Callable[[], tuple[Any, Any]],
    optimizer: Optimizer,
    rates: list[float],
    smoothing: float,
    explode: float,
) -> tuple[list[float], list[float], bool]:
    """The loss before each step, its running mean, and whether it exploded."""
    losses: list[float] = []
    smoothed: list[float] = []
    mean, lowest = 0.0, math.inf
    with np.errstate(all="ignore"):  # A rate that is too high overflows, and the loss shows it.
        for _ in rates:
            loss, grads = loss_and_grads()
            loss = float(loss)
            if not math.isfinite(loss):
                return losses, smoothed, True
            mean = smoothing * mean + (1 - smoothing) * loss
            losses.append(loss)
            smoothed.append(mean / (1 - smoothing ** len(losses)))
            if smoothed[-1] > explode * lowest > 0:
                return losses, smoothed, True
            lowest = min(lowest, smoothed[-1])
            optimizer.step(grads, **optimizer.rule.told(loss))
    return losses, smoothed, False
