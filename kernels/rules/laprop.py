"""LaProp: Adam that divides each gradient before it averages."""

from ..families import Family
from ..language.functions import over_parts
from ..rule_type import rule
from .adam import REQUIRE, normalized


@rule(require=REQUIRE)
def laprop(p, g, m, v, *, t, lr=4e-4, beta1=0.9, beta2=0.999, eps=1e-15):
    """Ziyin, Wang & Ueda 2020, arXiv:2002.04839, with the numbers of the authors' code; lr is outside of the mean.

    beta1: the decay of the running mean of the divided gradient.
    """
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    m = beta1 * m + normalized((1 - beta1) * g, v, t, beta2=beta2, eps=eps)
    return p - lr * m / (1 - beta1**t), m, v


FAMILY = Family("LaProp", {"": laprop})
