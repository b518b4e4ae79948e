"""AdaBound and AMSBound: Adam whose rates are held within bounds that close in on one rate."""

from ..families import Family
from ..language.functions import maximum, minimum, over_parts, sqrt
from ..rule_type import rule
from .adam import REQUIRE as ADAM_RANGES
from .adam import rate_correction

REQUIRE = f"{ADAM_RANGES}, 0 <= final_lr < inf, 0 < gamma < 1"


def bounded_step(m, v, *, t, lr, beta1, beta2, eps, final_lr, gamma):
    """The step that follows from a running mean and a second moment."""
    rate = lr * rate_correction(t, beta1, beta2) / (sqrt(v) + eps)
    lower = final_lr * (1 - 1 / (gamma * t + 1))
    upper = final_lr * (1 + 1 / (gamma * t))
    return minimum(maximum(rate, lower), upper) * m


@rule(require=REQUIRE)
def adabound(p, g, m, v, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, final_lr=0.1, gamma=1e-3):
    """Luo et al. 2019, arXiv:1902.09843, AdaBound as the authors' code has it, with Adam's bias corrections.

    final_lr: the rate that the bounds close in on. A schedule of lr does not change it; it may have one of its own.
    gamma: how fast the bounds close in.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    numbers = {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps, "final_lr": final_lr, "gamma": gamma}
    return p - bounded_step(m, v, t=t, **numbers), m, v


@rule(require=REQUIRE)
def amsbound(p, g, m, v, v_max, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, final_lr=0.1, gamma=1e-3):
    """Luo et al. 2019, arXiv:1902.09843, AMSBound: the second moment is the largest so far.

    final_lr: the rate that the bounds close in on. A schedule of lr does not change it; it may have one of its own.
    gamma: how fast the bounds close in.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    v_max = maximum(v_max, v)
    numbers = {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps, "final_lr": final_lr, "gamma": gamma}
    return p - bounded_step(m, v_max, t=t, **numbers), m, v, v_max


FAMILY = Family("AdaBound", {"": adabound, "amsbound": amsbound})
