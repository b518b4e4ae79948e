"""Where CuPy arrays lie, read by compiled code as headers/numpy_headers.py does it: has any of them changed?

Of a CuPy array only the shape can be set in place; gradients come anew. To ask each in Python for its address, shape
and strides takes more time than the launch. The words of CuPy's objects are no interface: they are compared once with
what CuPy says, and where that differs each array is asked. Importing this module imports numba.
"""

import ctypes
import functools
import importlib
from typing import Any

import numpy as np

from ..arrays.extents import Extents
from .numpy_headers import CHANGED, SAME, ArrayKind, Headers

# Words of an array: 1 type, 5 and 6 where its shape begins and ends, 8 its strides, 13 dtype, 14 its MemoryPointer.
# Words of a MemoryPointer: 3 address, 4 device.
_COMPARE = f"""
    if word(at, 1) != kind:
        return {CHANGED}
    shape, strides, memory = word(at, 5), word(at, 8), word(at, 14)
    nd = (word(at, 6) - shape) // 8
    if word(noted, 0) != nd or word(noted, 1) != word(at, 13):
        return {CHANGED}
    if word(noted, 2) != word(memory, 4) & 0xFFFFFFFF:
        return {CHANGED}
    for d in range(nd):
        if word(noted, 3 + d) != word(shape, d) or word(noted, 3 + nd + d) != word(strides, d):
            return {CHANGED}
    address = word(memory, 3)
"""


@functools.cache
def kind() -> ArrayKind:
    """CuPy's own arrays."""
    array: type = importlib.import_module("cupy").ndarray
    return ArrayKind(array, _COMPARE, lambda array: array.data.device_id, lambda array: array.data.ptr)


@functools.cache
def available() -> bool:
    """Whether the words of CuPy's objects are where this module expects them."""
    cupy = importlib.import_module("cupy")
    # Nobody reads this memory; only the words of the arrays are looked at.
    room = np.zeros(64)
    memory = cupy.cuda.UnownedMemory(room.ctypes.data, room.nbytes, room, 0)
    arrays = [
        cupy.ndarray(shape, dtype, cupy.cuda.MemoryPointer(memory, offset), strides)
        for shape, dtype, offset, strides in (
            ((2, 3, 4), "float32", 0, None),
            ((4, 3), "float64", 8, (8, 32)),
            ((), "float16", 2, None),
            ((0, 5), "float32", 16, None),
        )
    ]
    # Compiled code follows these words, so they are looked at from here first.
    if not all(map(_as_expected, arrays)):
        return False
    headers = Headers(arrays, arrays[::-1], Extents(), kind=kind())
    return headers.look(arrays, arrays[::-1]) == SAME


def _as_expected(array: Any) -> bool:
    words, pointer = _words(array), _words(array.data)
    if len(words) < 15 or len(pointer) < 5:
        return False
    lengths = words[6] - words[5], words[9] - words[8]
    read = (*lengths, words[13], words[14], pointer[3])
    return read == (8 * array.ndim, 8 * array.ndim, id(array.dtype), id(array.data), array.data.ptr)


def _words(thing: Any) -> list[int]:
    size = type(thing).__basicsize__ // 8
    return list((ctypes.c_int64 * size).from_address(id(thing)))
