"""Where tensors lie, of libraries that have DLPack's exchange interface in C: has any of them changed?

A type's `__dlpack_c_exchange_api__` leads to a table of C functions, of which one describes a tensor where it stands,
without a reference or an allocation. Compiled code asks it about a whole list, from the address of the list, in a fifth
of the time in which Python would ask each tensor for its address, shape and strides. Importing this module imports
numba.
"""

import ctypes
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .arrays import View
from .cpu_compile import compiled
from .headers import CHANGED, MOVED, SAME, _extents

_RANKS = 8  # Tensors of more dimensions are looked at the slow way.
_COLUMNS = 3 + 2 * _RANKS
# Words of the library's table: 0 version, 5 the function. Of what that fills in, a DLTensor: 0 data, 1 device, 2 nd and
# the type of the elements, whose bits are its sixth byte, 3 shape, 4 strides, 5 bytes to the first element.
_DESCRIBE, _WORDS = 5, 6

# Words of eight bytes. Of an object: 1 type. Of a list: 2 length, 3 items.
_SOURCE = f"""
def describe_tensors(tensors, kinds, describe, forget, place, expected, addresses, record):
    if word(tensors, 2) != len(addresses):
        return False
    for k in range(len(addresses)):
        at = word(word(tensors, 3), k)
        if word(at, 1) != kinds[0] and word(at, 1) != kinds[len(kinds) - 1]:
            return False
        if call(describe, at, place) != 0:
            call(forget, 0, 0)
            return False
        kind, device, shape, strides = word(place, 2), word(place, 1), word(place, 3), word(place, 4)
        nd = kind & 0xFFFFFFFF
        if nd > {_RANKS} or (nd > 0 and strides == 0):
            return False
        addresses[k] = word(place, 0) + word(place, 5)
        off = addresses[k] % max(1, (kind >> 43) & 31)
        if record:
            expected[k, 0], expected[k, 1], expected[k, 2] = kind, device, off
            for d in range(nd):
                expected[k, 3 + d], expected[k, {3 + _RANKS} + d] = word(shape, d), word(strides, d)
        if expected[k, 0] != kind or expected[k, 1] != device or expected[k, 2] != off:
            return False
        for d in range(nd):
            if expected[k, 3 + d] != word(shape, d) or expected[k, {3 + _RANKS} + d] != word(strides, d):
                return False
    return True
"""


@functools.cache
def _describe() -> Any:
    arguments = "int64, int64[::1], int64, int64, int64, int64[:,::1], int64[::1], boolean"
    # It holds Python's lock: the lists stay as they are, and a library may set an error of Python's.
    return compiled("describe_tensors", _SOURCE, f"boolean({arguments})", nogil=False)


class TensorHeaders:
    """As headers.Headers, for tensors of one or two types, such as torch's Tensor and Parameter."""

    def __init__(
        self, parameters: list[Any], gradients: list[Any], views: Sequence[Sequence[View]], gradients_written: bool
    ) -> None:
        self._count = len(parameters)
        self._kinds = list(dict.fromkeys(map(type, (*parameters, *gradients))))
        functions = {_function(kind) for kind in self._kinds}
        self._watched = len(functions) == 1 and 0 not in functions and len(self._kinds) <= 2
        if not self._watched:
            return
        # torch may keep values negated until they are looked at.
        self._negated = getattr(self._kinds[0], "is_neg", None)
        self._spans, written = _extents(views, gradients_written)
        # What is written begins at these addresses; where the one before ends, and for the first none.
        self._starts, self._ends = written[:, 0], np.array([np.iinfo(np.int64).min, *written[:, 1]])
        tensors = [*parameters, *gradients]
        self.addresses, self._found = (np.zeros(len(tensors), np.int64) for _ in range(2))
        self._words = np.zeros(_WORDS, np.int64)
        forget = ctypes.cast(ctypes.pythonapi.PyErr_Clear, ctypes.c_void_p).value
        kinds = np.array([id(kind) for kind in self._kinds], np.int64)
        self._describe = _describe()
        expected = np.zeros((len(tensors), _COLUMNS), np.int64)
        self._given = kinds, functions.pop(), forget, self._words.ctypes.data, expected
        # The tensors stay alive, and so do their addresses, while the list is held.
        self._watched = self._describe(id(tensors), *self._given, self.addresses, True)

    def look(self, parameters: list[Any], gradients: list[Any]) -> int:
        """SAME, MOVED if only gradients lie elsewhere, as `addresses` now says, or CHANGED, when nothing is noted."""
        tensors = [*parameters, *gradients]
        if not self._watched or not self._describe(id(tensors), *self._given, self._found, False):
            return CHANGED
        if self._negated and any(map(self._negated, gradients)):
            return CHANGED
        if len(parameters) != self._count:
            return CHANGED
        same = self._found == self.addresses
        if same.all():
            return SAME
        # Only a gradient may lie elsewhere, and only apart from all that is written.
        if not same[: self._count].all() or not len(self._spans):
            return CHANGED
        found = self._found[self._count :]
        low, high = (found + bound for bound in self._spans.T)
        if np.any((low < high) & (self._ends[np.searchsorted(self._starts, high)] > low)):
            return CHANGED
        self.addresses[self._count :] = found
        return MOVED


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
