"""FTRL-Proximal: Adagrad's rates, and weights that are exactly 0 while the sum of their gradients is within l1 of 0."""

from ..families import Family
from ..language.functions import maximum, minimum, over_parts, quotient, sqrt
from ..rule_type import rule


@rule(
    require="0 < lr < inf, 0 <= l1 < inf, 0 <= l2 < inf, 0 <= l2_shrinkage < inf, 0 <= beta < inf, "
    "0 <= initial_accumulator < inf",
    start={"h": "initial_accumulator"},
)
def ftrl(
    p, g, z, h, *, lr=1e-3, l1=0.0, l2=0.0, l2_shrinkage=0.0, beta=0.0, initial_accumulator=0.1, whole_squares=False
):
    """McMahan et al. 2013, Ad click prediction: a view from the trenches, per-coordinate FTRL-Proximal.

    The weights follow from the slots, and their values at the start count for little: where no gradient has come
    they are 0 after a step. The default start of h and beta are those of keras; the paper has 0 and 1.

    lr: the paper's alpha.
    l1: the paper's lambda 1; a weight is 0 while its z is within l1 of 0.
    l2: the paper's lambda 2; it joins the divisor.
    l2_shrinkage: l2_shrinkage * p joins the gradient in z, but not in h.
    beta: the paper's, which joins the root of h.
    initial_accumulator: the value of h before the first step.
    whole_squares: the penalties are l2 and l2_shrinkage times the squares of the weights, as in keras, so both count
    twice, not l2 / 2 times, as in the paper.
    """
    times = 2.0 if whole_squares else 1.0
    before, square = h, over_parts(g * g)
    h = h + square
    root = sqrt(h)
    # The difference of the roots of h and of before, without its cancellation.
    grown = square / maximum(root + sqrt(before), 1e-30)
    z = z + (g + times * l2_shrinkage * p - grown / lr * p)
    return quotient(minimum(maximum(z, -l1), l1) - z, (root + beta) / lr + times * l2), z, h


FAMILY = Family("Ftrl", {"": ftrl})
