"""What the documents say of Adam."""

import functools
from typing import Any

import numpy as np

from ..digits_runs import best
from ..runs import descend, rates_met
from ..statement import Finding, Statement
from .rmsprop import STEPS as LONG
from .rmsprop import levels

STEPS = 5000


@functools.cache
def bias() -> dict[str, Any]:
    """The rate in units of lr, with and without bias correction, for a gradient of 1 in each step."""
    ones = np.ones((STEPS, 1))
    rules = {"with correction": "adam", "without": "adam_uncorrected"}
    return {label: rates_met(rule, ones, lr=1e-3)[:, 0] / 1e-3 for label, rule in rules.items()}


def correction() -> Finding:
    corrected, without = bias().values()
    peak, last = int(without.argmax()), int((without > 1.1).nonzero()[0][-1]) + 1
    return Finding(
        f"With a gradient of 1, steps are lr from the first on with the correction (within "
        f"{abs(corrected - 1).max():.0e}). Without it the first is {without[0]:.1f} times lr, the {peak + 1}th "
        f"{without[peak]:.1f} times, and only after {last:,} steps they are within a tenth of lr.",
        {
            "with the correction the rate is stable from the start": bool(abs(corrected - 1).max() < 0.01),
            "without it the first steps are erratic": bool(without[peak] > 2),
        },
    )


def correction_on_digits() -> Finding:
    ours, without = best("adam"), best("adam_uncorrected")
    return Finding(
        f"At their best rates, {ours.lr:g} and {without.lr:g}, the training loss is {ours.losses[0]:.3f} with the "
        f"correction and {without.losses[0]:.3f} without after the first epoch, {ours.loss:.3f} and {without.loss:.3f} "
        f"after the fifth.",
        {
            "it helps in the first epoch": ours.losses[0] < without.losses[0],
            "it helps in the end": ours.loss < without.loss,
        },
    )


def combination() -> Finding:
    rms = descend("rmsprop", "beale", lr=0.01, alpha=0.99, eps_inside=True)
    without = descend("adam_uncorrected", "beale", lr=0.01, beta1=0.0, beta2=0.99)
    apart = float(abs(rms.points - without.points).max())
    return Finding(
        f"Without its momentum (beta1 = 0) and without bias correction Adam goes RMSprop's way on Beale's surface: "
        f"they are at most {apart:.1g} apart in {rms.steps} steps.",
        {"without momentum it is RMSprop": apart < 1e-9},
    )


def decay_issues() -> Finding:
    rates = levels()["decay 0.999"]
    return Finding(
        f"RMSprop's rate, with decay 0.999 and a gradient of 1, is {rates[LONG // 2 - 1] / 1e-3:.3f} lr after "
        f"{LONG // 2:,} steps and {rates[-1] / 1e-3:.3f} lr after {LONG:,}: nothing decays that Adam could avoid, but "
        f"the start, which Adam's correction does avoid ({rates[0] / 1e-3:.0f} lr in the first step).",
        {
            "RMSprop's rate decays for good": bool(rates[-1] < 0.9 * rates[LONG // 2 - 1]),
            "Adam avoids the fall of RMSprop's rate at first": bool(
                rates[0] / rates[-1] > 2 > bias()["with correction"][0]
            ),
        },
    )


def against_others() -> Finding:
    results = {rule: best(rule) for rule in ("adam", "rmsprop", "adadelta")}
    told = [
        f"{rule} {result.loss:.3f} and {result.accuracy:.1%} (lr {result.lr:g}; {result.losses[0]:.2f} after one epoch)"
        for rule, result in results.items()
    ]
    ours, *others = results.values()
    return Finding(
        f"Training loss and test accuracy after five epochs: {'; '.join(told)}.",
        {
            "its training loss is lowest": all(ours.loss < result.loss for result in others),
            "its first epoch is best": all(ours.losses[0] < result.losses[0] for result in others),
            "its test accuracy is best": all(ours.accuracy >= result.accuracy for result in others),
        },
    )


STATEMENTS = (
    Statement(
        "adam-bias-correction",
        "Adam's bias correction keeps its rate stable and prevents erratic updates at first",
        "A gradient of 1 in each of 5,000 steps",
        correction,
        "adam-bias",
    ),
    Statement(
        "adam-bias-correction-digits",
        "The same, on a network",
        "The digits, best of eleven rates, three seeds",
        correction_on_digits,
        "digits-losses",
        digits=True,
    ),
    Statement(
        "adam-combination",
        "Adam is a combination of momentum and RMSprop",
        "Beale's surface with beta1 = 0, without correction",
        combination,
        "beale-paths",
    ),
    Statement(
        "adam-decay",
        "Adam avoids “the learning rate decay issues encountered in RMSprop”",
        "A gradient of 1 in each of 10,000 steps",
        decay_issues,
        "rmsprop-levels",
    ),
    Statement(
        "adam-against-others",
        "Adam converges faster and generalises better than RMSprop and Adadelta",
        "The digits, best of eleven rates, three seeds",
        against_others,
        "digits-losses",
        digits=True,
    ),
)
