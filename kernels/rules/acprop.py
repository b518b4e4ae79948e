"""ACProp: AdaBelief whose divisor is that of the step before: the new gradient is not part of it."""

from ..families import Family
from ..language.functions import over_parts, sqrt, where
from ..rule_type import rule
from .adam import REQUIRE


@rule(require=REQUIRE)
def acprop(p, g, m, s, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-16, momentum_update=False, ahead=False):
    """Zhuang et al. 2021, arXiv:2110.05454, as in the authors' code without rectifying: the first step is not divided.
    With the authors' eps a weight whose gradients have been 0 so far leaps at its first other gradient, since its
    divisor is then near sqrt(eps); a larger eps bounds the leap.

    beta2: the decay of the running mean of the squared distance of the gradient from its mean.
    eps: added to the running mean of squared distances in each step, and to its root.
    momentum_update: the step is along the running mean of the gradient, its bias corrected, not along the gradient.
    ahead: the distance is from the mean before it takes the gradient in, and the first step is divided by 1 + eps, as
    in optax.
    """
    mean = beta1 * m + (1 - beta1) * g
    distance = g - (m if ahead else mean)
    along = mean / (1 - beta1**t) if momentum_update else g
    # Before the first step s is 0; after any it has eps in it. t may have counted steps without this parameter.
    s_hat = s / (1 - beta2 ** where(t > 1, t - 1, 1))
    step = lr * along
    p = p - where(s > 0, step / (sqrt(s_hat) + eps), step / (1 + eps) if ahead else step)
    return p, mean, beta2 * s + over_parts((1 - beta2) * distance * distance) + eps


FAMILY = Family("ACProp", {"": acprop})
