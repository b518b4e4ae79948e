"""SignSGD and Signum: the sign of the gradient, or of its running mean."""

from ..families import Family
from ..language.functions import sign
from ..rule_type import rule


@rule(require="0 <= lr < inf")
def signsgd(p, g, *, lr=1e-3):
    """Bernstein et al. 2018, arXiv:1802.04434, signSGD: every weight moves by lr."""
    return p - lr * sign(g)


@rule(require="0 <= lr < inf, 0 <= momentum < 1")
def signum(p, g, m, *, lr=1e-3, momentum=0.9):
    """Bernstein et al. 2018, arXiv:1802.04434, Signum: the sign is that of a running mean.

    momentum: the decay of the running mean of the gradient.
    """
    m = momentum * m + (1 - momentum) * g
    return p - lr * sign(m), m


FAMILY = Family("SignSGD", {"": signsgd, "momentum": signum})
