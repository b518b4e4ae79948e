"""AggMo: the mean of several momenta, of which each damps what others would swing."""

from ..families import Family
from ..rule_type import rule


@rule(require="0 <= lr < inf, 0 <= momentum < 1, 0 <= momentum_slow < 1")
def aggmo(p, g, b, c, *, lr=1e-2, momentum=0.9, momentum_slow=0.99):
    """Lucas et al. 2019, arXiv:1804.00325, with the authors' three velocities, whose dampings are 0, 0.9 and 0.99.

    The velocity that keeps nothing is the gradient itself, and needs no slot.

    momentum: the part of the velocity b that stays from step to step.
    momentum_slow: the part of the velocity c that stays from step to step.
    """
    b = momentum * b + g
    c = momentum_slow * c + g
    return p - lr / 3 * (g + b + c), b, c


FAMILY = Family("AggMo", {"": aggmo})
