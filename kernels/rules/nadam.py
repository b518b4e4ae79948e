"""Adam with Nesterov's momentum: Dozat's NAdam, and a Nesterov velocity scaled by Adam's second moment."""

from ..families import Family
from ..language.functions import over_parts, sqrt
from ..rule_type import rule


@rule(require="0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0, psi >= 0", states=("mu_product",))
def nadam(p, g, m, v, *, t, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8, psi=4e-3, mu_product=1.0):
    """Dozat 2016, Incorporating Nesterov Momentum into Adam, Algorithm 2, with its warming momentum.

    psi: how fast the momentum warms: 0.004 in torch, 1 in keras, math.inf (at once) in optax.
    """
    mu = beta1 * (1 - 0.5 * 0.96 ** (psi * t))
    mu_next = beta1 * (1 - 0.5 * 0.96 ** (psi * (t + 1)))
    mu_product = mu_product * mu
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    m_hat = mu_next / (1 - mu_product * mu_next) * m + (1 - mu) / (1 - mu_product) * g
    v_hat = v / (1 - beta2**t)
    return p - lr * m_hat / (sqrt(v_hat) + eps), m, v, mu_product


@rule(require="0 <= lr < inf, 0 <= beta < 1, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0")
def nag_adam(p, g, u, v, *, lr=1e-2, beta=0.9, beta1=0.9, beta2=0.999, eps=1e-8):
    """Nesterov 1983 within the scaling of Kingma & Ba 2015, as lecture notes print it: lr enters u and the step.

    The notes take one gradient ahead, at p - beta * u, and one at p. A rule is given one: g stands for both, so an
    exact lookahead is the caller's, who may evaluate g at p - beta * u.

    beta: the part of the velocity u that stays from step to step.
    beta1: the part of u in the step, beside that of the gradient.
    """
    u = beta * u + lr * g
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    return p - lr / (sqrt(v) + eps) * (beta1 * u + (1 - beta1) * g), u, v


NADAM = Family("NAdam", {"": nadam})
NAG_ADAM = Family("NAGAdam", {"": nag_adam})
