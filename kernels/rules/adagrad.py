"""Adagrad: the rate of each weight falls with the sum of its squared gradients."""

from ..families import Family
from ..language.functions import over_parts, sqrt, where
from ..rule_type import rule


def root(v, eps, eps_inside):
    """The denominator of Adagrad and RMSprop: eps inside the root, or added to it."""
    return sqrt(v + eps) if eps_inside else sqrt(v) + eps


@rule(require="0 <= lr < inf, lr_decay >= 0, eps >= 0, initial_accumulator >= 0", start={"h": "initial_accumulator"})
def adagrad(
    p, g, h, *, t, lr=1e-2, lr_decay=0.0, eps=1e-10, eps_inside=False, initial_accumulator=0.0, skip_zero=False
):
    """Duchi, Hazan & Singer 2011, JMLR 12, Figure 1 (the diagonal form).

    lr_decay: the rate is lr / (1 + (t - 1) * lr_decay), as in torch.
    initial_accumulator: the value of h before the first step: 0 in torch, 0.1 in keras and optax.
    skip_zero: no step where h is 0, as in optax.
    """
    h = h + over_parts(g * g)
    step = lr / (1 + (t - 1) * lr_decay) * g / root(h, eps, eps_inside)
    return p - (where(h == 0, 0.0, step) if skip_zero else step), h


@rule(
    require="0 <= lr < inf, 0 <= momentum < 1, lr_decay >= 0, eps >= 0, initial_accumulator >= 0",
    start={"h": "initial_accumulator"},
)
def adagrad_momentum(
    p, g, h, b, *, t, lr=1e-2, momentum=0.9, lr_decay=0.0, eps=1e-10, eps_inside=False, initial_accumulator=0.0
):
    """Duchi, Hazan & Singer 2011, whose scaled gradients gather in a velocity b (Polyak 1964); lr is outside."""
    h = h + over_parts(g * g)
    b = momentum * b + g / root(h, eps, eps_inside)
    return p - lr / (1 + (t - 1) * lr_decay) * b, h, b


FAMILY = Family("Adagrad", {"": adagrad, "momentum": adagrad_momentum})
