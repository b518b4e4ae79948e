"""StableAdamW: AdamW with a smaller rate for an array while its squared gradients are above their running mean."""

from ..families import Family
from ..language.functions import decayed, maximum, mean, over_parts, sqrt
from ..rule_type import rule


def corrected_decay(beta, t):
    """The decay of a running mean that has no bias."""
    return beta * (1 - beta ** (t - 1)) / (1 - beta**t)


@rule(require="0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, 0 < eps < inf, 0 <= weight_decay < inf, v >= 0")
def stable_adamw(p, g, m, v, *, t, lr=1e-3, beta1=0.9, beta2=0.99, eps=1e-8, weight_decay=1e-2):
    """Wortsman et al. 2023, arXiv:2304.13013, Algorithm 2. Both running means are kept without their bias.

    eps: added to the divisor of the step; the size of an update is that of gradients divided by this at least.
    weight_decay: before the step the weights are multiplied by 1 - weight_decay times the rate of the array.
    """
    beta1, beta2 = corrected_decay(beta1, t), corrected_decay(beta2, t)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    size = g / maximum(sqrt(v), eps)
    rate = lr / maximum(sqrt(mean(size * size)), 1.0)
    return decayed(p, rate, weight_decay) - rate * (m / (sqrt(v) + eps)), m, v


FAMILY = Family("StableAdamW", {"": stable_adamw})
