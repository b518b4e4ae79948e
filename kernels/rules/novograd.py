"""NovoGrad: gradients divided by the running size of their array, and a velocity of them."""

from ..families import Family
from ..language.functions import norm, scaled, sqrt, where
from ..rule_type import rule
from .adam import REQUIRE


@rule(require=f"{REQUIRE}, 0 <= weight_decay < inf", states=("v",))
def novograd(p, g, m, *, lr=1e-3, beta1=0.95, beta2=0.98, eps=1e-8, weight_decay=0.0, grad_averaging=False, v=0.0):
    """Ginsburg et al. 2019, arXiv:1905.11286: the first v is the first squared norm that is not 0 (optax takes the
    first step's, even 0), and no bias is corrected.

    beta1: the part of the velocity that stays from step to step.
    beta2: the decay of the running mean of the squared norm of an array's gradient.
    weight_decay: weight_decay * p is added to the divided gradient, in the velocity.
    grad_averaging: the divided gradient is multiplied by 1 - beta1 before it enters the velocity, as apex has it.
    """
    size = norm(g)
    v = where(v > 0, beta2 * v + (1 - beta2) * (size * size), size * size)
    divisor = sqrt(v) + eps
    # An array without a gradient has nothing to be divided by if eps is 0.
    step = scaled(g, 1 / where(divisor > 0, divisor, 1.0)) + weight_decay * p
    m = beta1 * m + ((1 - beta1) * step if grad_averaging else step)
    return p - lr * m, m, v


FAMILY = Family("NovoGrad", {"": novograd})
