"""Adam and its kin: running means of the gradient and of its square."""

from ..definition import rule
from ..families import Family
from ..grammar import sqrt


@rule(require="0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0")
def adam(p, g, m, v, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return p - lr * m_hat / (sqrt(v_hat) + eps), m, v


FAMILY = Family("Adam", {"": adam})
