"""D-Adaptation: the rate follows from a lower bound of the distance from the start to the solution."""

import math

from ..families import Family
from ..language.functions import decayed, maximum, minimum, norm, over_parts, quotient, sqrt, total, where
from ..rule_type import rule
from .adam import rate_correction

REQUIRE = "0 <= lr < inf, 0 < d0 < inf, growth_rate >= 1"
MOMENTS = "0 <= beta1 < 1, 0 <= beta2 < 1, 0 < eps < inf, 0 <= weight_decay < inf"


def estimated(d, bound, growth_rate):
    """The estimate of the distance, after a step that gives a lower bound of it."""
    return maximum(d, minimum(bound, d * growth_rate))


def paused(lr, *decays):
    """The decays of a step; 1 if its lr is 0, with which running means stay as they are."""
    return tuple(where(lr > 0, decay, 1.0) for decay in decays)


@rule(require=f"{REQUIRE}, 0 <= momentum < 1", start={"x0": "p"}, states=("d", "numerator", "g0"))
def dadapt_sgd(
    p,
    g,
    s,
    x0,
    *,
    lr=1.0,
    momentum=0.0,
    d0=1e-6,
    growth_rate=math.inf,
    over="model",
    d=0.0,
    numerator=0.0,
    g0=0.0,
):
    """Defazio & Mishchenko 2023, arXiv:2301.07733, as DAdaptSGD in the authors' package dadaptation: dual averaging
    with the rate lr * d / g0, of which g0 is the norm of the first gradient. The weights follow from x0 and s: the next
    step forgets what else moved them, as a decoupled weight decay does.

    lr: a factor of the rate that the rule works out: 1, or a schedule; with 0 nothing changes in a step.
    momentum: the part of the weights that stays from step to step.
    """
    d, size, length = maximum(d, d0), norm(g, over=over), norm(s, over=over)
    g0 = where((g0 > 0) | (lr == 0), g0, size)
    rate = quotient(d * lr, g0)
    ahead = rate * total(g * s, over=over)
    numerator = numerator + ahead
    # The norm of the new s by way of its parts: it would be a pass of its own, since the rate follows from g0.
    square = length * length + 2 * ahead + rate * rate * (size * size)
    d = where(lr > 0, estimated(d, quotient(2 * numerator, sqrt(maximum(square, 0.0))), growth_rate), d)
    s = s + rate * g
    (momentum,) = paused(lr, momentum)
    return momentum * p + (1 - momentum) * (x0 - s), s, x0, d, numerator, g0


@rule(require=f"{REQUIRE}, {MOMENTS}", states=("d", "numerator"))
def dadapt_adam(
    p,
    g,
    m,
    v,
    s,
    *,
    t,
    lr=1.0,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    weight_decay=0.0,
    decouple=False,
    bias_correction=False,
    d0=1e-6,
    growth_rate=math.inf,
    over="model",
    d=0.0,
    numerator=0.0,
):
    """Defazio & Mishchenko 2023, arXiv:2301.07733, as DAdaptAdam in the authors' package dadaptation; optax's
    dadapt_adamw has decouple and bias_correction on.

    lr: a factor of the rate that the rule works out: 1, or a schedule; with 0 nothing changes in a step.
    beta1: the decay of the running mean of the gradient times the rate.
    weight_decay: the part of the weights that is added to the gradient, or taken from them with decouple.
    bias_correction: the bias of both running means is corrected, in the rate. Every step counts, as in optax; the
    package does not count steps before the first gradient, nor steps whose lr is 0.
    """
    d = maximum(d, d0)
    rate = d * lr * rate_correction(t, beta1, beta2) if bias_correction else d * lr
    beta1, beta2, sqrt_beta2 = paused(lr, beta1, beta2, sqrt(beta2))
    g = g if decouple else g + weight_decay * p
    ahead = rate * total(g * (s / (sqrt(v) + eps)), over=over)
    s = sqrt_beta2 * s + rate * (1 - sqrt_beta2) * g
    length = total(abs(s), over=over)
    numerator = sqrt_beta2 * numerator + (1 - sqrt_beta2) * ahead
    d = estimated(d, quotient(numerator, (1 - sqrt_beta2) * length), growth_rate)
    m = beta1 * m + rate * (1 - beta1) * g
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    # As long as every gradient is 0 there is no step, and no decay.
    p = decayed(p, rate, where(length > 0, weight_decay, 0.0)) if decouple else p
    return p - where(lr > 0, m / (sqrt(v) + eps), 0.0), m, v, s, d, numerator


SGD = Family("DAdaptSGD", {"": dadapt_sgd})
ADAM_FAMILY = Family("DAdaptAdam", {"": dadapt_adam})
