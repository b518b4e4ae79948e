"""Lion: the sign of an interpolated momentum."""

from ..families import Family
from ..language.functions import sign
from ..rule_type import rule


@rule(require="0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1")
def lion(p, g, m, *, lr=1e-4, beta1=0.9, beta2=0.99):
    """Chen et al. 2023, arXiv:2302.06675, Algorithm 2, without weight decay.

    beta1: the part of the running mean in the sum whose sign is the step.
    beta2: the decay of the running mean of the gradient.
    """
    update = sign(beta1 * m + (1 - beta1) * g)
    m = beta2 * m + (1 - beta2) * g
    return p - lr * update, m


FAMILY = Family("Lion", {"": lion})
