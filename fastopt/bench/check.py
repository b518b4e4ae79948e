"""Compares an optimizer's first steps with the reference, before anything is timed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from ..kernels.arrays.view import compute_type
from ..kernels.definition import Definition
from ..kernels.language.rounding import mark
from ..kernels.reference import MARKED
from ..measure.bits import equal_bits
from ..optimizer.optimizer import Optimizer, updater_of
from .controls import LOSS
from .devices import Device

# Most state starts as a constant; after the first step it is not.
STEPS = 2
# In machine epsilons of the type that computes: powers, exp and log differ by a few from library to library, and the
# results that are computed from them by more.
TOLERANCE = 1024
# Elements that the reference is given at once: it keeps every intermediate array.
PIECE = 1 << 20


class WrongResult(Exception):
    """A kernel did not give what the reference gives."""


def sets_of(optimizer: Optimizer, gradients: Any) -> list[list[Any]]:
    """For each parameter of an optimizer of one array or a list of them: itself, its gradient and its state."""
    parameters, gradients = (given if isinstance(given, list) else [given] for given in (optimizer.params, gradients))
    state = updater_of(optimizer).state
    return [[p, g, *slots.values()] for p, g, slots in zip(parameters, gradients, state, strict=True)]


def check(optimizer: Optimizer, gradients: Any, on: Device) -> None:
    """Step an optimizer of one array, or a list, and compare parameters and state with the reference after each step.

    They must have its bits where the rule promises them, and else be close. Raises WrongResult at the first difference.
    """
    updater, sets = updater_of(optimizer), sets_of(optimizer, gradients)
    rule = updater.definition
    marks = [{MARKED: mark(key)} for key in updater.parameters.keys]
    states = [dict(rule.states) for _ in sets]
    for t in range(1, STEPS + 1):
        before = [[on.host(array) for array in arrays] for arrays in sets]
        optimizer.step(gradients, **rule.told(LOSS))
        uniform = optimizer.uniform_states
        given = [own | values for own, values in zip(marks, states, strict=True)]
        for k, first, expected in _expected(rule, before, t, given):
            where = f"in step {t}" if len(sets) == 1 else f"of array {k} in step {t}"
            written = [array for position, array in enumerate(sets[k]) if position != 1]
            for name, new, right in zip(rule.written, written, expected, strict=False):
                _compare(rule.exact, f"{name} {where}", on.host(new[first : first + len(right)]), right, first)
            for name, right in zip(rule.states, expected[len(written) :], strict=True):
                _compare(rule.exact, f"{name} {where}", np.array([uniform[k][name]]), np.array([right]), 0)
        states = [dict(values) for values in uniform]


def _expected(
    rule: Definition, sets: Sequence[Sequence[Any]], t: int, given: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[int, int, Sequence[Any]]]:
    """The reference's results, piece by piece: the number of the array, the piece's first element, the new values."""
    program = rule.program(rule.hyper)
    sizes = {array.size for arrays in sets for array in arrays[1:]}
    # A norm takes a whole array, or all arrays; and elements that count in it, or share what is in another array, are
    # not of a piece.
    if program.reductions or program.stages[-1].numbered or not sizes <= {arrays[0].size for arrays in sets}:
        for k, expected in enumerate(rule.references(sets, t=t, **rule.told(LOSS), given=given)):
            yield k, 0, expected
        return
    for k, arrays in enumerate(sets):
        for first in range(0, arrays[0].size, PIECE):
            part = slice(first, first + PIECE)
            yield k, first, rule.reference(*(array[part] for array in arrays), t=t, **rule.told(LOSS), **given[k])


def _compare(exact: bool, name: str, new: Any, right: Any, first: int) -> None:
    wrong = ~equal_bits(new, right) if exact else far(new, right)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise WrongResult(
            f"{name} is {new[at]} at element {first + at:,}, where the reference gives "
            f"{'' if exact else 'about '}{right[at]}; {np.count_nonzero(wrong):,} of {new.size:,} elements are wrong"
        )


def far(new: Any, right: Any) -> Any:
    """A mask of the elements at which a result is not close to the right one, by a tolerance for the result's type."""
    tolerance = TOLERANCE * np.finfo(compute_type([new.dtype.name])).eps
    if new.dtype.itemsize == 2:
        tolerance += float(ml_dtypes.finfo(new.dtype).eps)  # type: ignore[no-untyped-call]
    new, right = (array.astype("float64") for array in (new, right))
    # Parameters and gradients are of the order of 1; where they cancel, what is left has errors of their size.
    return ~np.isclose(new, right, rtol=tolerance, atol=1e-3 * tolerance, equal_nan=True)
