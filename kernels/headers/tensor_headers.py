"""Where tensors of libraries with DLPack's exchange interface in C lie: has any of them changed?

A type's `__dlpack_c_exchange_api__` leads to a table of C functions, of which one describes a tensor where it stands,
without a reference or an allocation. Compiled code asks it about a whole list, from the address of the list, in a fifth
of the time in which Python would ask each tensor for its address, shape and strides. Importing this module imports
numba.
"""

import ctypes
import functools
from typing import Any

import numpy as np

from ..arrays.extents import Extents
from ..jit.compiler import compiled, entry_point
from .numpy_headers import AHEAD, CHANGED, SAME, Among, Frame, filled, look_source, spread

_RANKS = 8  # Tensors of more dimensions are looked at the slow way.
_COLUMNS = 3 + 2 * _RANKS
# Words of the library's table: 0 version, 5 the function. Of what that fills in, a DLTensor: 0 data, 1 device, 2 nd and
# the type of the elements, whose bits are its sixth byte, 3 shape, 4 strides, 5 bytes to the first element.
_DESCRIBE, _WORDS = 5, 6

# Words of an object: 1 is its type; 2 leads to torch's own struct, which is only prefetched: where it leads elsewhere
# nothing is wrong. record: what is read is noted, and compared with itself.
_OWN = ("one", "other", "describe", "forget", "place", "record")
_COMPARE = f"""
    prefetch(word(items, word(places, min(k + {2 * AHEAD}, last - 1))))
    near = word(items, word(places, min(k + {AHEAD}, last - 1)))
    if word(near, 1) == one or word(near, 1) == other:
        for line in range(0, 192, 64):
            prefetch(word(near, 2) + line)
    if word(at, 1) != one and word(at, 1) != other:
        return {CHANGED}
    if call(describe, at, place) != 0:
        call(forget, 0, 0)
        return {CHANGED}
    kind, device, shape, strides = word(place, 2), word(place, 1), word(place, 3), word(place, 4)
    nd = kind & 0xFFFFFFFF
    if nd > {_RANKS} or (nd > 0 and strides == 0):
        return {CHANGED}
    address = word(place, 0) + word(place, 5)
    off = address % max(1, (kind >> 43) & 31)
    if record:
        set_word(addresses, k, address)
        set_word(noted, 0, kind)
        set_word(noted, 1, device)
        set_word(noted, 2, off)
        for d in range(nd):
            set_word(noted, 3 + 2 * d, word(shape, d))
            set_word(noted, 4 + 2 * d, word(strides, d))
    if word(noted, 0) != kind or word(noted, 1) != device or word(noted, 2) != off:
        return {CHANGED}
    for d in range(nd):
        if word(noted, 3 + 2 * d) != word(shape, d):
            return {CHANGED}
        if word(noted, 4 + 2 * d) != word(strides, d):
            return {CHANGED}
"""


@functools.cache
def _look() -> Any:
    source = look_source("look_at_tensors", _OWN, _COMPARE)
    # The function holds Python's lock: the lists stay as they are, and a library may set an error of Python's.
    return entry_point(compiled("look_at_tensors", source, "int64(int64, int64, int64)", nogil=False))


class TensorHeaders:
    """As numpy_headers.Headers, for tensors of one or two types, such as torch's Tensor and Parameter."""

    def __init__(
        self,
        fixed: list[Any],
        moving: list[Any],
        extents: Extents,
        before: Any = None,
        among: Among | None = None,
    ) -> None:
        there = filled(moving, fixed)
        kinds = list(dict.fromkeys(map(type, (*fixed, *there))))
        functions = {_function(kind) for kind in kinds}
        self.checkable = len(functions) == 1 and 0 not in functions and len(kinds) <= 2
        self.known: Frame | None = None
        self.gaps_known = False
        if not self.checkable:
            return
        # torch may keep values negated, and complex ones conjugated, until they are looked at.
        self._put_off = [getattr(kinds[0], "is_neg", None)]
        if any(getattr(array, "is_complex", bool)() for array in there):
            self._put_off.append(getattr(kinds[0], "is_conj", None))
        self._words = np.zeros(_WORDS, np.int64)
        forget = ctypes.cast(ctypes.pythonapi.PyErr_Clear, ctypes.c_void_p).value
        own = [id(kinds[0]), id(kinds[-1]), functions.pop(), forget, self._words.ctypes.data, True]
        self.known = known = Frame(fixed, there, _COLUMNS, extents, own, among)
        self._kinds = kinds
        self.addresses, self.moving, self._place = known.addresses, known.moving, known.place
        self._look = _look()
        lists = fixed, there
        if among is not None:
            lists = spread(fixed, among), spread(there, among)
        self.checkable = self._look(*map(id, lists), self._place) == SAME
        known.words[-1] = False
        self.gaps_known = known.note_gaps(moving, before.known if isinstance(before, TensorHeaders) else None)

    def look(self, fixed: list[Any], moving: list[Any]) -> int:
        """SAME, or MOVED if only moving arrays lie elsewhere, or OTHERS if there are gaps in other places, or CHANGED.

        MOVED and OTHERS enter the new addresses into `addresses`; CHANGED leaves them as they were.
        """
        try:
            if not self.checkable:
                return CHANGED
            for put_off in self._put_off:
                if put_off and any(put_off(x) for x in moving if x is not None):
                    return CHANGED
        except TypeError:
            return CHANGED
        # The tensors stay alive, and so do their addresses, while the caller holds the lists.
        answer: int = self._look(id(fixed), id(moving), self._place)
        return answer


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
