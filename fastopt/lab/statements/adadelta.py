"""What the documents say of Adadelta, whose ratio they print in two ways."""

import functools
from typing import Any

import numpy as np

from ...kernels import Rule
from ..digits_runs import PRINTED, best, median
from ..own_rules import adadelta_printed
from ..runs import descend, rates_met
from ..statement import Finding, Statement

STEPS = 1000
RATIOS: dict[str, str | Rule] = {"√(u+ε) / √(v+ε)": "adadelta", "√((v before+ε) / (v+ε))": adadelta_printed}


@functools.cache
def ratios() -> dict[str, Any]:
    """Both ratios, in each of STEPS steps, for gradients around 1 and around 1,000; (STEPS, 2)."""
    noise = 1 + 0.5 * np.random.default_rng(0).standard_normal((STEPS, 1))
    return {label: rates_met(rule, noise * np.array([1.0, 1000.0]), lr=1.0) for label, rule in RATIOS.items()}


def first_ratio() -> Finding:
    rates = ratios()["√(u+ε) / √(v+ε)"]
    small, large = (float(np.median(rates[-100:, k])) for k in (0, 1))
    plain, chosen = median("adadelta", 1.0), best("adadelta")
    firsts = [float(rates_met("adadelta", np.ones((1, 1)), eps=eps)[0, 0]) for eps in (1e-8, 1e-4)]
    return Finding(
        f"Where gradients are a thousand times as large the rate is {small / large:,.0f} times as small: the step "
        f"keeps its size. As printed, without a rate, it ends on the digits at {plain.loss:.3f}; with the best of "
        f"eleven, {chosen.lr:g}, at {chosen.loss:.3f}. What begins its steps is eps: the first one is "
        f"{firsts[0]:.0e} with 1e-8 and {firsts[1]:.0e} with 1e-4.",
        {
            "it adapts to the gradient's magnitude": 500 < small / large < 2000,
            "it eliminates the tuning of a rate (within a tenth of the best)": plain.loss < 1.1 * chosen.loss,
            "eps matters little to its first steps": firsts[1] < 2 * firsts[0],
        },
    )


def second_ratio() -> Finding:
    rates = ratios()["√((v before+ε) / (v+ε))"][10:]
    small, large = (float(np.median(rates[:, k])) for k in (0, 1))
    rosenbrock, plain = (descend(rule, "rosenbrock", lr=1.0).left for rule in (adadelta_printed, "sgd"))
    digits, sgd = median(PRINTED, 1.0), median("sgd", 1.0)
    return Finding(
        f"Its median is {small:.2f} for gradients around 1 and {large:.2f} for ones around 1,000: it compares the "
        f"gradients' mean with itself, a step before. So the rule is SGD at a rate near 1: on Rosenbrock it leaves at "
        f"step {rosenbrock}, SGD at lr 1 at step {plain}; on the digits it ends at {digits.loss:.2f}, SGD at "
        f"{sgd.loss:.2f}.",
        {
            "it adapts to the gradient's magnitude": small / large > 10,
            "it can take the place of a learning rate": rosenbrock is None,
        },
    )


STATEMENTS = (
    Statement(
        "adadelta-first-ratio",
        "Adadelta scales by √(u before+ε) / √(v+ε): it needs no tuning of a rate and is robust to its parameters",
        "Gradients around 1 and around 1,000; the digits",
        first_ratio,
        "adadelta-ratios",
        digits=True,
    ),
    Statement(
        "adadelta-second-ratio",
        "Adadelta replaces the rate by √((v before+ε) / (v+ε)), as the chapter on schedules prints it",
        "The same gradients, Rosenbrock and the digits",
        second_ratio,
        "adadelta-ratios",
        digits=True,
    ),
)
