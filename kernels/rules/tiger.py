"""Tiger: Signum with a weight decay of its own, made for little memory."""

from ..families import Family
from ..language.functions import decayed, maximum, norm, size, sqrt
from ..rule_type import rule
from .signsgd import signum


@rule(require="0 <= lr < inf, 0 <= beta < 1, 0 <= weight_decay < inf")
def tiger(p, g, m, *, lr=1e-3, beta=0.965, weight_decay=1e-2, by_size=False):
    """Su 2023, Tiger: a tight-fisted optimizer, https://kexue.fm/archives/9512.

    The author's code has the option by_size for matrices, and lr / 2 without a decay for biases and gains: here groups
    give them that. In embeddings it takes the size of each row, which this rule does not.

    beta: the decay of the running mean of the gradient.
    weight_decay: before the step the weights are multiplied by 1 - lr * weight_decay.
    by_size: in both places lr is multiplied by the root mean square of the array; an array of zeros then stays so.
    """
    rate = lr * (norm(p) / sqrt(maximum(size(p), 1))) if by_size else lr
    return signum.formula(decayed(p, rate, weight_decay), g, m, lr=rate, momentum=beta)


FAMILY = Family("Tiger", {"": tiger})
