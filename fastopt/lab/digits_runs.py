"""Runs on the handwritten digits that several statements share: each is made once."""

import functools
import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from ..inspection.names import named
from ..train.digits.training import Training

EPOCHS, SEEDS = 5, (0, 1, 2)
RATES = tuple(float(f"{10 ** (k / 2):.2g}") for k in range(-7, 4))
# Without the root a step is proportional to 1 / gradient, so its rates are smaller by this factor.
SMALL = 1e-5
WITHOUT_ROOT = "fastopt.lab.own_rules:adagrad_without_root"
PRINTED = "fastopt.lab.own_rules:adadelta_printed"
RULES = (
    *("sgd", "adagrad", "adagrad_momentum", WITHOUT_ROOT, "rmsprop", "adadelta"),
    *(PRINTED, "adam", "adam_uncorrected"),
)
EPS = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
# The rules whose eps is varied, with the rate that is best for their default eps.
EPS_RULES = {"adagrad": 0.1, "rmsprop": 0.01}


def rates_of(rule: str) -> tuple[float, ...]:
    """The rates among which the best of a rule is looked for."""
    return tuple(float(f"{SMALL * lr:.2g}") for lr in RATES) if rule == WITHOUT_ROOT else RATES


@dataclass(frozen=True)
class Spec:
    """One run: 64-32-10, batches of 32."""

    rule: str
    lr: float
    seed: int
    eps: float | None = None


@dataclass(frozen=True)
class Curve:
    """losses: the mean training loss of each epoch, as the network learnt. accuracy: on the test set, at the end."""

    losses: tuple[float, ...]
    accuracy: float


@dataclass(frozen=True)
class Median:
    """The median of the seeds' runs; a run that diverged has an infinite loss."""

    lr: float
    losses: tuple[float, ...]
    accuracy: float

    @property
    def loss(self) -> float:
        return self.losses[-1]


# Filled from other processes by `fastopt lab`.
KNOWN: dict[Spec, Curve] = {}


def specs() -> Iterator[Spec]:
    """All runs that the statements need."""
    for seed in SEEDS:
        for rule in RULES:
            yield from (Spec(rule, lr, seed) for lr in rates_of(rule))
        for rule, lr in EPS_RULES.items():
            yield from (Spec(rule, lr, seed, eps) for eps in EPS)


def run(spec: Spec) -> Curve:
    """The curve of a run; trains once for each spec in a process."""
    if spec not in KNOWN:
        KNOWN[spec] = _trained(spec)
    return KNOWN[spec]


def _trained(spec: Spec) -> Curve:
    training = Training(named(spec.rule), lr=spec.lr, epochs=EPOCHS, hidden=(32,), seed=spec.seed, checked=False)
    if spec.eps is not None:
        training.optimizer.__setattr__("eps", spec.eps)
    losses, accuracy = [], 0.0
    for epoch in training.run():
        losses.append(epoch.loss if math.isfinite(epoch.loss) else math.inf)
        accuracy = epoch.test_accuracy
    return Curve(tuple(losses), accuracy)


def median(rule: str, lr: float, eps: float | None = None) -> Median:
    curves = [run(Spec(rule, lr, seed, eps)) for seed in SEEDS]
    losses = tuple(statistics.median(epoch) for epoch in zip(*(curve.losses for curve in curves), strict=True))
    return Median(lr, losses, statistics.median(curve.accuracy for curve in curves))


@functools.cache
def best(rule: str) -> Median:
    """The median at the rate with the lowest final loss."""
    return min((median(rule, lr) for lr in rates_of(rule)), key=lambda one: one.loss)


def spread_of(rule: str) -> tuple[float, float]:
    """The lowest and the highest final loss over EPS."""
    losses = [median(rule, EPS_RULES[rule], eps).loss for eps in EPS]
    return min(losses), max(losses)


def width(rule: str) -> float:
    """The number of decades around the best rate over which the loss is at most twice the best."""
    losses = [median(rule, lr).loss for lr in RATES]
    place = losses.index(min(losses))
    low = high = place
    while low > 0 and losses[low - 1] <= 2 * losses[place]:
        low -= 1
    while high + 1 < len(losses) and losses[high + 1] <= 2 * losses[place]:
        high += 1
    return math.log10(RATES[high] / RATES[low])
