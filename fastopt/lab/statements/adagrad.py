"""What the documents say of Adagrad."""

import functools
from typing import Any

import numpy as np

from ...optimizer.optimizer import Optimizer
from ..digits_runs import WITHOUT_ROOT, best, spread_of
from ..own_rules import adagrad_without_root
from ..runs import descend, fastest, rates_met
from ..statement import Finding, Statement
from ..surfaces import SURFACES, Surface

STEPS = 10_000
# How often the gradient of a weight is 1 rather than 0: every so many steps.
EVERY = {"each step": 1, "every 10th": 10, "every 100th": 100}


@functools.cache
def decay() -> Any:
    """The rates of Adagrad for weights that are met as EVERY says, (STEPS, 3), at lr 0.1."""
    steps = np.arange(STEPS)[:, None]
    return rates_met("adagrad", (steps % np.array(list(EVERY.values())) == 0).astype(float), lr=0.1)


def frequent_and_rare() -> Finding:
    rates = decay()
    last = rates[-1]
    return Finding(
        f"After {STEPS:,} steps the rate is {last[0]:.1e} for a weight met in each step, {last[1] / last[0]:.1f} times "
        f"that for one met in every 10th, {last[2] / last[0]:.1f} times for every 100th: the root of how rare it is. "
        f"But each has only fallen: the rare one to {last[2] / rates[0, 2]:.2f} of its first value.",
        {
            "rare weights get larger rates": bool(last[0] < last[1] < last[2]),
            "a rate is increased": bool((rates[1:] > 1.001 * rates[:-1]).any()),
        },
    )


def exponential() -> Finding:
    t = np.arange(10, STEPS + 1)
    log = np.log(decay()[9:, 0])
    power, of_power = _fit(np.log(t), log)
    _, of_exponential = _fit(t, log)
    return Finding(
        f"With gradients of one size the rate falls as t**{power:.2f}: it takes four times the steps to halve it "
        f"again. That line explains {of_power:.1%} of the variance of its logarithm, an exponential "
        f"{of_exponential:.0%}.",
        {"the decrease is exponential": of_exponential > of_power},
    )


def _fit(x: Any, y: Any) -> tuple[float, float]:
    """The slope of a straight line and the share of the variance that it explains."""
    slope, level = np.polyfit(x, y, 1)
    return float(slope), float(1 - ((y - slope * x - level) ** 2).mean() / y.var())


_ALONE = Surface(
    "valley without its dense direction",
    lambda x, y: 0.032 * x**2 / 2 + 0 * y,
    SURFACES["valley"].start,
    SURFACES["valley"].x,
    SURFACES["valley"].y,
)


def hindered() -> Finding:
    beside, alone = (descend("adagrad", on, lr=1.0).points[:, 0] for on in (SURFACES["valley"], _ALONE))
    return Finding(
        f"x goes the same way in all {len(beside) - 1} steps, to the last bit, whether the steep y is there or not: "
        f"largest difference {abs(beside - alone).max():g}. Each weight has a history of its own.",
        {"the dense direction's history slows the sparse one": not np.array_equal(beside, alone)},
    )


@functools.cache
def followed(rule: str, lr: float) -> tuple[Any, int, int]:
    """The way of a weight after a minimum that moves from 1 to 0 after 2,000 steps, with noisy gradients.

    Also how many steps it takes to be within 0.1 for the first time, before and after.
    """
    generator = np.random.default_rng(0)
    p, ways = np.zeros(1), [0.0]
    opt = Optimizer(p, rule, lr=lr)
    for step in range(8000):
        opt.step(p - (step < 2000) + 0.5 * generator.standard_normal(1))
        ways.append(float(p[0]))
    way = np.array(ways)
    return way, int((abs(way - 1) < 0.1).argmax()), int((abs(way[2000:]) < 0.1).argmax())


