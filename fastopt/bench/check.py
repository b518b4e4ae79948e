"""The result comes before the time: an optimizer's first steps against the reference."""

from typing import Any

import ml_dtypes
import numpy as np

from ..checked import equal_bits
from ..kernels.arrays import compute_type
from ..optimizer import Optimizer
from .machines import Machine

# The state starts as a constant; after the first step it is not.
STEPS = 2
# In machine epsilons of the type that computes: powers, exp and log differ by a few from library to library, and what
# is made of them by more.
TOLERANCE = 1024
# Elements that the reference, which keeps every intermediate array, is given at once.
PIECE = 1 << 20


class WrongResult(Exception):
    """A kernel did not give what the reference gives."""


def check(optimizer: Optimizer, gradient: Any, on: Machine) -> None:
    """Step an optimizer of one array, and compare parameter and state with the reference after each step.

    They must have its bits where the rule promises them, and else be close. Raises WrongResult at the first difference.
    """
    rule = optimizer.rule
    parameter, slots = optimizer.params, list(optimizer.state[0].values())
    g, states = on.host(gradient), dict(rule.states)
    for t in range(1, STEPS + 1):
        before = [on.host(parameter), g, *map(on.host, slots)]
        optimizer.step(gradient)
        after = [on.host(parameter), *map(on.host, slots)]
        # A norm is of the whole array.
        whole = bool(rule.program(rule.hyper).reductions)
        piece = g.size if whole else PIECE
        for first in range(0, g.size, piece):
            part = slice(first, first + piece)
            expected = rule.reference(*(array[part] for array in before), t=t, **states)
            for name, new, right in zip(rule.written, after, expected, strict=False):
                _compare(rule.exact, f"{name} in step {t}", new[part], right, first)
        found = optimizer.uniform_states[0]
        carried = expected[len(after) :]
        for name, right in zip(states, carried, strict=True):
            _compare(rule.exact, f"{name} in step {t}", np.array([found[name]]), np.array([right]), 0)
        states.update(found)


def _compare(exact: bool, name: str, new: Any, right: Any, first: int) -> None:
    wrong = ~equal_bits(new, right) if exact else far(new, right)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise WrongResult(
            f"{name} is {new[at]} at element {first + at:,}, where the reference gives "
            f"{'' if exact else 'about '}{right[at]}; {np.count_nonzero(wrong):,} of {new.size:,} elements are wrong"
        )


def far(new: Any, right: Any) -> Any:
    """Where a result is not close to the right one, in the type of the result."""
    tolerance = TOLERANCE * np.finfo(compute_type([new.dtype.name])).eps
    if new.dtype.itemsize == 2:
        tolerance += float(ml_dtypes.finfo(new.dtype).eps)  # type: ignore[no-untyped-call]
    new, right = (array.astype("float64") for array in (new, right))
    # Parameters and gradients are of the order of 1; where they cancel, what is left has errors of their size.
    return ~np.isclose(new, right, rtol=tolerance, atol=1e-3 * tolerance, equal_nan=True)
