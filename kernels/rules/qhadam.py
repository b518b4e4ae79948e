"""Quasi-hyperbolic momentum: steps between that of the gradient and that of its running mean."""

from ..families import Family
from ..language.functions import over_parts, sqrt, where
from ..rule_type import rule
from .adam import REQUIRE


def between(mean, x, nu):
    """nu parts of a running mean, and the rest of what entered it last; none of that for nu = 1, be it infinite."""
    return nu * mean + where(nu < 1, (1 - nu) * x, 0.0)


@rule(require="0 <= lr < inf, 0 <= momentum < 1, 0 <= nu <= 1")
def qhm(p, g, m, *, lr=0.1, momentum=0.999, nu=0.7):
    """Ma & Yarats 2019, arXiv:1810.06801, QHM.

    momentum: the paper's beta, the decay of the running mean of the gradient.
    nu: the weight of the running mean in the step; the rest is the gradient's.
    """
    m = momentum * m + (1 - momentum) * g
    return p - lr * between(m, g, nu), m


@rule(require=f"{REQUIRE}, 0 <= nu1 <= 1, 0 <= nu2 <= 1")
def qhadam(p, g, m, v, *, t, lr=1e-3, beta1=0.99, beta2=0.999, nu1=0.8, nu2=1.0, eps=1e-8):
    """Ma & Yarats 2019, arXiv:1810.06801, QHAdam, with the numbers of the example in their code; nu1 = 1 is Adam.

    nu1: the weight of the running mean of the gradient in the step; the rest is the gradient's.
    nu2: the weight of the running mean of the square in the divisor; the rest is the square's.
    """
    square = over_parts(g * g)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * square
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return p - lr * between(m_hat, g, nu1) / (sqrt(between(v_hat, square, nu2)) + eps), m, v


QHM = Family("QHM", {"": qhm})
QH_ADAM = Family("QHAdam", {"": qhadam})