def too_early() -> Finding:
    _, first, again = followed("adagrad", 0.1)
    _, rms_first, rms_again = followed("rmsprop", 0.01)
    return Finding(
        f"Adagrad reaches a minimum in {first} steps with noisy gradients; when it moves as far again, after 2,000 "
        f"steps, it needs {again:,}. RMSprop needs {rms_first} and {rms_again}.",
        {
            "Adagrad learns ever more slowly": again > 2 * first,
            "RMSprop does not": rms_again < 2 * rms_first,
        },
    )


def too_early_on_digits() -> Finding:
    ours, others = best("adagrad"), {rule: best(rule) for rule in ("sgd", "rmsprop", "adam")}
    told = ", ".join(f"{rule} {result.loss:.3f}" for rule, result in others.items())
    return Finding(
        f"At each rule's best rate Adagrad ends at a training loss of {ours.loss:.3f} (lr {ours.lr:g}); {told}. "
        f"Test accuracy {ours.accuracy:.1%}, against at most {max(result.accuracy for result in others.values()):.1%}.",
        {"Adagrad stops at a worse loss than RMSprop": ours.loss > 1.1 * others["rmsprop"].loss},
    )


@functools.cache
def near_a_minimum() -> tuple[Any, Any]:
    """Adagrad's rate of x on x**2 / 2 with exact gradients, and with noise of a tenth; 2,000 steps from 1, lr 0.5."""
    both = []
    for noise in (0.0, 0.1):
        generator, p = np.random.default_rng(0), np.ones(1)
        opt, rates = Optimizer(p, "adagrad", lr=0.5), []
        for _ in range(2000):
            g = p + noise * generator.standard_normal(1)
            opt.step(g)
            rates.append(0.5 / float(np.sqrt(opt.state[0]["h"][0])))
        both.append(np.array(rates))
    return both[0], both[1]


def small_gradients() -> Finding:
    exact, noisy = near_a_minimum()
    return Finding(
        f"With exact gradients the rate does not fall near the minimum: {exact[99]:.3f} after 100 steps, "
        f"{exact[-1]:.3f} after 2,000, since gradients that vanish add nothing to their history. With noise that does "
        f"not vanish it falls from {noisy[99]:.3f} to {noisy[-1]:.3f}.",
        {
            "with exact gradients the rate keeps falling": bool(exact[-1] < 0.9 * exact[99]),
            "with noisy gradients the rate keeps falling": bool(noisy[-1] < 0.9 * noisy[99]),
        },
    )


def _told(steps: int | None) -> str:
    return "never" if steps is None else f"{steps}"


def _slower(one: int | None, other: int | None, factor: float) -> bool:
    return other is not None and (one is None or one > factor * other)


def without_root() -> Finding:
    places = ("valley", "quadratic", "beale")
    root = {name: fastest("adagrad", name) for name in places}
    none = {name: fastest(adagrad_without_root, name) for name in places}
    told = [f"on {name} {_told(none[name])}, with it {_told(root[name])}" for name in places]
    return Finding(
        f"Steps to a thousandth of the first loss without the root, at the best rate: {'; '.join(told)}.",
        {f"it is much slower on {name}": _slower(none[name], root[name], 2) for name in places},
    )


def without_root_on_digits() -> Finding:
    root, none = best("adagrad"), best(WITHOUT_ROOT)
    return Finding(
        f"Training loss {none.loss:.2f} without the root, at its best rate of {none.lr:g}; {root.loss:.3f} with it.",
        {"it is much worse without the root": none.loss > 2 * root.loss},
    )


