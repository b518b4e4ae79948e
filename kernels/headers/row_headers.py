"""Row-sparse gradients in NumPy arrays, looked at by compiled code: can rows and values be used as they are?

Each step brings others, of another length. To check and describe them in Python takes longer than to update a dozen
rows. Importing this module imports numba.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..jit.compiler import compiled, entry_point

# Flags of NumPy: C contiguous, aligned, writable.
_CONTIGUOUS, _WRITABLE = 0x1 | 0x100, 0x400
_FRAME = ("kind", "index", "stored", "flags", "nd", "lengths", "width", "count", "places", "written", "apart")

# The words of an array's struct are those of numpy_headers.
_LOOKING = f"""
def look_at_rows(rows, values, frame):
    {"; ".join(f"{name} = word(frame, {k})" for k, name in enumerate(_FRAME))}
    if word(rows, 1) != kind or word(values, 1) != kind:
        return -1
    if word(rows, 7) != index or word(rows, 3) & 0xFFFFFFFF != 1 or word(rows, 8) & {_CONTIGUOUS} != {_CONTIGUOUS}:
        return -1
    if word(values, 7) != stored or word(values, 3) & 0xFFFFFFFF != nd or word(values, 8) & flags != flags:
        return -1
    n, shape = word(word(rows, 4), 0), word(values, 4)
    if word(shape, 0) != n:
        return -1
    for d in range(1, nd):
        if word(shape, d) != word(lengths, d - 1):
            return -1
    low = word(values, 2)
    for k in range(apart):
        if word(written, 2 * k) < low + n * width and low < word(written, 2 * k + 1):
            return -1
    at, before, ascending = word(rows, 2), -1, True
    for k in range(n):
        row = word(at, k)
        if row < 0 or row >= count:
            return -1
        ascending = ascending and row > before
        before = row
    if not ascending:
        distinct = 0
        while distinct < n and word(places, word(at, distinct)) < 0:
            set_word(places, word(at, distinct), distinct)
            distinct += 1
        for k in range(distinct):
            set_word(places, word(at, k), -1)
        if distinct < n:
            return -1
    set_word(frame, {len(_FRAME)}, low)
    return n
"""


class RowHeaders:
    """Checks whether row numbers are distinct and there are such rows, and whether values are like those before.

    values: those before, C contiguous. count: how many rows there are. written: where the arrays begin and end that
    the step writes: values are to lie apart. writable: whether the values have to be. places: -1 for each row that
    there is, as NumPy's int64, and so again after each look.
    """

    def __init__(self, values: Any, count: int, written: Sequence[int], writable: bool, places: Any) -> None:
        self._look = _look()
        lengths = np.array([*values.shape[1:], *written], np.int64)
        first, inner = lengths.ctypes.data, values.ndim - 1
        flags, width = _CONTIGUOUS | writable * _WRITABLE, math.prod(values.shape[1:]) * values.itemsize
        described = [id(np.ndarray), id(np.dtype(np.int64)), id(values.dtype), flags, values.ndim, first, width]
        apart = first + 8 * inner, len(written) // 2
        self._frame = np.array([*described, count, places.ctypes.data, *apart, 0], np.int64)
        self._place = self._frame.ctypes.data
        # Types are compared by address, which must not be given to another meanwhile.
        self._kept = lengths, places, values.dtype

    def look(self, rows: Any, values: Any) -> int | None:
        """The address of the values if they can be used as they are, and rows need not be added up; else None."""
        return int(self._frame[-1]) if self._look(id(rows), id(values), self._place) >= 0 else None


@functools.cache
def _look() -> Any:
    return entry_point(compiled("look_at_rows", _LOOKING, "int64(int64, int64, int64)"))
