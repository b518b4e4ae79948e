"""Adan: Nesterov's momentum out of the differences of gradients, within Adam's scaling."""

from ..families import Family
from ..language.functions import decayed, over_parts, sqrt, where
from ..rule_type import rule
from .adam import REQUIRE


@rule(require=f"{REQUIRE}, 0 <= beta3 < 1, 0 <= weight_decay < inf")
def adan(
    p, g, m, d, v, last, *, t, lr=1e-3, beta1=0.98, beta2=0.92, beta3=0.99, eps=1e-8, weight_decay=0.0, no_prox=False
):
    """Xie et al. 2022, arXiv:2208.06677, with the betas of the authors' code: one minus those of the paper.

    beta2: the decay of the running mean of the gradient's differences, and their weight beside the gradient.
    beta3: the decay of the running mean of the square.
    weight_decay: after the step the weights are divided by 1 + lr * weight_decay, a proximal step.
    no_prox: the weights are multiplied by 1 - lr * weight_decay instead, before the step.
    """
    # Before the first step there is no gradient to differ from.
    change = where(t == 1, 0.0, g - last)
    ahead = g + beta2 * change
    m = beta1 * m + (1 - beta1) * g
    d = beta2 * d + (1 - beta2) * change
    v = beta3 * v + over_parts((1 - beta3) * ahead * ahead)
    m_hat = m / (1 - beta1**t)
    d_hat = d / (1 - beta2**t)
    v_hat = v / (1 - beta3**t)
    step = lr * (m_hat + beta2 * d_hat) / (sqrt(v_hat) + eps)
    p = decayed(p, lr, weight_decay) - step if no_prox else (p - step) / (1 + lr * weight_decay)
    return p, m, d, v, g


FAMILY = Family("Adan", {"": adan})
