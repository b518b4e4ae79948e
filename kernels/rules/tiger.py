"""Tiger: Signum with a weight decay of its own, made for little memory."""

from ..families import Family
from ..language.functions import decayed
from ..rule_type import rule
from .signsgd import signum


@rule(require="0 <= lr < inf, 0 <= beta < 1, 0 <= weight_decay < inf")
def tiger(p, g, m, *, lr=1e-3, beta=0.965, weight_decay=1e-2):
    """Su 2023, Tiger: a tight-fisted optimizer, https://kexue.fm/archives/9512, without its rates by kind of array.

    The author's code multiplies lr by the root mean square of a matrix, and by 1/2 for biases, which it does not
    decay. Here groups can do so.

    beta: the decay of the running mean of the gradient.
    weight_decay: before the step the weights are multiplied by 1 - lr * weight_decay.
    """
    return signum.formula(decayed(p, lr, weight_decay), g, m, lr=lr, momentum=beta)


FAMILY = Family("Tiger", {"": tiger})
