"""Stochastic gradient descent, plain, with momentum and with Nesterov's momentum."""

from ..families import Family
from ..language.functions import where
from ..rule_type import rule


def velocity(b, x, momentum, nesterov):
    """The step and the velocity after x has entered that. nesterov: the step is that of x entering once more."""
    b = momentum * b + x
    return x + momentum * b if nesterov else b, b


@rule(require="0 <= lr < inf")
def sgd(p, g, *, lr=1e-2):
    """Robbins & Monro 1951: one step against the gradient."""
    return p - lr * g


@rule(require="0 <= lr < inf, 0 <= momentum < 1, 0 <= dampening <= 1")
def momentum(p, g, b, *, t, lr=1e-2, momentum=0.9, dampening=0.0, lr_inside=False):
    """Polyak 1964; Sutskever et al. 2013.

    dampening: the part of a gradient that does not enter the velocity; the first enters whole, as in torch.
    """
    b = momentum * b + where(t == 1, 1.0, 1 - dampening) * (lr * g if lr_inside else g)
    return p - (b if lr_inside else lr * b), b


@rule(require="0 <= lr < inf, 0 <= momentum < 1")
def nesterov(p, g, b, *, lr=1e-2, momentum=0.9, lr_inside=False):
    """Nesterov 1983, rewritten so that p is the point of the lookahead: Bengio et al. 2013, arXiv:1212.0901, eq. 7.

    With u the velocity of the original rule and theta its parameter, p = theta - momentum * u and b = u / lr, or b = u
    with lr_inside; they part when lr changes.
    """
    step, b = velocity(b, lr * g if lr_inside else g, momentum, True)
    return p - (step if lr_inside else lr * step), b


FAMILY = Family("SGD", {"": sgd, "momentum": momentum, "momentum nesterov": nesterov, "nesterov": nesterov})
