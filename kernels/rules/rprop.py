"""Rprop: steps whose sizes follow how often the gradient keeps its sign, and not how large it is."""

from ..families import Family
from ..language.functions import maximum, minimum, sign, where
from ..rule_type import rule


@rule(
    require="0 < lr < inf, 0 < eta_minus < 1, 1 < eta_plus < inf, 0 <= min_step < inf, 0 < max_step < inf",
    start={"size": "lr"},
)
def rprop(p, g, last, size, *, lr=1e-2, eta_minus=0.5, eta_plus=1.2, min_step=1e-6, max_step=50.0):
    """Riedmiller & Braun 1993, A direct adaptive method for faster backpropagation learning, without backtracking.

    A weight whose gradient has changed its sign rests for a step, and its size then stays in the next, as in torch.

    lr: the size of the first step.
    eta_minus: what the size is multiplied by where the gradient has changed its sign.
    eta_plus: what the size is multiplied by where the gradient has kept its sign.
    min_step: no size is below.
    max_step: no size is above.
    """
    # The product of the gradients themselves would be 0 in float32 where both are 1e-20.
    kept = sign(g) * sign(last)
    size = where(kept > 0, eta_plus * size, where(kept < 0, eta_minus * size, size))
    size = minimum(maximum(size, min_step), max_step)
    g = where(kept < 0, 0.0, g)
    return p - sign(g) * size, g, size


FAMILY = Family("Rprop", {"": rprop})
