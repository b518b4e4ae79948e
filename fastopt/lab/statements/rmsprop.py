"""What the documents say of RMSprop."""

import functools
from typing import Any

import numpy as np

from ...optimizer.optimizer import Optimizer
from ..digits_runs import width
from ..runs import Descent, descend, fastest, rates_met
from ..statement import Finding, Statement

DECAYS = (0.9, 0.99, 0.999)
STEPS = 10_000
_SENSITIVE = ("sgd", "adagrad", "adadelta", "adam")


@functools.cache
def levels() -> dict[str, Any]:
    """The rate in each of STEPS steps with a gradient of 1, for each decay and for Adagrad, at lr 0.001."""
    ones = np.ones((STEPS, 1))
    rates = {f"decay {decay:g}": rates_met("rmsprop", ones, lr=1e-3, alpha=decay)[:, 0] for decay in DECAYS}
    return {**rates, "adagrad": rates_met("adagrad", ones, lr=1e-3)[:, 0]}


def constant_level() -> Finding:
    curves = levels()
    ours = [curves[f"decay {decay:g}"] for decay in DECAYS]
    fall = [rates[0] / rates[-1] for rates in ours]
    share = ours[2][99] / ours[2][0] / (curves["adagrad"][99] / curves["adagrad"][0])
    return Finding(
        f"With decays of 0.9, 0.99 and 0.999 the rate settles at lr, whatever came before; after {STEPS:,} steps "
        f"Adagrad's is {curves['adagrad'][-1] / ours[0][-1]:.2f} of that. But it starts {fall[0]:.1f}, {fall[1]:.0f} "
        f"and {fall[2]:.0f} times as high, as the mean starts at 0, and falls from there: with 0.999 in the first "
        f"100 steps by {ours[2][0] / ours[2][99]:.1f} times, Adagrad by "
        f"{curves['adagrad'][0] / curves['adagrad'][99]:.0f}.",
        {
            "the rate does not go on falling": all(rates[-1] > 0.99 * rates[STEPS // 2] for rates in ours),
            "at first it falls less rapidly than Adagrad's": bool(share > 1.1),
        },
    )


@functools.cache
def regions() -> Any:
    """The rates of RMSprop (decay 0.9) and Adagrad where gradients are 1, then 10, then 0.1, 100 steps each."""
    g = np.repeat([1.0, 10.0, 0.1], 100)[:, None]
    return {rule: rates_met(rule, g, lr=1e-2, **given)[:, 0] for rule, given in _REGIONS.items()}


_REGIONS: dict[str, Any] = {"rmsprop": {"alpha": 0.9}, "adagrad": {}}


def steep_and_flat() -> Finding:
    curves = regions()
    (one, ten, tenth), (_, _, others) = ([rates[k] for k in (99, 199, 299)] for rates in curves.values())
    return Finding(
        f"Where gradients are 1, 10 and 0.1 RMSprop's rate goes to {one:.1e}, {ten:.1e} and {tenth:.1e}; Adagrad's "
        f"ends at {others:.1e}.",
        {
            "the rate falls where gradients are steep": bool(ten < one / 5),
            "the rate rises where they are flat": bool(tenth > 5 * one),
        },
    )


@functools.cache
def along_and_across() -> tuple[Descent, Descent]:
    """RMSprop and SGD in the valley, 200 steps; SGD near the highest rate at which it stays."""
    return descend("rmsprop", "valley", lr=0.1, alpha=0.9), descend("sgd", "valley", lr=1.0)


def directions() -> Finding:
    ours, plain = along_and_across()
    along, across = (float(np.median(ours.rates[:50, k])) for k in (0, 1))
    turns = [int((np.diff(np.sign(run.points[:20, 1])) != 0).sum()) for run in (ours, plain)]
    steps = [fastest(rule, "valley") for rule in ("rmsprop", "sgd")]
    return Finding(
        f"In the first 50 steps RMSprop's median rate is {along:.2f} along the valley and {across:.2f} across it, "
        f"where SGD has {plain.lr:g} for both. Across, SGD changes sides {turns[1]} times in 20 steps, RMSprop "
        f"{turns[0]} times. To a thousandth of the loss, which is the way along, RMSprop needs {steps[0]} steps at "
        f"its best rate, SGD {steps[1]}.",
        {
            "its rate along is larger than across": along > 2 * across,
            "across it is slow enough not to oscillate": turns[0] == 0,
            "along it is faster than SGD": steps[0] is not None and (steps[1] is None or steps[0] < steps[1]),
        },
    )


@functools.cache
def about_a_minimum() -> dict[str, Any]:
    """The ways of RMSprop at two rates, and of Adagrad, on x²/2 from 2; 3,000 steps."""
    ways = {}
    for label, rule, lr in (
        ("rmsprop, lr 0.1", "rmsprop", 0.1),
        ("rmsprop, lr 0.01", "rmsprop", 0.01),
        ("adagrad, lr 0.1", "adagrad", 0.1),
    ):
        p = np.full(1, 2.0)
        opt, way = Optimizer(p, rule, lr=lr), [2.0]
        for _ in range(3000):
            opt.step(p.copy())
            way.append(float(p[0]))
        ways[label] = np.array(way)
    return ways


def oscillation() -> Finding:
    large, small, adagrad = (float(abs(way[-100:]).max()) for way in about_a_minimum().values())
    signs = [int((np.diff(np.sign(way[-100:])) != 0).sum()) for way in about_a_minimum().values()]
    return Finding(
        f"After 3,000 steps on x²/2 RMSprop still goes from side to side, {signs[0]} times in the last 99 steps, as "
        f"far out as {large:.3f} at lr 0.1 and {small:.4f} at lr 0.01: half the rate. Adagrad is {adagrad:.0e} away.",
        {
            "it oscillates about the minimum": signs[0] > 90 and large > 0.01,
            "its size follows the rate": bool(5 < large / small < 20),
        },
    )


def sensitivity() -> Finding:
    ours, others = width("rmsprop"), {rule: width(rule) for rule in _SENSITIVE}
    told = ", ".join(f"{rule} {decades:.1f}" for rule, decades in others.items())
    return Finding(
        f"The final loss is within twice the best over {ours:.1f} decades of the rate; {told}.",
        {
            "the choice of the rate matters": ours < 2,
            "it is more sensitive than every other": all(ours < decades for decades in others.values()),
        },
    )


STATEMENTS = (
    Statement(
        "rmsprop-decay",
        "RMSprop with a decay of 0.9, 0.99 or 0.999 “prevents the rapid decline of the effective learning rate”",
        "A gradient of 1 in each of 10,000 steps",
        constant_level,
        "rmsprop-levels",
    ),
    Statement(
        "rmsprop-regions",
        "RMSprop's rate decreases in steep regions and increases in flat ones",
        "Gradients of 1, then 10, then 0.1, 100 steps each",
        steep_and_flat,
        "rmsprop-regions",
    ),
    Statement(
        "rmsprop-directions",
        "RMSprop learns fast in the horizontal direction and slowly in the vertical one",
        "The valley, horizontal along it; RMSprop at lr 0.1, SGD at 1",
        directions,
        "rmsprop-directions",
    ),
    Statement(
        "rmsprop-oscillation",
        "RMSprop may oscillate around a minimum when its rate becomes constant",
        "x²/2 from 2, 3,000 steps",
        oscillation,
        "rmsprop-oscillation",
    ),
    Statement(
        "rmsprop-sensitivity",
        "RMSprop is notably sensitive to the initial rate",
        "The digits at eleven rates, three seeds",
        sensitivity,
        "digits-rates",
        digits=True,
    ),
)
