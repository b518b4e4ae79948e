"""State in codes as numbers, and numbers in codes, on the host."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..kernels.arrays.view import axes_along
from ..kernels.language.root8 import codes_of, numbers_of, scales_of
from ..kernels.language.storages import BLOCK
from ..kernels.libraries.library import state_view_of, to_host
from ..kernels.reference import Flushed
from ..kernels.riders import SCALES_OF


def order_of(codes: Any) -> tuple[int, ...]:
    """The axes of an array of codes, outermost first, in whose order it is dense."""
    view = state_view_of(codes, "codes")[1]
    return tuple(axes_along(view.walk or (), len(view.shape)))


def slot_values(state: Mapping[str, Any], slot: str, name: str) -> Any:
    """The numbers of a slot: a read-only NumPy array of float32 for one in codes, else the array itself.

    state: the arrays of a parameter by slot. name: how messages name the array.
    """
    scales = state.get(SCALES_OF.format(slot))
    if scales is None:
        return state[slot]
    result = decoded(to_host(state[slot], name), to_host(scales, name), order_of(state[slot]))
    result.flags.writeable = False
    return result


class InOrder:
    """An array of codes for a copy or a pickle, which becomes the array itself there, in the same order of memory.

    Pickled arrays that are in neither C's nor Fortran's order come back in C's, where other elements share a scale.
    """

    def __init__(self, codes: Any) -> None:
        self.codes = codes

    def __reduce__(self) -> tuple[Any, ...]:
        order = order_of(self.codes)
        return _in_order, (self.codes.transpose(order), order)


def _in_order(codes: Any, order: Sequence[int]) -> Any:
    return codes.transpose(np.argsort(order).tolist())


def to_be_copied(state: Mapping[str, Any]) -> dict[str, Any]:
    """State arrays of a parameter by slot for a copy or a pickle."""
    return {
        slot: InOrder(array) if SCALES_OF.format(slot) in state and isinstance(array, np.ndarray) else array
        for slot, array in state.items()
    }


def decoded(codes: Any, scales: Any, order: Sequence[int]) -> Any:
    """The numbers of codes, in float32. order: of the axes, as blocks go through them."""
    flat = codes.transpose(order).reshape(-1).astype("float32").view(Flushed)
    with np.errstate(all="ignore"):
        values = numbers_of(flat, np.repeat(scales, BLOCK)[: flat.size])
    result = np.empty_like(codes, "float32")
    result.transpose(order)[...] = np.asarray(values).reshape([codes.shape[axis] for axis in order])
    return result


def encoded(values: Any, storage: str, order: Sequence[int]) -> tuple[Any, Any]:
    """Codes of a stored type, and their scales, of numbers in float32; as for `decoded`."""
    flat = values.transpose(order).reshape(-1).astype("float32").view(Flushed)
    if storage == "uint8":
        # What codes do not have, and no step would have made.
        flat = np.where(flat < 0, 0, flat)
    with np.errstate(all="ignore"):
        codes, scales = codes_of(flat, storage), np.array(scales_of(flat, storage))
    result = np.empty_like(values, storage)
    result.transpose(order)[...] = np.asarray(codes).reshape([values.shape[axis] for axis in order])
    return result, scales
