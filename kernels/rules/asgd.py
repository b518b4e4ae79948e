"""ASGD: stochastic gradient descent with a falling rate, and the mean of its weights."""

from ..families import Family
from ..language.functions import maximum, where
from ..rule_type import rule


def mean_of_weights(p, mean):
    return mean


@rule(
    require="0 <= lr < inf, 0 <= lambd < inf, 0 <= alpha < inf, 0 <= t0 < inf",
    start={"mean": "p"},
    average=mean_of_weights,
)
def asgd(p, g, mean, *, t, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6):
    """Polyak & Juditsky 1992, Acceleration of stochastic approximation by averaging, with the numbers of torch.

    The mean of the weights is read with opt.averaged(). Under a schedule torch takes the lr of the step before, this
    rule that of the step.

    lambd: how fast the rate falls, and the decay of the weights: before a step they are multiplied by
    1 - lambd * eta, where eta is the rate of the step.
    alpha: the rate of a step is lr / (1 + lambd * lr * (t - 1))**alpha.
    t0: the steps before the mean begins; until then it is the weights themselves.
    """
    eta = lr / (1 + lambd * lr * (t - 1)) ** alpha
    mu = 1 / maximum(t - 1 - t0, 1.0)
    p = p * (1 - lambd * eta) - eta * g
    return p, where(mu == 1, p, mean + mu * (p - mean))


FAMILY = Family("ASGD", {"": asgd})
