"""CuPy arrays. Importing this module does not import CuPy."""

import functools
from collections.abc import Callable
from typing import Any

from ..arrays.view import View, as_complex, as_pairs, make_view
from ..cuda.compiler import cupy, on_device

BACKEND = "cupy"


def view(array: Any, name: str) -> View:
    """How an array lies. Raises TypeError or ValueError that names it."""
    if pairs := array.dtype.kind == "c":
        array = as_pairs(array)
    address, device = array.data.ptr, f"cuda:{array.device.id}"
    return make_view(array, "cupy array", device, address, array.dtype, array.strides, True, name, pairs)


def full_like(view: View, value: float, dtype: str, shape: tuple[int, ...] | None = None) -> Any:
    """A new CuPy array in the shape and the order of memory of another, or in a shape, on its device."""
    with on_device(view.device):
        new = cupy().full_like(view.array, value, dtype=dtype, shape=shape)
        return as_complex(new) if view.complex else new


def to_host(view: View, name: str) -> Any:
    """A NumPy array with its values; waits for the GPU."""
    with on_device(view.device):
        return cupy().asnumpy(view.array)


def copy(source: View, target: View) -> None:
    """Set an array to the values of another, rounded to its type."""
    with on_device(target.device):
        target.array[...] = source.array


def filling(view: View, values: Any) -> Callable[[], Any]:
    """A function that sets the array to the values of a NumPy array."""
    return functools.partial(_fill, view, values)


def _fill(view: View, values: Any) -> None:
    with on_device(view.device):
        view.array[...] = cupy().asarray(values)
