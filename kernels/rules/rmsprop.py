"""RMSprop: Adagrad with a running mean of the squared gradients in place of their sum."""

from ..families import Family
from ..language.functions import maximum
from ..rule_type import rule
from .adagrad import root


def mean(average, x, alpha):
    """An exponentially decaying average."""
    return alpha * average + (1 - alpha) * x


def variance(v, a):
    """The mean square less the square of the mean; rounding must not make it negative."""
    return maximum(v - a * a, 0.0)


@rule(require="0 <= lr < inf, 0 <= alpha < 1, eps >= 0")
def rmsprop(p, g, v, *, lr=1e-2, alpha=0.99, eps=1e-8, eps_inside=False):
    """Tieleman & Hinton 2012, Coursera, Neural Networks for Machine Learning, lecture 6e."""
    v = mean(v, g * g, alpha)
    return p - lr * g / root(v, eps, eps_inside), v


@rule(require="0 <= lr < inf, 0 <= alpha < 1, eps >= 0")
def rmsprop_centered(p, g, v, a, *, lr=1e-2, alpha=0.99, eps=1e-8, eps_inside=False):
    """Graves 2013, arXiv:1308.0850, equations 38 to 45 without momentum: divides by the standard deviation."""
    v, a = mean(v, g * g, alpha), mean(a, g, alpha)
    return p - lr * g / root(variance(v, a), eps, eps_inside), v, a


@rule(require="0 <= lr < inf, 0 <= alpha < 1, 0 <= momentum < 1, eps >= 0")
def rmsprop_momentum(p, g, v, b, *, lr=1e-2, alpha=0.99, momentum=0.9, eps=1e-8, eps_inside=False, lr_inside=False):
    """Tieleman & Hinton 2012, whose scaled gradients gather in a velocity b: lr is outside of it as in torch, or inside
    as in keras and optax."""
    v = mean(v, g * g, alpha)
    b = momentum * b + (lr * g if lr_inside else g) / root(v, eps, eps_inside)
    return p - (b if lr_inside else lr * b), v, b


@rule(require="0 <= lr < inf, 0 <= alpha < 1, 0 <= momentum < 1, eps >= 0")
def rmsprop_centered_momentum(
    p, g, v, a, b, *, lr=1e-2, alpha=0.99, momentum=0.9, eps=1e-8, eps_inside=False, lr_inside=False
):
    """Graves 2013, arXiv:1308.0850, equations 38 to 45: lr is outside the velocity b as in torch, or inside as in keras
    and optax."""
    v, a = mean(v, g * g, alpha), mean(a, g, alpha)
    b = momentum * b + (lr * g if lr_inside else g) / root(variance(v, a), eps, eps_inside)
    return p - (b if lr_inside else lr * b), v, a, b


FAMILY = Family(
    "RMSprop",
    {
        "": rmsprop,
        "centered": rmsprop_centered,
        "momentum": rmsprop_momentum,
        "centered momentum": rmsprop_centered_momentum,
    },
)
