"""Tensors of libraries that have DLPack's exchange interface in C, as compiled code reads them.

A type's `__dlpack_c_exchange_api__` leads to a table of C functions, of which one describes a tensor where it stands,
without a reference or an allocation: 15 ns, where asking a tensor of torch for address, shape and strides takes 200.
"""

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .headers import CHANGED, Reader

# Words of the library's table: 0 version, 5 the function. Of what that fills in, a DLTensor: 0 data, 1 device, 2 nd and
# the type of the elements, whose bits are its sixth byte, 3 shape, 4 strides, 5 bytes to the first element.
_DESCRIBE, _WORDS = 5, 6
# Words of our table: 0 the function, 1 the one that forgets an error of Python's, 2 the address of the rest.
_READING = (
    "if call(table[0], at, table[2]) != 0:",
    "    call(table[1], 0, 0)",
    f"    return {CHANGED}",
    "nd, kind = word(table[2], 2) & 0xFFFFFFFF, word(table[2], 2) >> 32",
    "address, dimensions, strides = word(table[2], 0) + word(table[2], 5), word(table[2], 3), word(table[2], 4)",
    "if nd > 0 and strides == 0:",
    f"    return {CHANGED}",
    "place = word(table[2], 1) + ((address % max(1, (kind >> 11) & 31)) << 48)",
)


@functools.cache
def reader(kinds: frozenset[type]) -> Reader | None:
    """How tensors of these types are read; None if they have no such interface, or not the same."""
    functions = {_function(kind) for kind in kinds}
    describe = functions.pop()
    if functions or not describe:
        return None
    table = np.zeros(3 + _WORDS, np.int64)
    forget = ctypes.cast(ctypes.pythonapi.PyErr_Clear, ctypes.c_void_p).value or 0
    table[:3] = describe, forget, table.ctypes.data + 3 * table.itemsize
    # torch may keep values negated until they are looked at.
    denied: Callable[[Any], bool] | None = getattr(next(iter(kinds)), "is_neg", None)
    return Reader(tuple(kinds), _READING, table, denied)


def _function(kind: type) -> int:
    """The address of the function that describes tensors of this type; 0 if there is none."""
    capsule = getattr(kind, "__dlpack_c_exchange_api__", None)
    signature = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    pointer = signature(("PyCapsule_GetPointer", ctypes.pythonapi))
    try:
        table = pointer(capsule, b"dlpack_exchange_api")
    except ValueError:
        return 0
    major = ctypes.c_uint32.from_address(table).value
    return ctypes.c_int64.from_address(table + 8 * _DESCRIBE).value if major == 1 else 0
