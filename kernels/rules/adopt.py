"""ADOPT: Adam that divides a gradient by the second moment of the steps before, and then takes the running mean."""

from ..families import Family
from ..language.functions import maximum, minimum, over_parts, sign, sqrt, where
from ..rule_type import rule
from .adam import REQUIRE


@rule(require=REQUIRE)
def adopt(p, g, m, v, *, t, lr=1e-3, beta1=0.9, beta2=0.9999, eps=1e-6, clip=True, nesterov=False):
    """Taniguchi et al. 2024, arXiv:2411.02853, as the authors' code has it: the first step only sets v.

    beta1: the decay of the running mean of the divided gradient.
    eps: the divisor is at least this.
    clip: the divided gradient is kept within (t - 1)**(1/4) of 0, as the authors have it since November 2024.
    Without it a weight whose gradients have all been 0 leaps by its first other gradient over eps, as with the authors;
    so does with count="optimizer" an array that gets its first gradient in a later step.
    nesterov: the step is along the running mean of a step on, as in optax.
    """
    first = t == 1
    # Before the first gradient v is 0, and a gradient over eps might be infinite.
    divided = g / maximum(sqrt(v), where(first, 1.0, eps))
    if clip:
        # In this form a row without a gradient is seen to rest.
        divided = sign(divided) * minimum(abs(divided), (t - 1) ** 0.25)
    new = where(first, 0.0, 1 - beta1) * divided
    m = beta1 * m + new
    v = where(first, 0.0, beta2) * v + over_parts(where(first, 1.0, 1 - beta2) * g * g)
    return p - lr * (beta1 * m + new if nesterov else m), m, v


FAMILY = Family("ADOPT", {"": adopt})
