"""What adds up the gradients of several calls: one pass over all arrays, made of a formula as every kernel is."""

import functools
from collections.abc import Mapping
from typing import Any

from .definition import Definition
from .language.functions import where

# No name of an author has a space.
SUM = "sum of the gradients"
BEGINS = "begins"


class Gather(Definition):
    """The sum of a parameter's gradients with one more. Where the number `begins` is not 0 it is that gradient alone,
    so that nothing has to set sums to zero, and -0.0 stays.

    zeroes: whether the gradient is set to zero in the same pass.
    """

    def __init__(self, zeroes: bool) -> None:
        super().__init__()
        self.name, self._zeroes = "accumulate", zeroes
        self.arrays = ("p", "g", SUM)
        self.written = (SUM, "g") if zeroes else (SUM,)
        self.hyper, self.ranges, self.states, self.start, self.counters = {BEGINS: 0.0}, {}, {}, {SUM: 0.0}, ()

    def formula(self, p: Any, g: Any, total: Any, /, *, begins: Any) -> tuple[Any, ...]:
        """The new sum; then, if the gradient is set to zero, 0."""
        new = where(begins != 0, g, total + g)
        return (new, 0.0) if self._zeroes else (new,)


@functools.cache
def gather(zeroes: bool) -> Gather:
    """The definition, made once."""
    return Gather(zeroes)


def begins(first: bool) -> Mapping[str, float]:
    """The numbers of parameters whose gradient is the first."""
    return {BEGINS: float(first)}
