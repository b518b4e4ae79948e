"""Momentum whose rate follows, array by array, how large the weights are beside their gradient."""

import math

from ..families import Family
from ..language.functions import norm, scaled, where
from ..rule_type import rule
from .sgd import velocity


def trust_ratio(weights, step):
    """The norm of an array of weights over that of its step; 1 where one of them is 0, as there is nothing to follow,
    and where the ratio is beyond float64, as of a step that is 0 but for denormals."""
    ratio = weights / where(step > 0, step, 1.0)
    return where((weights > 0) & (step > 0) & (ratio < math.inf), ratio, 1.0)


@rule(
    require="0 <= lr < inf, 0 <= momentum < 1, 0 <= weight_decay < inf, 0 < trust < inf, 0 <= eps < inf",
)
def lars(p, g, b, *, lr=1.0, momentum=0.9, weight_decay=0.0, trust=1e-3, eps=0.0, joint=False, nesterov=False):
    """You, Gitman & Ginsburg 2017, arXiv:1708.03888, Algorithm 1; lr, scaled for each array, is inside the velocity b.

    trust: the paper's eta, the part of its norm by which an array may change in a step.
    weight_decay: weight_decay * p is added to the gradient.
    eps: added to the norm of the gradient, as in apex.
    joint: the ratio is to the norm of the gradient with its decay, as in optax, not to the sum of their norms.
    nesterov: the step is that of a velocity which the scaled gradient entered twice, as in optax.
    """
    weights, decayed = norm(p), g + weight_decay * p
    size = norm(decayed) if joint else norm(g) + weight_decay * weights
    ratio = trust_ratio(trust * weights, size + eps)
    step, b = velocity(b, scaled(decayed, lr * ratio), momentum, nesterov)
    return p - step, b


FAMILY = Family("LARS", {"": lars})
