"""Prodigy: Adam whose rate is an estimate of the distance from the start to the solution, as D-Adaptation's."""

import math

from ..families import Family
from ..language.functions import decayed, maximum, minimum, over_parts, quotient, sqrt, total, where
from ..rule_type import rule
from .adam import rate_correction
from .dadaptation import MOMENTS, REQUIRE, paused


@rule(
    require=f"{REQUIRE}, {MOMENTS}, 0 <= beta3 < 1, 0 < d_coef < inf",
    start={"p0": "p"},
    states=("d", "d_max", "numerator"),
)
def prodigy(
    p,
    g,
    m,
    v,
    s,
    p0,
    *,
    t,
    lr=1.0,
    beta1=0.9,
    beta2=0.999,
    beta3=0.0,
    eps=1e-8,
    weight_decay=0.0,
    decouple=True,
    bias_correction=False,
    safeguard_warmup=False,
    d0=1e-6,
    d_coef=1.0,
    growth_rate=math.inf,
    over="model",
    d=0.0,
    d_max=0.0,
    numerator=0.0,
):
    """Mishchenko & Defazio 2023, arXiv:2306.06101, as in the authors' package prodigyopt; optax's prodigy has
    bias_correction on.

    lr: a factor of the rate that the rule works out: 1, or a schedule; with 0 nothing changes in a step.
    beta1: the decay of the running mean of the gradient times d.
    beta2: the decay of the running mean of its square.
    beta3: the decay of the sums that d follows from; 0 stands for the square root of beta2.
    eps: added to the divisor times d.
    weight_decay: the part of the weights that is taken from them, or added to the gradient with decouple off.
    bias_correction: the bias of both running means is corrected, in the rate. Every step counts, as in optax; the
    package does not count steps before the first gradient, nor steps whose lr is 0.
    safeguard_warmup: lr is no part of the divisor in the estimate, which a long warm-up would make too large.
    d_coef: a factor of the estimate of the distance, to be changed rather than lr.
    """
    d, d_max = maximum(d, d0), maximum(d_max, d0)
    rate = d * lr * rate_correction(t, beta1, beta2) if bias_correction else d * lr
    beta1, beta2, beta3 = paused(lr, beta1, beta2, where(beta3 > 0, beta3, sqrt(beta2)))
    g = g if decouple else g + weight_decay * p
    numerator = beta3 * numerator + d / d0 * rate * total(g * (p0 - p), over=over)
    s = beta3 * s + d / d0 * (where(lr > 0, d, 0.0) if safeguard_warmup else rate) * g
    length = total(abs(s), over=over)
    m = beta1 * m + d * (1 - beta1) * g
    v = beta2 * v + over_parts(d * d * (1 - beta2) * g * g)
    bound = d_coef * quotient(numerator, length)
    d_max = maximum(d_max, bound)
    grown = minimum(d_max, where(d == d0, maximum(d, bound), d) * growth_rate)
    # As long as every gradient is 0 there is no step, and no decay.
    p = decayed(p, rate, where(length > 0, weight_decay, 0.0)) if decouple else p
    d = where(lr > 0, grown, d)
    return p - rate * (m / (sqrt(v) + d * eps)), m, v, s, p0, d, d_max, numerator


FAMILY = Family("Prodigy", {"": prodigy})
