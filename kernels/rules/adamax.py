"""Adam with other norms than the second: Adamax (the limit), any p, and the maximum over the whole gradient."""

from ..families import Family
from ..language.functions import max_norm, maximum, sqrt
from ..rule_type import rule

REQUIRE = "0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0"


@rule(require=REQUIRE)
def adamax(p, g, m, u, *, t, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8, eps_inside=True):
    """Kingma & Ba 2015, arXiv:1412.6980, Algorithm 2, and an eps, which the paper lacks.

    beta2: the decay of the running maximum of the gradient's magnitude.
    eps: added to the gradient's magnitude or, with eps_inside off, to the divisor, which it keeps from zero.
    eps_inside: eps is inside the maximum, as in torch, not added to it, as in keras.
    """
    m = beta1 * m + (1 - beta1) * g
    u = maximum(beta2 * u, abs(g) + eps if eps_inside else abs(g))
    m_hat = m / (1 - beta1**t)
    return p - lr * m_hat / (u if eps_inside else u + eps), m, u


@rule(require=f"{REQUIRE}, 1 <= order < inf")
def adam_lp(p, g, m, v, *, t, lr=2e-3, beta1=0.9, beta2=0.999, order=3.0, eps=1e-8):
    """Kingma & Ba 2015, arXiv:1412.6980, section 7.1 before the limit: the norm of the given order, bias corrected.

    Adamax is its limit. In float32 it fails long before: |g|**order leaves the type's range.

    order: the order of the norm.
    beta2: to the power of the order it is the decay of the running mean of |g|**order.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2**order * v + (1 - beta2**order) * abs(g) ** order
    # The bias of both is corrected by numbers: next to the powers a division of arrays costs time.
    u = v ** (1 / order) * (1 - beta2 ** (order * t)) ** (-1 / order)
    return p - lr / (1 - beta1**t) * m / (u + eps), m, v


@rule(require=REQUIRE, states=("v",))
def adam_max_norm(p, g, m, *, t, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8, over="array", v=0.0):
    """Kingma & Ba 2015 with the squared maximum norm of the whole gradient for second moment, as printed in notes.

    over: "array" takes the maximum in each array, "model" in all arrays of the optimizer.
    beta2: the decay of the running mean of the square of the gradient's maximum.
    """
    largest = max_norm(g, over=over)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * largest * largest
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return p - lr * m_hat / (sqrt(v_hat) + eps), m, v


ADAMAX = Family("Adamax", {"": adamax})
ADAM_LP = Family("AdamLp", {"": adam_lp})
ADAM_MAX_NORM = Family("AdamMaxNorm", {"": adam_max_norm})
