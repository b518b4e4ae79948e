"""Yogi: Adam whose second moment grows in a controlled way."""

from ..families import Family
from ..language.functions import over_parts, sign, sqrt
from ..rule_type import rule


@rule(
    require="0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0, initial_accumulator >= 0, v >= 0",
    start={"m": "initial_accumulator", "v": "initial_accumulator"},
)
def yogi(p, g, m, v, *, t, lr=1e-2, beta1=0.9, beta2=0.999, eps=1e-3, initial_accumulator=1e-6):
    """Zaheer et al. 2018, Adaptive Methods for Nonconvex Optimization, NeurIPS, Algorithm 2, with Adam's bias
    correction.

    beta2: how fast the second moment follows the square of the gradient.
    initial_accumulator: the value of both moments before the first step, as in optax.
    """
    m = beta1 * m + (1 - beta1) * g
    v = v - over_parts((1 - beta2) * sign(v - over_parts(g * g)) * g * g)
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return p - lr * m_hat / (sqrt(v_hat) + eps), m, v


FAMILY = Family("Yogi", {"": yogi})
