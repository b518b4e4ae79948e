"""torch.optim.lr_scheduler: the base rate stands where torch takes the optimizer; last_epoch 0 is step 1 here.

CyclicLR and OneCycleLR, which overwrite the optimizer's rate in torch, and schedulers that are made of other schedulers
have no base rate.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ... import schedules as core
from ...kernels.language.values import kind_of
from ...schedules.arguments import ascending, count, number, sequence
from ...schedules.calls import named
from ...schedules.functions import each
from ...schedules.schedule import Schedule
from ...schedules.shapes import between
from ...schedules.shapes import cosine as cosine_shape
from ..unused import refuse


class Factor(Schedule):
    """A base rate times a factor. In torch the factor multiplies the present rate, so that several can be chained."""

    def __init__(self, lr: float, factor: Schedule, last_epoch: int) -> None:
        starts_anew(last_epoch)
        self.lr, self.factor = number("lr", lr), factor
        super().__init__((self.lr * factor).formula, steps=factor.steps, horizon=factor.horizon)


def starts_anew(last_epoch: int) -> None:
    refuse("last_epoch", last_epoch, -1, "the step says where a resumed run is")


def of_one_group(name: str, value: Any) -> Callable[[int], float]:
    if not callable(value):
        raise TypeError(
            f"{name} must be a function; got {kind_of(value)}. For one function a group, give each group its own: "
            "groups={'encoder': {'lr': LambdaLR(...)}}"
        )
    return value  # type: ignore[no-any-return]


@named
def LambdaLR(lr: float, lr_lambda: Callable[[int], float], last_epoch: int = -1) -> Schedule:
    """The base rate times a function of the epoch, counted from 0."""
    starts_anew(last_epoch)
    base, function = number("lr", lr), of_one_group("lr_lambda", lr_lambda)
    return Schedule(lambda t: base * each(lambda one: float(function(int(one))), t))


@named
def MultiplicativeLR(lr: float, lr_lambda: Callable[[int], float], last_epoch: int = -1) -> Schedule:
    """The base rate times the function's values at 1, 2 and so on up to the epoch.

    The products are kept, so that each step costs one more product; their order is always that of the steps.
    """
    starts_anew(last_epoch)
    function, rates = of_one_group("lr_lambda", lr_lambda), [number("lr", lr)]

    def rate(t: float) -> float:
        while len(rates) <= t:
            rates.append(rates[-1] * float(function(len(rates))))
        return rates[int(t)]

    return Schedule(lambda t: each(rate, t))


@named
def StepLR(lr: float, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> Factor:
    """Multiplied by gamma after each step_size updates."""
    return Factor(lr, core.step_decay(1.0, every=count("step_size", step_size), gamma=gamma), last_epoch)


@named
def MultiStepLR(lr: float, milestones: Sequence[int], gamma: float = 0.1, last_epoch: int = -1) -> Factor:
    """Multiplied by gamma after each milestone; by a power of gamma where a milestone is repeated."""
    repeats = Counter(count("a milestone", milestone, low=0) for milestone in sequence("milestones", milestones))
    # The first update already comes after a milestone of 0.
    bounds = sorted(milestone for milestone in repeats if milestone)
    times = itertools.accumulate((repeats[milestone] for milestone in bounds), initial=repeats[0])
    values = [number("gamma", gamma) ** exponent for exponent in times]
    return Factor(lr, core.piecewise(values, boundaries=bounds) if bounds else core.constant(values[0]), last_epoch)


@named
def ConstantLR(lr: float, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1) -> Factor:
    """Multiplied by a factor for the first total_iters updates."""
    part = number("factor", factor, 0.0, 1.0, above=True)
    return Factor(lr, core.piecewise([part, 1.0], boundaries=[count("total_iters", total_iters)]), last_epoch)


@named
def LinearLR(
    lr: float,
    start_factor: float = 1.0 / 3,
    end_factor: float = 1.0,
    total_iters: int = 5,
    last_epoch: int = -1,
) -> Factor:
    """Multiplied by a factor that goes in a line from one value to the other in total_iters updates."""
    start = number("start_factor", start_factor, 0.0, 1.0, above=True)
    end = number("end_factor", end_factor, 0.0, 1.0)
    return Factor(lr, core.linear(start, steps=count("total_iters", total_iters), end=end), last_epoch)


@named
def ExponentialLR(lr: float, gamma: float, last_epoch: int = -1) -> Factor:
    """Multiplied by gamma after each update."""
    return Factor(lr, core.exponential(1.0, gamma=gamma), last_epoch)


@named
def PolynomialLR(lr: float, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> Factor:
    """To zero in total_iters updates, as (1 - epoch / total_iters) ** power."""
    return Factor(lr, core.polynomial(1.0, steps=count("total_iters", total_iters), power=power), last_epoch)


@named
def CosineAnnealingLR(lr: float, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> Schedule:
    """Along a cosine to eta_min in T_max updates, and up again in as many, for ever."""
    starts_anew(last_epoch)
    start, end, half = number("lr", lr), number("eta_min", eta_min), float(count("T_max", T_max))
    return Schedule(lambda t: between(start, end, cosine_shape(t / half)), horizon=half)


@named
def CosineAnnealingWarmRestarts(
    lr: float, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
) -> Schedule:
    """Along half a cosine in T_0 updates, then from the start again, each time T_mult times as slowly."""
    starts_anew(last_epoch)
    return core.warm_restarts(lr, period=count("T_0", T_0), growth=count("T_mult", T_mult), end=eta_min)


@named
def ChainedScheduler(schedulers: Sequence[Factor]) -> Factor:
    """The product of the schedulers' factors, times the base rate that they share.

    Those that set the rate in torch, instead of multiplying it, undo the ones before them and cannot be chained here:
    LambdaLR, MultiplicativeLR, the cosines, CyclicLR and OneCycleLR.
    """
    parts = sequence("schedulers", schedulers)
    if not parts:
        raise ValueError("schedulers is empty; pass one or more")
    for place, part in enumerate(parts):
        if not isinstance(part, Factor):
            raise ValueError(f"schedulers[{place}] must multiply the rate, as StepLR does; got {part!r}")
        if part.lr != parts[0].lr:
            raise ValueError(
                f"schedulers[{place}] has the base rate {part.lr}, but schedulers[0] has {parts[0].lr}; pass equal "
                "base rates"
            )
    factor: Schedule = parts[0].factor
    for part in parts[1:]:
        factor = factor * part.factor
    return Factor(parts[0].lr, factor, -1)


@named
def SequentialLR(schedulers: Sequence[Schedule], milestones: Sequence[int], last_epoch: int = -1) -> Schedule:
    """Each scheduler up to its milestone, from its own first step and with its own base rate."""
    starts_anew(last_epoch)
    bounds = ascending("milestones", milestones, of="schedulers", parts=len(sequence("schedulers", schedulers)))
    return core.join(schedulers, boundaries=bounds)
