"""Norms and sums in one defined order, so that every backend and any number of threads give the same bits.

The order: an array is cut into chunks of CHUNK elements (in memory order). Element i of a chunk belongs to lane
i % LANES; a lane accumulates its elements in order, in float64; the lanes are folded in halves (lane j takes lane
j + LANES/2, and so on); the chunks are combined in order.
"""

import functools
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from .operations import OPERATIONS

CHUNK = 65536
LANES = 1024


@dataclass(frozen=True)
class Reduction:
    """element: the operation that turns an element (a float64), as each of its operands, into the contribution of the
    element; None for the element itself. combine: an operation's name. finish: an operation that is applied once to the
    total, or None."""

    element: str | None
    combine: str
    finish: str | None

    def array(self, x: Any) -> float:
        """The reduction of a NumPy or CuPy array, in C order, or of several in turn; on a GPU this waits for it."""
        arrays = x if isinstance(x, list | tuple) else [x]
        return float(self.finished(functools.reduce(self.combined, map(self._total, arrays), 0.0)))

    def _total(self, x: Any) -> float:
        flat = x.reshape(-1)
        total = 0.0
        combine = OPERATIONS[self.combine].array
        for start in range(0, flat.size, CHUNK):
            values = flat[start : start + CHUNK].astype(np.float64)
            if self.element:
                operation = OPERATIONS[self.element]
                values = operation.array(*[values] * operation.arity)
            lanes = np.zeros_like(values, shape=LANES)
            for first in range(0, values.size, LANES):
                row = values[first : first + LANES]
                lanes[: row.size] = combine(lanes[: row.size], row)
            while lanes.size > 1:
                lanes = combine(lanes[: lanes.size // 2], lanes[lanes.size // 2 :])
            total = self.combined(total, float(lanes[0]))
        return total

    def combined(self, a: float, b: float) -> float:
        """Two partial results as one."""
        total: float = OPERATIONS[self.combine].host(a, b)
        return total

    def joined(self, partials: Iterable[float]) -> float:
        """Partial results, combined in order."""
        total: float = functools.reduce(OPERATIONS[self.combine].host, partials)
        return total

    def finished(self, totals: Any) -> Any:
        """The reduction's value from the total of the partial results, or its values from many."""
        if not self.finish:
            return totals
        # For a single number Python is quicker, with the same bits.
        operation = OPERATIONS[self.finish]
        return operation.host(totals) if isinstance(totals, float) else operation.array(totals)


# While formulas of several arrays are evaluated: gives a reduction over the model from its name and one of the arrays.
OVER_MODEL: ContextVar[Callable[[str, Any], float] | None] = ContextVar("OVER_MODEL", default=None)

REDUCTIONS: dict[str, Reduction] = {
    "norm": Reduction("multiply", "add", "sqrt"),
    "max_norm": Reduction("absolute", "maximum", None),
    "total": Reduction(None, "add", None),
}
