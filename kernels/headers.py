"""The headers of NumPy arrays, read by compiled code: has any of them changed, and where do they lie?

Asking an array for its address takes a microsecond; a model has hundreds of arrays, and each step brings new gradients.
The address of a list, `id(list)`, leads to its arrays and to NumPy's own structs, whose layout is part of its stable
interface. They are compared once with what Python and NumPy say; where that differs, `available` is False and the slow
way is taken. Importing this module imports numba.
"""

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .arrays import View
from .cpu_compile import compiled

SAME, MOVED, CHANGED = 0, 1, 2
_RANKS = 8  # Arrays of more dimensions are looked at the slow way.
_COLUMNS = 3 + 2 * _RANKS
# C and F contiguous, aligned, writable: the flags on which a plan depends.
_FLAGS = 0x1 | 0x2 | 0x100 | 0x400

# Words of eight bytes. Of a list: 2 length, 3 items. PyArrayObject_fields: 1 type, 2 data, 3 nd, 4 dimensions,
# 5 strides, 7 descr, 8 flags.
_SOURCE = f"""
def look_at_headers(parameters, gradients, kind, expected, addresses, spans, written, record):
    count = word(parameters, 2)
    if word(gradients, 2) != count or 2 * count != len(addresses):
        return {CHANGED}
    moved = False
    for k in range(2 * count):
        at = word(word(parameters, 3), k) if k < count else word(word(gradients, 3), k - count)
        nd = -1
        if word(at, 1) == kind:
            nd = word(at, 3) & 0xFFFFFFFF
        if nd < 0 or nd > {_RANKS}:
            return {CHANGED}
        dimensions, strides = word(at, 4), word(at, 5)
        if record:
            addresses[k] = word(at, 2)
            expected[k, 0], expected[k, 1], expected[k, 2] = nd, word(at, 7), word(at, 8) & {_FLAGS}
            for d in range(nd):
                expected[k, 3 + d], expected[k, {3 + _RANKS} + d] = word(dimensions, d), word(strides, d)
        if expected[k, 0] != nd or expected[k, 1] != word(at, 7) or expected[k, 2] != word(at, 8) & {_FLAGS}:
            return {CHANGED}
        for d in range(nd):
            if expected[k, 3 + d] != word(dimensions, d) or expected[k, {3 + _RANKS} + d] != word(strides, d):
                return {CHANGED}
        address = word(at, 2)
        if address != addresses[k]:
            # Only a gradient may lie elsewhere, and only apart from all that is written.
            if k < count or len(spans) == 0:
                return {CHANGED}
            low, high = address + spans[k - count, 0], address + spans[k - count, 1]
            first, last = 0, len(written)
            while first < last:
                middle = (first + last) // 2
                if written[middle, 0] < high:
                    first = middle + 1
                else:
                    last = middle
            if low < high and first > 0 and written[first - 1, 1] > low:
                return {CHANGED}
            moved = True
    if moved:
        for k in range(count):
            addresses[count + k] = word(word(word(gradients, 3), k), 2)
        return {MOVED}
    return {SAME}
"""


@functools.cache
def _look() -> Any:
    table = "int64[:,::1]"
    return compiled(
        "look_at_headers", _SOURCE, f"int64(int64, int64, int64, {table}, int64[::1], {table}, {table}, boolean)"
    )


class Headers:
    """Watches parameters and gradients: whether others are like them in type, shape, strides and flags.

    views: for each parameter, those of all its arrays as the plan has them; gradients_written: whether they are set.
    addresses: where the gradients lay when last looked at.
    """

    def __init__(
        self, parameters: list[Any], gradients: list[Any], views: Sequence[Sequence[View]], gradients_written: bool
    ) -> None:
        self._expected = np.zeros((2 * len(parameters), _COLUMNS), np.int64)
        self._addresses = np.zeros(2 * len(parameters), np.int64)
        self.addresses = self._addresses[len(parameters) :]
        self._spans, self._written = _extents(views, gradients_written)
        # The function itself, since finding it in its cache takes as long as running it.
        self._look, self._kind = _look(), id(np.ndarray)
        self._watched = self._run(parameters, gradients, True) != CHANGED
        # Types are compared by address, which must not be given to another meanwhile.
        self._dtypes = [getattr(array, "dtype", None) for array in (*parameters, *gradients)]

    def look(self, parameters: list[Any], gradients: list[Any]) -> int:
        """SAME, MOVED if only gradients lie elsewhere, as `addresses` now says, or CHANGED, when nothing is noted."""
        return self._run(parameters, gradients, False) if self._watched else CHANGED

    def _run(self, parameters: list[Any], gradients: list[Any], record: bool) -> int:
        # The arrays stay alive, and so do their addresses, while the caller holds the lists.
        found: int = self._look(
            id(parameters),
            id(gradients),
            self._kind,
            self._expected,
            self._addresses,
            self._spans,
            self._written,
            record,
        )
        return found


def _extents(views: Sequence[Sequence[View]], gradients_written: bool) -> tuple[Any, Any]:
    """Where each gradient begins and ends, from the address of its first element; where what is written lies, in order.

    The first is empty where a moved gradient needs a closer look: if it is written itself, or if what is written
    interleaves.
    """
    written = sorted(view.bounds for arrays in views for k, view in enumerate(arrays) if k != 1 and view.size)
    apart = all(one[1] <= other[0] for one, other in itertools.pairwise(written))
    spans = []
    if apart and not gradients_written:
        gradients = [arrays[1] for arrays in views]
        spans = [[b - g.address for b in g.bounds] if g.size else [0, 0] for g in gradients]
    return (np.array(table, np.int64).reshape(-1, 2) for table in (spans, written))  # type: ignore[return-value]


@functools.cache
def available() -> bool:
    """Whether Python's lists and NumPy's structs are where this module expects them."""
    grid = np.arange(24.0, dtype="float32").reshape(2, 3, 4)
    read_only = np.ones(3)
    read_only.flags.writeable = False
    arrays = [grid, grid[:, ::2].T, np.array(1.0), np.zeros((0, 5), "float16"), read_only]
    headers = Headers(arrays, arrays[::-1], [], False)
    for row, address, array in zip(headers._expected, headers._addresses, [*arrays, *arrays[::-1]], strict=True):
        found = row[0], row[1], row[2], [*row[3 : 3 + array.ndim]], [*row[3 + _RANKS : 3 + _RANKS + array.ndim]]
        told = array.ndim, id(array.dtype), array.flags.num & _FLAGS, list(array.shape), list(array.strides)
        if found != told or address != array.ctypes.data:
            return False
    return True
