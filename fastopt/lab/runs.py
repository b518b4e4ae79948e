"""Runs of rules, by their real kernels, on surfaces and on given gradients: their paths and their rates.

The effective learning rate of a weight in a step is |change| / |gradient|: the factor by which the rule multiplied the
gradient, whatever the rule.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..inspection.names import named
from ..kernels import Rule
from ..optimizer.optimizer import Optimizer
from .surfaces import Surface, surface

# Half-decades from 1e-4 to 10, among which the best rate of a rule is looked for.
RATES = tuple(float(f"{10 ** (k / 2):.2g}") for k in range(-8, 3))
# A run has left if it is this many widths of the window away from it, or if its loss is not finite.
_FAR = 10.0


@dataclass(frozen=True, eq=False)
class Descent:
    """A run on a surface.

    points: (steps + 1, 2), float64. losses: (steps + 1,). gradients: (steps, 2), at the points before the steps.
    left: the last step, if the run was then far outside of the window or not finite; None if it stayed.
    """

    rule: str
    surface: Surface
    lr: float | None
    points: Any
    losses: Any
    gradients: Any
    left: int | None

    @property
    def steps(self) -> int:
        return len(self.gradients)

    @property
    def inside(self) -> int:
        """The number of points, from the start on, before the run first leaves the window."""
        (x, y), where = self.points.T, self.surface
        outside = ~((where.x[0] <= x) & (x <= where.x[1]) & (where.y[0] <= y) & (y <= where.y[1]))
        return int(outside.argmax()) if outside.any() else len(x)

    def reached(self, share: float) -> int | None:
        """The step after which the loss was first at most a share of the loss at the start; None if it never was.

        Both losses are counted from that of the best known minimum.
        """
        floor = min((self.surface.loss(p) for p in self.surface.minima), default=float(np.nanmin(self.losses)))
        there = self.losses - floor <= share * (self.losses[0] - floor)
        return int(there.argmax()) if there.any() else None

    @property
    def rates(self) -> Any:
        """The effective learning rates, (steps, 2); NaN where the gradient is 0."""
        return effective(np.diff(self.points, axis=0), self.gradients)


def effective(change: Any, gradients: Any) -> Any:
    """|change| / |gradient| element by element; NaN where the gradient is 0."""
    size = abs(gradients)
    return np.divide(abs(change), size, out=np.full(np.shape(change), np.nan), where=size > 0)


def descend(
    rule: str | Rule,
    on: str | Surface,
    *,
    steps: int | None = None,
    start: Sequence[float] | None = None,
    **hyper: Any,
) -> Descent:
    """Run a rule on a surface, in float64.

    rule: a Rule, or a name, of the library or as module:name. on: a Surface or its name. steps, start: None takes the
    surface's own. hyper: the rule's hyperparameters and an Optimizer's options.
    Raises ValueError or TypeError for an unknown rule or surface, and for a start or a gradient of another shape.
    """
    where = surface(on)
    p = np.array(where.start if start is None else start, np.float64)
    if p.shape != (2,) or not np.isfinite(p).all():
        raise ValueError(f"start must be two finite numbers, x and y; got {start!r}")
    count = where.steps if steps is None else steps
    if count < 1:
        raise ValueError(f"steps must be 1 or more; got {count}")
    opt = Optimizer(p, named(rule) if isinstance(rule, str) else rule, **hyper)
    points, losses, gradients = [p.copy()], [where.loss(p)], []
    left = None
    with np.errstate(all="ignore"):
        for step in range(1, count + 1):
            gradients.append(where.slope(p))
            opt.step(gradients[-1], **opt.rule.told(losses[-1]))
            points.append(p.copy())
            losses.append(where.loss(p))
            if not _near(p, losses[-1], where):
                left = step
                break
    lr = opt.hyper.get("lr")
    rate = None if callable(lr) else lr
    return Descent(opt.rule.name, where, rate, np.array(points), np.array(losses), np.array(gradients), left)


def tuned(rule: str | Rule, on: str | Surface, *, steps: int | None = None, **hyper: Any) -> Descent:
    """The run, among those at RATES, that stays in the window and ends with the lowest loss.

    If none stays, the run that stays longest. A rule without lr has one run.
    """
    subject = named(rule) if isinstance(rule, str) else rule
    if "lr" not in subject.hyper:
        return descend(subject, on, steps=steps, **hyper)
    runs = [descend(subject, on, steps=steps, lr=lr, **hyper) for lr in RATES]
    return min(runs, key=lambda run: (-run.inside, run.losses[-1] if run.left is None else math.inf))


def fastest(rule: str | Rule, on: str | Surface, share: float = 1e-3) -> int | None:
    """The fewest steps, over RATES, in which a rule brings the loss to a share of the first; None if it never does."""
    counts = [descend(rule, on, lr=lr).reached(share) for lr in RATES]
    return min((steps for steps in counts if steps is not None), default=None)


def _near(p: Any, loss: float, where: Surface) -> bool:
    if not (math.isfinite(loss) and np.isfinite(p).all()):
        return False
    return all(
        low - _FAR * (high - low) <= value <= high + _FAR * (high - low)
        for value, (low, high) in zip(p, (where.x, where.y), strict=True)
    )


# A gradient this small changes no state in its first twelve digits, but its change still shows the rate.
_PROBE = 1e-6


def rates_met(rule: str | Rule, gradients: Any, **hyper: Any) -> Any:
    """The effective learning rate of each weight in each step, for given gradients; (steps, weights).

    gradients: (steps, weights). Where a gradient is 0, the rate is the one that a gradient would have met: it is taken
    from a second weight with the same gradients, but a millionth of the largest in place of 0. For elementwise rules.
    """
    gradients = np.asarray(gradients, np.float64)
    if gradients.ndim != 2 or not np.isfinite(gradients).all():
        raise ValueError(f"gradients must be finite, of shape (steps, weights); got shape {gradients.shape}")
    probes = np.where(gradients == 0, _PROBE * abs(gradients).max(), gradients)
    both = np.concatenate([gradients, probes], axis=1)
    p = np.zeros(both.shape[1])
    opt = Optimizer(p, named(rule) if isinstance(rule, str) else rule, **hyper)
    rates = np.empty(both.shape)
    for row, g in zip(rates, both, strict=True):
        before = p.copy()
        opt.step(g)
        row[:] = effective(p - before, g)
    first, second = np.split(rates, 2, axis=1)
    return np.where(gradients == 0, second, first)
