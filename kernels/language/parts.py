"""The two parts of complex numbers, which a formula sees as neighbouring elements of real arrays."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from .trace import Symbol

# What arrays are while a reference is evaluated: whether they are pairs of parts, and whether `over_parts` adds up.
PAIRS: ContextVar[bool] = ContextVar("PAIRS", default=False)
ONE_MOMENT: ContextVar[bool] = ContextVar("ONE_MOMENT", default=False)


@contextlib.contextmanager
def seen_as(pairs: bool, one_moment: bool) -> Iterator[None]:
    """A context in which a formula is evaluated on arrays. pairs, one_moment: as above."""
    before = PAIRS.set(pairs), ONE_MOMENT.set(one_moment)
    try:
        yield
    finally:
        PAIRS.reset(before[0])
        ONE_MOMENT.reset(before[1])


# The operations on both parts of a number.
PAIRWISE = ("conjugate", "over_parts")


def over_parts(x: Any) -> Any:
    """The sum of an expression over the two parts of a complex number, which both then have.

    It is x itself for real arrays, and unless an optimizer is made with second_moment="modulus".
    """
    if isinstance(x, Symbol):
        return x.trace.pairwise("over_parts", x) if x.trace.one_moment else x
    if not (PAIRS.get() and ONE_MOMENT.get()):
        return x
    both = x[::2] + x[1::2]
    return both.repeat(2)


def conjugate(x: Any) -> Any:
    """The complex conjugate; x itself for real arrays."""
    if isinstance(x, Symbol):
        return x.trace.pairwise("conjugate", x)
    if not PAIRS.get():
        return x
    result = x.copy()
    result[1::2] = -x[1::2]
    return result
