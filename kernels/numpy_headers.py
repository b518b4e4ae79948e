"""NumPy's own structs, whose layout is part of its stable interface, as compiled code reads them."""

import functools

import numpy as np

from .headers import _RANKS, Headers, Reader

# C and F contiguous, aligned, writable: the flags on which a plan depends.
_FLAGS = 0x1 | 0x2 | 0x100 | 0x400
# Words of PyArrayObject_fields: 2 data, 3 nd, 4 dimensions, 5 strides, 7 descr, 8 flags.
_READING = (
    "nd = word(at, 3) & 0xFFFFFFFF",
    "address, dimensions, strides = word(at, 2), word(at, 4), word(at, 5)",
    f"kind, place = word(at, 7), word(at, 8) & {_FLAGS}",
)
_READER = Reader((np.ndarray,), _READING, np.zeros(0, np.int64))


@functools.cache
def reader() -> Reader | None:
    """How NumPy's arrays are read; None if they are not laid out as this module expects."""
    grid = np.arange(24.0, dtype="float32").reshape(2, 3, 4)
    read_only = np.ones(3)
    read_only.flags.writeable = False
    arrays = [grid, grid[:, ::2].T, np.array(1.0), np.zeros((0, 5), "float16"), read_only]
    headers = Headers(_READER, arrays, arrays[::-1], [], False)
    for row, address, array in zip(headers._expected, headers._addresses, [*arrays, *arrays[::-1]], strict=True):
        found = row[0], row[1], row[2], [*row[3 : 3 + array.ndim]], [*row[3 + _RANKS : 3 + _RANKS + array.ndim]]
        told = array.ndim, id(array.dtype), array.flags.num & _FLAGS, list(array.shape), list(array.strides)
        if found != told or address != array.ctypes.data:
            return None
    return _READER
