"""MARS: AdamW and Lion on a gradient that is corrected by its change, against the noise of batches."""

from ..families import Family
from ..language.functions import maximum, norm, scaled
from ..rule_type import rule
from .adam import REQUIRE, adamw
from .tiger import tiger


def variance_reduced(g, last, beta1, gamma):
    """The gradient with a part of its change since the step before, brought to a norm of at most 1."""
    c = g + gamma * beta1 / (1 - beta1) * (g - last)
    return scaled(c, 1 / maximum(norm(c), 1.0))


@rule(require=f"{REQUIRE}, 0 <= gamma < inf, 0 <= weight_decay < inf")
def mars(p, g, m, v, last, *, t, lr=3e-3, beta1=0.95, beta2=0.99, eps=1e-8, gamma=0.025, weight_decay=0.0):
    """Yuan et al. 2024, arXiv:2411.10438, MARS-AdamW, which takes the last step's gradient as it came.

    The authors update arrays of one dimension by AdamW; here every array has this rule.

    gamma: the weight of the gradient's change, which is multiplied by beta1 / (1 - beta1).
    weight_decay: before the step the weights are multiplied by 1 - lr * weight_decay.
    """
    numbers = {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps, "weight_decay": weight_decay}
    return *adamw.formula(p, variance_reduced(g, last, beta1, gamma), m, v, t=t, **numbers), g


@rule(require="0 <= lr < inf, 0 <= beta1 < 1, 0 <= gamma < inf, 0 <= weight_decay < inf")
def mars_lion(p, g, m, last, *, lr=3e-3, beta1=0.95, gamma=0.025, weight_decay=0.0):
    """Yuan et al. 2024, arXiv:2411.10438, MARS-Lion: the sign of the running mean of the corrected gradient.

    gamma: the weight of the gradient's change, which is multiplied by beta1 / (1 - beta1).
    weight_decay: before the step the weights are multiplied by 1 - lr * weight_decay.
    """
    c = variance_reduced(g, last, beta1, gamma)
    return *tiger.formula(p, c, m, lr=lr, beta=beta1, weight_decay=weight_decay), g


FAMILY = Family("MARS", {"": mars, "lion": mars_lion})
