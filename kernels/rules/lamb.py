"""Adam whose rate follows, array by array, how large the weights are beside the step."""

import math

from ..families import Family
from ..language.functions import decayed, maximum, minimum, norm, over_parts, scaled, sqrt
from ..rule_type import rule
from .lars import trust_ratio


@rule(
    require="0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0, 0 <= weight_decay < inf, "
    "0 <= min_ratio < inf, max_ratio > 0"
)
def lamb(
    p,
    g,
    m,
    v,
    *,
    t,
    lr=1e-3,
    beta1=0.9,
    beta2=0.999,
    eps=1e-6,
    weight_decay=1e-2,
    min_ratio=0.0,
    max_ratio=math.inf,
    decay_first=False,
):
    """You et al. 2020, arXiv:1904.00962, Algorithm 2, with the ratio of the norms as it is, and 1 where either is 0.

    min_ratio, max_ratio: a bound of the ratio; none in apex, optax and keras, 0.01 and 10 in DeepSpeed.
    weight_decay: weight_decay * p is added to the step before its norm is taken.
    decay_first: the decay is no part of the step, but done before it by lr * weight_decay, as in keras.
    """
    p = decayed(p, lr, weight_decay) if decay_first else p
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    step = m_hat / (sqrt(v_hat) + eps)
    step = step if decay_first else step + weight_decay * p
    ratio = minimum(maximum(trust_ratio(norm(p), norm(step)), min_ratio), max_ratio)
    return p - scaled(step, lr * ratio), m, v


FAMILY = Family("LAMB", {"": lamb})