def with_momentum() -> Finding:
    places = ("valley", "rosenbrock", "beale")
    plain = {name: fastest("adagrad", name, 0.1) for name in places}
    momentum = {name: fastest("adagrad_momentum", name, 0.1) for name in places}
    told = [f"on {name} {_told(momentum[name])}, without {_told(plain[name])}" for name in places]
    ours, theirs = best("adagrad_momentum"), best("adagrad")
    parts = {f"momentum helps on {name}": _slower(plain[name], momentum[name], 1) for name in places}
    return Finding(
        f"Steps to a tenth of the first loss with a momentum of 0.9, at the best rate: {'; '.join(told)}. "
        f"Training loss of the digits {ours.loss:.3f}, without {theirs.loss:.3f}.",
        {**parts, "momentum helps on the digits": ours.loss < theirs.loss},
    )


def eps() -> Finding:
    p = np.ones(2)
    with np.errstate(all="ignore"):
        opt = Optimizer(p, "adagrad", lr=0.1, eps=0.0)
        opt.step(np.array([0.0, 1.0]))
    adagrad, rmsprop = spread_of("adagrad"), spread_of("rmsprop")
    told = [
        f"{rule} from {low:.3f} to {high:.3f}" for rule, (low, high) in (("Adagrad", adagrad), ("RMSprop", rmsprop))
    ]
    return Finding(
        f"Without eps a weight whose first gradient is 0 becomes {p[0]:g}. From 1e-4 to 1e-8 the loss on the digits, "
        f"at the rule's best rate, goes for {', for '.join(told)}.",
        {
            "eps avoids a division by zero": bool(np.isnan(p[0])),
            "any eps of the range will do for Adagrad (within a tenth)": adagrad[1] < 1.1 * adagrad[0],
            "any eps of the range will do for RMSprop (within a tenth)": rmsprop[1] < 1.1 * rmsprop[0],
        },
    )


STATEMENTS = (
    Statement(
        "adagrad-frequent-and-rare",
        "Adagrad: weights with high or frequent gradients get a reduced rate, those with rare ones an increased rate",
        "A gradient of 1 in each, in every 10th and in every 100th step, else 0",
        frequent_and_rare,
        "adagrad-decay",
    ),
    Statement(
        "adagrad-exponential",
        "Adagrad's rate “decreased exponentially”",
        "A gradient of 1 in each step, 10,000 steps",
        exponential,
        "adagrad-decay",
    ),
    Statement(
        "adagrad-hindered",
        "Adagrad's small rate for dense features “hindered movement in the direction of sparse features”",
        "The valley with and without its steep direction",
        hindered,
        "valley-paths",
    ),
    Statement(
        "adagrad-too-early",
        "Adagrad “proves too aggressive and stops learning too early”",
        "A minimum that moves after 2,000 steps, noisy gradients; lr 0.1, RMSprop 0.01",
        too_early,
        "adagrad-moving",
    ),
    Statement(
        "adagrad-too-early-digits",
        "The same, “in case of Deep Learning”",
        "The digits, five epochs, best of eleven rates, three seeds",
        too_early_on_digits,
        "digits-losses",
        digits=True,
    ),
    Statement(
        "adagrad-near-minimum",
        "Near the minimum Adagrad's rate decreases excessively, as gradients are small and the history large",
        "x²/2 from 1, exact gradients and noisy ones",
        small_gradients,
        "adagrad-near-minimum",
    ),
    Statement(
        "adagrad-without-root",
        "The root is “very important and without it the algorithm performs much worse”",
        "A rule without it on three surfaces, best of eleven rates",
        without_root,
        "adagrad-variants",
    ),
    Statement(
        "adagrad-without-root-digits",
        "The same, on a network",
        "The digits, best of eleven rates, three seeds",
        without_root_on_digits,
        "digits-rates",
        digits=True,
    ),
    Statement(
        "adagrad-momentum",
        "Momentum could improve Adagrad",
        "Three surfaces and the digits, best rates",
        with_momentum,
        "adagrad-variants",
        digits=True,
    ),
    Statement(
        "eps",
        "eps avoids division by zero and is set from 1e-4 to 1e-8",
        "A gradient of 0 without eps; the digits with five values of eps",
        eps,
        "digits-eps",
        digits=True,
    ),
)
