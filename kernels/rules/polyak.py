"""Polyak's step: SGD whose rate follows from the loss, of which the least value is known."""

from ..families import Family
from ..language.functions import maximum, minimum, norm, quotient, scaled
from ..rule_type import rule


@rule(require="0 <= lr < inf, max_lr >= 0, -inf < f_min < inf, 0 <= eps < inf")
def polyak_sgd(p, g, *, loss, lr=1.0, max_lr=1.0, f_min=0.0, eps=0.0, clamp=False, over="model"):
    """Loizou et al. 2021, arXiv:2002.10542, SPS_max, as optax's polyak_sgd. It needs the loss of the step.

    lr: a factor of the rate that the rule works out, 1 in optax.
    max_lr: the paper's gamma_b, which that rate does not exceed.
    f_min: the least value of the loss.
    eps: added to the squared norm of the gradient.
    clamp: a loss below f_min makes no step, as the variant sps+ in optax, and not one up the gradient.
    """
    size = norm(g, over=over)
    gap = maximum(loss - f_min, 0.0) if clamp else loss - f_min
    rate = minimum(quotient(gap, size * size + eps), max_lr)
    return p - scaled(g, lr * rate)


FAMILY = Family("PolyakSGD", {"": polyak_sgd})
