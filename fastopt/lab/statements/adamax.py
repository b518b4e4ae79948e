"""What the documents say of the maximum norm: Adamax, and the form that they print, in their two scenarios."""

import functools
from typing import Any

import numpy as np

from ..runs import rates_met
from ..statement import Finding, Statement

STEPS = 1000
# After how many steps with a gradient of 1 the zeros begin, and how many they are.
BEGIN, ZEROS = {"early": 300, "late": 5000}, 500
# The maximum over the gradients of the past, and the documents' over the weights of the present gradient.
FORMS = {"L2 norm (Adam)": "adam", "max norm (Adamax)": "adamax", "max norm as printed": "adam_max_norm"}


def _met(g: Any) -> dict[str, Any]:
    """Of each form the rate of the first weight, in units of lr; without momentum, which would hide it."""
    return {label: rates_met(rule, g, lr=1e-3, beta1=0.0)[:, 0] / 1e-3 for label, rule in FORMS.items()}


@functools.cache
def alternating() -> dict[str, Any]:
    """Scenario 1: gradients of 1 and 0 in turn."""
    return _met((np.arange(STEPS) % 2 == 0).astype(float)[:, None])


@functools.cache
def zeros(when: str) -> dict[str, Any]:
    """Scenario 2: gradients of 1, but inputs, and so gradients, of zero for a while, early or late in the run."""
    g = np.ones((BEGIN[when] + ZEROS + 200, 1))
    g[BEGIN[when] : BEGIN[when] + ZEROS] = 0.0
    return _met(g)


def _swing(rates: Any) -> float:
    return float(rates.max() / rates.min() - 1)


def scenario_1() -> Finding:
    l2, ours, printed = alternating().values()
    return Finding(
        f"Over {STEPS:,} steps Adam's rate moves by {_swing(l2):.0%} (to {l2[-1]:.2f} lr), Adamax's by "
        f"{_swing(ours):.1%}, that of the printed form by {_swing(printed):.0%}: for one weight it is Adam. Once "
        f"settled, in the last 100 steps, it is {_swing(l2[-100:]):.2%} for Adam and {_swing(ours[-100:]):.2%} for "
        "Adamax.",
        {
            "Adamax's rate is more consistent over the run": _swing(ours) < _swing(l2) / 2,
            "Adamax's rate is more consistent once settled": _swing(ours[-100:]) < _swing(l2[-100:]),
            "the printed form's rate is more consistent": _swing(printed) < _swing(l2) / 2,
        },
    )


def scenario_2() -> Finding:
    grown = {}
    for when, begin in BEGIN.items():
        grown[when] = [float(rates[begin + ZEROS - 1] / rates[begin - 1]) for rates in zeros(when).values()]
    (l2, ours, _), (late_l2, late_ours, late_printed) = grown.values()
    return Finding(
        f"During 500 steps of zeros after {BEGIN['early']} others Adam's rate grows {l2:.2f} times, Adamax's "
        f"{ours:.2f} times. After {BEGIN['late']:,} others, when the bias correction is over, Adam's grows "
        f"{late_l2:.2f} times, Adamax's {late_ours:.2f}, the printed form's {late_printed:.2f}: both forget with "
        "beta2, but Adam takes a root.",
        {
            "Adamax's rate is preserved (within a tenth)": ours < 1.1 and late_ours < 1.1,
            "early it changes less than the L2 norm's": ours < l2,
            "late it changes less than the L2 norm's": late_ours < late_l2,
            "the printed form's changes less than the L2 norm's": late_printed < 0.999 * late_l2,
        },
    )


@functools.cache
def in_company() -> Any:
    """The printed form where another weight always has a gradient of 1: the rate of the one of scenario 1."""
    g = np.stack([(np.arange(STEPS) % 2 == 0), np.ones(STEPS)], axis=1).astype(float)
    return _met(g)["max norm as printed"]


def printed_form() -> Finding:
    rates = in_company()
    small = rates_met("adam_max_norm", np.full((STEPS, 2), (1.0, 1e-3)), lr=1e-3, beta1=0.0)[-1] / 1e-3
    return Finding(
        f"Beside a weight whose gradient is always 1, the rate of scenario 1 moves by {_swing(rates):.0e}: it is "
        f"that of the largest gradient. So a weight with gradients of a thousandth has the rate {small[1]:.2f} lr "
        f"too, and steps a thousandth as long: no rate is adapted to a weight.",
        {
            "its rate is consistent": _swing(rates) < 0.01,
            "it adapts the rate to each weight": bool(small[1] > 10 * small[0]),
        },
    )


def large_orders() -> Finding:
    g = np.full((200, 1), 1e-3)
    l2 = rates_met("adam", g, lr=1e-3, beta1=0.0)[-1, 0]
    with np.errstate(all="ignore"):
        rates = {order: rates_met("adam_lp", g, lr=1e-3, beta1=0.0, order=order)[-1, 0] for order in (3.0, 30.0, 150.0)}
        ours = rates_met("adamax", g, lr=1e-3, beta1=0.0)[-1, 0]
    told = ", ".join(f"p = {order:g}: {rate / l2:.3g}" for order, rate in rates.items())
    return Finding(
        f"With gradients of 0.001, in float64, the rate of the Lp norm over that of the L2 norm: {told}; of the "
        f"maximum norm {ours / l2:.3g}. |g|^150 is below the smallest number, and what is left in the denominator is "
        "eps.",
        {
            "large p are unstable": not 0.5 < rates[150.0] / l2 < 2,
            "the maximum norm is not": bool(0.9 < ours / l2 < 1.1),
        },
    )


STATEMENTS = (
    Statement(
        "adamax-scenario-1",
        "Where gradients alternate between high and zero the max norm keeps a more consistent rate than the L2 norm",
        "Gradients of 1 and 0 in turn, beta2 = 0.999, without momentum",
        scenario_1,
        "adamax-scenario-1",
    ),
    Statement(
        "adamax-scenario-2",
        "With zero inputs the max norm preserves the rate, which the L2 norm may change",
        "Gradients of 1, then 500 steps of 0, then 1 again; early and late in a run",
        scenario_2,
        "adamax-scenario-2",
    ),
    Statement(
        "adamax-printed",
        "The printed form, v = β₂v + (1-β₂)‖g‖∞², is Adam with a maximum norm",
        "Two weights, one of them always with a gradient of 1",
        printed_form,
        "adamax-scenario-1",
    ),
    Statement(
        "adamax-large-p",
        "The max norm avoids the numerical instability of large p",
        "Gradients of 0.001, Lp norms with p = 3, 30 and 150",
        large_orders,
        "adamax-scenario-2",
    ),
)
