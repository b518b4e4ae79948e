"""The headers of NumPy arrays, read by compiled code: has any of them changed, and where do they lie?

Asking an array for its address takes a microsecond; a model has hundreds of arrays, and each step brings new gradients.
`id(array)` is the address of NumPy's own struct, whose layout is part of its stable interface. It is compared once with
what NumPy says; where it differs, `available` is False and the slow way is taken. Importing this module imports numba.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .cpu_compile import compiled

_RANKS = 8  # Arrays of more dimensions are looked at the slow way.
_COLUMNS = 3 + 2 * _RANKS
# C and F contiguous, aligned, writable: the flags on which a plan depends.
_FLAGS = 0x1 | 0x2 | 0x100 | 0x400

# PyArrayObject_fields, in words of eight bytes: 1 type, 2 data, 3 nd, 4 dimensions, 5 strides, 7 descr, 8 flags.
_SOURCE = f"""
def look(ids, kind, expected, addresses, record):
    changed = moved = False
    for k in range(len(ids)):
        at = ids[k]
        nd = -1
        if word(at, 1) == kind:
            nd = word(at, 3) & 0xFFFFFFFF
        if nd < 0 or nd > {_RANKS}:
            return 2
        address = word(at, 2)
        moved = moved or address != addresses[k]
        addresses[k] = address
        dimensions, strides = word(at, 4), word(at, 5)
        if record:
            expected[k, 0], expected[k, 1], expected[k, 2] = nd, word(at, 7), word(at, 8) & {_FLAGS}
            for d in range(nd):
                expected[k, 3 + d], expected[k, {3 + _RANKS} + d] = word(dimensions, d), word(strides, d)
        changed = changed or expected[k, 0] != nd or expected[k, 1] != word(at, 7)
        if changed or expected[k, 2] != word(at, 8) & {_FLAGS}:
            return 2
        for d in range(nd):
            if expected[k, 3 + d] != word(dimensions, d) or expected[k, {3 + _RANKS} + d] != word(strides, d):
                return 2
    return 1 if moved else 0
"""

CHANGED = 2


@functools.cache
def _look() -> Any:
    signature = "int64(int64[::1], int64, int64[:,::1], int64[::1], boolean)"
    return compiled("look_at_headers", _SOURCE.replace("look(", "look_at_headers(", 1), signature)


class Headers:
    """Watches arrays: whether others are like them in type, shape, strides and flags, and where those lie.

    addresses: where the arrays lay when last looked at.
    """

    def __init__(self, arrays: Sequence[Any]) -> None:
        self._expected = np.zeros((len(arrays), _COLUMNS), np.int64)
        self.addresses = np.zeros(len(arrays), np.int64)
        self._watched = self._run(arrays, True) != CHANGED
        # Types are compared by address, which must not be given to another meanwhile.
        self._dtypes = {id(dtype): dtype for dtype in (getattr(array, "dtype", None) for array in arrays)}

    def look(self, arrays: Sequence[Any]) -> int:
        """0 if all is as it was, 1 if only addresses differ, which `addresses` now has, 2 if anything else does."""
        if not self._watched or len(arrays) != len(self.addresses):
            return CHANGED
        return self._run(arrays, False)

    def _run(self, arrays: Sequence[Any], record: bool) -> int:
        # The arrays stay alive, and so do their addresses, while the caller holds them.
        ids = np.fromiter(map(id, arrays), np.int64, len(arrays))
        found: int = _look()(ids, id(np.ndarray), self._expected, self.addresses, record)
        return found


@functools.cache
def available() -> bool:
    """Whether NumPy's struct is where this module expects it."""
    grid = np.arange(24.0, dtype="float32").reshape(2, 3, 4)
    read_only = np.ones(3)
    read_only.flags.writeable = False
    for array in (grid, grid[:, ::2].T, np.array(1.0), np.zeros((0, 5), "float16"), read_only):
        headers = Headers([array])
        row = headers._expected[0].tolist()
        found = row[0], row[1], row[2], row[3 : 3 + array.ndim], row[3 + _RANKS : 3 + _RANKS + array.ndim]
        told = array.ndim, id(array.dtype), array.flags.num & _FLAGS, list(array.shape), list(array.strides)
        if found != told or headers.addresses[0] != array.ctypes.data:
            return False
    return True
