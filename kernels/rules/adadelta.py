"""Adadelta: RMSprop whose rate is the root mean square of its own past updates."""

from ..families import Family
from ..language.functions import over_parts, sqrt
from ..rule_type import rule


@rule(require="0 <= lr < inf, 0 <= rho < 1, eps >= 0")
def adadelta(p, g, v, u, *, lr=1.0, rho=0.9, eps=1e-6):
    """Zeiler 2012, arXiv:1212.5701, Algorithm 1, which has no rate: at lr = 1 it is that, to the bit. The update uses
    the u of the step before.

    rho: the decay of the running means of the squares of gradients and of steps.
    eps: added to both means, inside their roots.
    """
    v = rho * v + (1 - rho) * over_parts(g * g)
    delta = sqrt(u + eps) / sqrt(v + eps) * g
    u = rho * u + (1 - rho) * over_parts(delta * delta)
    return p - lr * delta, v, u


FAMILY = Family("Adadelta", {"": adadelta})
