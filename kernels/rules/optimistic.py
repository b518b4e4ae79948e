"""Optimistic descent: each step goes on by what the direction has changed, which keeps games from circling."""

from ..families import Family
from ..language.functions import over_parts, where
from ..rule_type import rule
from .adam import REQUIRE as ADAM_RANGES
from .adam import looked_ahead, normalized

REQUIRE = "0 <= alpha < inf, 0 <= beta < inf"


def optimistic(r, last, t, alpha, beta):
    """A direction and its change since the step before; in the first step there is none."""
    return (alpha + beta) * r - beta * where(t == 1, r, last)


def direction(m, v, t, *, beta1, beta2, eps):
    """Adam's direction of step t."""
    return normalized(m / (1 - beta1**t), v, t, beta2=beta2, eps=eps)


@rule(require=f"0 <= lr < inf, {REQUIRE}")
def optimistic_sgd(p, g, last, *, t, lr=1e-2, alpha=1.0, beta=1.0):
    """Daskalakis et al. 2018, arXiv:1711.00141: twice the gradient less the gradient before.

    alpha: the weight of the gradient.
    beta: the weight of the gradient's change since the step before.
    """
    return p - lr * optimistic(g, last, t, alpha, beta), g


@rule(require=f"{ADAM_RANGES}, {REQUIRE}")
def optimistic_adam(p, g, m, v, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, alpha=1.0, beta=1.0):
    """Daskalakis et al. 2018, arXiv:1711.00141, Optimistic Adam.

    The direction of the step before is computed again from m and v, with the present beta1, beta2 and eps.

    alpha: the weight of Adam's direction.
    beta: the weight of the direction's change since the step before.
    """
    numbers = {"beta1": beta1, "beta2": beta2, "eps": eps}
    # Before the first step there is no direction, and nothing to divide by.
    last = direction(m, v, where(t > 1, t - 1, 1), **numbers)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    return p - lr * optimistic(direction(m, v, t, **numbers), last, t, alpha, beta), m, v


@rule(require=f"{ADAM_RANGES}, {REQUIRE}")
def optimistic_nadam(p, g, m, v, last, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, alpha=1.0, beta=1.0):
    """Daskalakis et al. 2018, arXiv:1711.00141, Optimistic Adam with Nesterov's momentum, which is optax's default.

    alpha: the weight of the direction.
    beta: the weight of the direction's change since the step before.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    r = normalized(looked_ahead(m, g, t, beta1), v, t, beta2=beta2, eps=eps)
    return p - lr * optimistic(r, last, t, alpha, beta), m, v, r


SGD = Family("OptimisticSGD", {"": optimistic_sgd})
ADAM_FAMILY = Family("OptimisticAdam", {"": optimistic_adam, "nesterov": optimistic_nadam})
