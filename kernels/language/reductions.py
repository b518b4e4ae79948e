"""Norms and sums in one defined order, so that every backend and any number of threads give the same bits.

The order: an array is cut into chunks of CHUNK elements (in memory order). Element i of a chunk belongs to lane
i % LANES; a lane accumulates its elements in order, in float64; the lanes are folded in halves (lane j takes lane
j + LANES/2, and so on); the chunks are combined in order.

The squares of float64 numbers may leave the range of float64 though the norm does not. A chunk whose sum comes near an
end of the range is added up once more, its elements scaled by a power of two, and counts in a part of its own. In
float32 this cannot happen: there is one part.
"""

import functools
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from .elementary import where
from .operations import OPERATIONS

CHUNK = 65536
LANES = 1024
DOWN, UP = 2.0**-600, 2.0**600
# From so many numbers on NumPy adds up in order sooner than Python.
_MANY = 64


@dataclass(frozen=True)
class Scales:
    """How chunks are reduced whose result leaves a range, from `low` to `high`.

    below, above: by what the elements of a chunk are multiplied whose result is below the range or above it.
    join: a formula, of the totals of the chunks within the range, of those above and of those below, that gives one
    total and the factor by which its finished value is to be multiplied.
    """

    low: float
    high: float
    below: float
    above: float
    join: Callable[[Any, Any, Any], tuple[Any, Any]]


@dataclass(frozen=True)
class Reduction:
    """element: the operation that turns an element (a float64), as each of its operands, into the contribution of the
    element; None for the element itself. combine: an operation's name. finish: an operation that is applied once to the
    total, or None. scales: for float64 arrays; None where no result leaves the range.
    """

    element: str | None
    combine: str
    finish: str | None
    scales: Scales | None = None

    def scaled(self, compute: str) -> Scales | None:
        """`scales` for arrays that compute in a type."""
        return self.scales if compute == "float64" else None

    def parts(self, compute: str) -> tuple[float, ...]:
        """By what the elements of each part are multiplied, for arrays that compute in a type.

        The first part has the chunks within the range, the second those above it, the third those below it.
        """
        scales = self.scaled(compute)
        return (1.0, scales.above, scales.below) if scales else (1.0,)

    def array(self, x: Any) -> float:
        """The reduction of a NumPy or CuPy array, in C order, or of several in turn; on a GPU this waits for it."""
        arrays = x if isinstance(x, list | tuple) else [x]
        totals = [0.0] * len(self.parts("float64"))
        for array in arrays:
            for part, total in enumerate(self._totals(array)):
                totals[part] = self.combined(totals[part], total)
        return float(self.finished(totals))

    def _totals(self, x: Any) -> list[float]:
        """The total of each part of an array."""
        flat, parts, scales = x.reshape(-1), self.parts(x.dtype.name), self.scaled(x.dtype.name)
        totals = [0.0] * len(parts)
        for start in range(0, flat.size, CHUNK):
            values = flat[start : start + CHUNK].astype(np.float64)
            part, result = 0, self._chunk(values)
            if scales and not scales.low <= result <= scales.high and result == result:
                part = 1 if result > scales.high else 2
                result = self._chunk(values * parts[part])
            totals[part] = self.combined(totals[part], result)
        return totals

    def _chunk(self, values: Any) -> float:
        combine = OPERATIONS[self.combine].array
        with np.errstate(over="ignore", under="ignore"):
            if self.element:
                operation = OPERATIONS[self.element]
                values = operation.array(*[values] * operation.arity)
            lanes = np.zeros_like(values, shape=LANES)
            for first in range(0, values.size, LANES):
                row = values[first : first + LANES]
                lanes[: row.size] = combine(lanes[: row.size], row)
            while lanes.size > 1:
                lanes = combine(lanes[: lanes.size // 2], lanes[lanes.size // 2 :])
        return float(lanes[0])

    def combined(self, a: float, b: float) -> float:
        """Two partial results as one."""
        total: float = OPERATIONS[self.combine].host(a, b)
        return total

    def joined(self, partials: Any) -> float:
        """Partial results, combined in order. partials: numbers, or a NumPy array of them."""
        combine = OPERATIONS[self.combine]
        if isinstance(partials, np.ndarray):
            if partials.size > _MANY and isinstance(combine.array, np.ufunc):
                with np.errstate(all="ignore"):
                    return float(combine.array.accumulate(partials)[-1])
            partials = partials.tolist()
        total: float = functools.reduce(combine.host, partials)
        return total

    def finished(self, totals: Sequence[Any]) -> Any:
        """The reduction's value from the total of each part, or its values from arrays of them."""
        total, *others = totals
        factor = None
        # As a rule nothing is beyond the range, and the first part is the total.
        if self.scales and any(others if isinstance(total, float) else map(np.count_nonzero, others)):
            total, factor = self.scales.join(*totals)
        if self.finish:
            # For a single number Python is quicker, with the same bits.
            operation = OPERATIONS[self.finish]
            total = operation.host(total) if isinstance(total, float) else operation.array(total)
        return total if factor is None else total * factor


# While formulas of several arrays are evaluated: gives a reduction over the model from its name and one of the arrays.
OVER_MODEL: ContextVar[Callable[[str, Any], float] | None] = ContextVar("OVER_MODEL", default=None)


def _squares(plain: Any, large: Any, small: Any) -> tuple[Any, Any]:
    """The largest part that is not zero, and with it the next smaller one; what is smaller still changes no bit."""
    is_large, is_plain = large > 0, plain != 0
    total = where(is_large, large + plain * DOWN * DOWN, where(is_plain, plain + small * DOWN * DOWN, small))
    return total, where(is_large, UP, where(is_plain, 1.0, DOWN))


# Room for 2**63 chunks above the range before their sum is infinite; what a chunk loses below the range is less than a
# rounding of it.
_SQUARES = Scales(low=2.0**-900, high=2.0**960, below=UP, above=DOWN, join=_squares)

REDUCTIONS: dict[str, Reduction] = {
    "norm": Reduction("multiply", "add", "sqrt", _SQUARES),
    "max_norm": Reduction("absolute", "maximum", None),
    "total": Reduction(None, "add", None),
}
