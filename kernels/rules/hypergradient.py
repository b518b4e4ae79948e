"""Hypergradient descent: a rate that descends too, along the derivative of the loss by the rate."""

from ..families import Family
from ..language.functions import norm, over_parts, quotient, total, where
from ..rule_type import rule
from .adam import REQUIRE as ADAM_RANGES
from .adam import normalized
from .optimistic import direction

REQUIRE = "0 <= hypergrad_lr < inf"


def descended(g, d, *, t, lr, hypergrad_lr, multiplicative, over, change):
    """The rate of a step, and its change since the first step. d: the direction of the step before.

    The derivative of the loss by the rate is -total(g * d), so where g and d agree the rate grows.
    """
    h = where(t > 1, total(g * d, over=over), 0.0)
    if multiplicative:
        size = norm(g, over=over) * norm(d, over=over)
        change = change + quotient(hypergrad_lr * (1 + change) * h, size)
        return lr * (1 + change), change
    change = change + hypergrad_lr * h
    return lr + change, change


@rule(require=f"0 <= lr < inf, {REQUIRE}", states=("change",))
def sgd_hypergradient(p, g, d, *, t, lr=1e-2, hypergrad_lr=1e-3, multiplicative=False, over="model", change=0.0):
    """Baydin et al. 2018, arXiv:1703.04782, SGD-HD: the rate is lr + change, lr its first value or a
    schedule, that is corrected.

    over: "model" has one rate for all arrays, as the paper, "array" one for each.
    """
    rate, change = descended(
        g, d, t=t, lr=lr, hypergrad_lr=hypergrad_lr, multiplicative=multiplicative, over=over, change=change
    )
    return p - rate * g, g, change


@rule(require=f"{ADAM_RANGES}, {REQUIRE}", states=("change",))
def adam_hypergradient(
    p,
    g,
    m,
    v,
    *,
    t,
    lr=1e-3,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    hypergrad_lr=1e-7,
    multiplicative=False,
    over="model",
    change=0.0,
):
    """Baydin et al. 2018, arXiv:1703.04782, Adam-HD: the rate is lr + change, lr its first value or a
    schedule, that is corrected.

    The direction of the step before is computed again from m and v, with the present beta1, beta2 and eps.
    over: "model" has one rate for all arrays, as the paper, "array" one for each.
    """
    # Before the first step there is no direction, and nothing to divide by.
    last = where(t > 1, t - 1, 1)
    d = normalized(m, v, last, beta2=beta2, eps=eps)
    # The correction of m is one number: it divides the sum instead of each element, and an angle not at all.
    correction = 1.0 if multiplicative else 1 - beta1**last
    rate, change = descended(
        g,
        d,
        t=t,
        lr=lr,
        hypergrad_lr=hypergrad_lr / correction,
        multiplicative=multiplicative,
        over=over,
        change=change,
    )
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    return p - rate * direction(m, v, t, beta1=beta1, beta2=beta2, eps=eps), m, v, change


SGD_HD = Family("SGDHD", {"": sgd_hypergradient})
ADAM_HD = Family("AdamHD", {"": adam_hypergradient})
