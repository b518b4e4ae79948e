"""AdaBelief: Adam whose second moment is the gradient's surprise."""

from ..families import Family
from ..language.functions import over_parts, sqrt
from ..rule_type import rule
from .adam import looked_ahead


@rule(require="0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0")
def adabelief(p, g, m, s, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-16, nesterov=False):
    """Zhuang et al. 2020, arXiv:2010.07468, Algorithm 2.

    beta2: the decay of the running mean of the squared distance of the gradient from its mean.
    eps: added to the running mean of squared distances in each step, and to its root.
    nesterov: the step is along the running mean of a step on, as in optax.
    """
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + over_parts((1 - beta2) * (g - m) * (g - m)) + eps
    m_hat = looked_ahead(m, g, t, beta1) if nesterov else m / (1 - beta1**t)
    s_hat = s / (1 - beta2**t)
    return p - lr * m_hat / (sqrt(s_hat) + eps), m, s


FAMILY = Family("AdaBelief", {"": adabelief})
