"""Each rule in float32 beside itself in float64, on gradients that are hard; run as a program it writes condition.json.

`page` writes condition.md. Both are given the same gradients, rounded to float32: what is apart, the rule has lost.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import fastopt
from fastopt.kernels import RULES, rule
from fastopt.kernels.rules.rmsprop import mean, stepped, variance

HERE = Path(__file__).parent
STEPS, COUNT = 2000, 16
# The rounding of as many additions, if each errs to the same side.
BOUND = STEPS * 2.0**-24


@rule
def mean_square_less(p, g, v, a, *, lr=1e-2, alpha=0.99, eps=1e-8):  # type: ignore[no-untyped-def]
    """Centered RMSprop as it is printed: the mean square less the square of the mean."""
    v, a = mean(v, g * g, alpha), mean(a, g, alpha)
    return stepped(p, g, variance(v, a), lr=lr, eps=eps, eps_inside=False), v, a


PRINTED = "rmsprop_centered as printed"
# These gradients have no minimum: on them a rate that grows with the distance from the start has no bound.
FROM_START = [name for name, own in RULES.items() if own.average is None and (own.from_parameter or "d0" in own.hyper)]
# Every other rule with its own hyperparameters, then some that forget their start within so many steps.
ROWS: dict[str, tuple[Any, dict[str, float]]] = {
    **{name: (own, {}) for name, own in RULES.items() if name not in FROM_START},
    "adabelief, beta2=0.99": (RULES["adabelief"], {"beta2": 0.99}),
    "rmsprop_centered, alpha=0.9": (RULES["rmsprop_centered"], {"alpha": 0.9}),
    PRINTED: (mean_square_less, {}),
}


def about(mean: float, noise: float) -> Callable[[int, Any], Any]:
    return lambda t, normal: mean * (1 + noise * normal)


# The gradients of step t, of normal numbers.
KINDS: dict[str, Callable[[int, Any], Any]] = {
    "normal": lambda t, normal: normal,
    "1 ± 1e-3": about(1.0, 1e-3),
    "1 ± 1e-5": about(1.0, 1e-5),
    "1": about(1.0, 0.0),
    "1e6 ± 1e3": about(1e6, 1e-3),
    "1e-12 ± 1e-15": about(1e-12, 1e-3),
    "growing": lambda t, normal: 10 ** (8 * t / STEPS - 4) * normal,
    "falling": lambda t, normal: 10 ** (4 - 8 * t / STEPS) * normal,
    "spikes": lambda t, normal: (1e-2 if t % 500 else 1e4) * normal,
}
_MEAN = "what is left of the gradients beside their mean is near the rounding of the mean"
_NOTHING = "the variance falls to nothing, and what is left of it in float32 is rounding"
# Where a rule may lose more than BOUND: how much, and why.
MORE: dict[tuple[str, str], tuple[float, str]] = {
    ("adabelief, beta2=0.99", "1 ± 1e-5"): (5e-4, _MEAN),
    ("rmsprop_centered, alpha=0.9", "1 ± 1e-5"): (5e-4, _MEAN),
    ("rmsprop_centered", "1"): (2e-3, _NOTHING),
    ("rmsprop_centered_momentum", "1"): (2e-3, _NOTHING),
    ("rmsprop_centered, alpha=0.9", "1"): (1.0, _NOTHING),
    ("adabelief, beta2=0.99", "1"): (5e-4, _NOTHING),
    ("yogi", "1"): (
        5e-4,
        "where v has come to the square of the gradient, rounding decides whether it next goes up or down",
    ),
}


def lost(row: str, kind: str) -> float:
    """How far weights in float32 are from those in float64 after STEPS steps, of the largest that each has been.

    Weights start at 0: each is the sum of its steps, whose errors no large start hides.
    """
    subject, hyper = ROWS[row]
    weights = {dtype: np.zeros(COUNT, dtype) for dtype in ("float32", "float64")}
    opts = {dtype: fastopt.Optimizer(p, subject, **hyper) for dtype, p in weights.items()}
    generator, size = np.random.default_rng(0), np.zeros(COUNT)
    for t in range(1, STEPS + 1):
        g = KINDS[kind](t, generator.standard_normal(COUNT)).astype("float32")
        for dtype, opt in opts.items():
            opt.step(g.astype(dtype), **opt.rule.told(1.0))
        size = np.maximum(size, abs(weights["float64"]))
    return float((abs(weights["float32"] - weights["float64"]) / size).max())


def page(found: Mapping[str, Mapping[str, float]]) -> str:
    """The text of condition.md. Raises ValueError for a figure that is beyond its bound."""
    rows = [f"| rule | {' | '.join(KINDS)} |", f"| --- |{' --- |' * len(KINDS)}"]
    beyond: dict[str, list[str]] = {}
    for row, figures in found.items():
        cells = []
        for kind, figure in figures.items():
            bound, reason = MORE.get((row, kind), (BOUND, ""))
            if not figure <= bound and row != PRINTED:
                raise ValueError(f"{row} loses {figure:.1e} on gradients of {kind}; the bound is {bound:.1e}")
            if reason:
                beyond.setdefault(reason, []).append(f"`{row}` on {kind}")
            cells.append(f"**{figure:.0e}**" if figure > BOUND else f"{figure:.0e}")
        rows.append(f"| `{row}` | {' | '.join(cells)} |")
    reasons = [f"- {', '.join(where)}: {reason}." for reason, where in beyond.items()]
    reasons.append(
        f"- `{PRINTED}`, which the library does not have: the mean square less the square of the mean has none of the "
        "digits that the two share. The library's rule carries the variance itself."
    )
    parts = [
        "# What float32 loses",
        "Written by docs/generators/generate.py from the runs of docs/generators/condition.py.",
        f"Every rule in float32 beside itself in float64, after {STEPS:,} steps from 0 on the same gradients: the "
        "largest difference of a weight, of the largest value that the weight has had. The columns are the gradients: "
        "normal numbers; a mean with noise about it; a constant; normal numbers of a size that grows from 1e-4 to 1e4 "
        "or falls as far; and small ones with a large one every 500 steps. Rules have their own hyperparameters; rows "
        "with another one forget their start within the run. Rules whose rate grows with the distance from the start "
        f"are not here, since these gradients have no minimum: {', '.join(f'`{name}`' for name in FROM_START)}.",
        f"The rounding of {STEPS:,} additions is {BOUND:.1e} at most. What is beyond that is printed **bold**:",
        "\n".join(reasons),
        "\n".join(rows),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    result = {row: {kind: lost(row, kind) for kind in KINDS} for row in ROWS}
    (HERE / "condition.json").write_text(json.dumps(result, indent=1) + "\n")
