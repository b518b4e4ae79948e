"""NumPy arrays, and those of other libraries that share their memory with NumPy on the CPU."""

import functools
import operator
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays.view import View, as_complex, as_pairs, make_view

BACKEND = "cpu"


def view(array: Any, name: str) -> View:
    """How an array lies. Raises TypeError or ValueError that names it."""
    kind = "numpy array" if isinstance(array, np.ndarray) else f"{type(array).__module__}.{type(array).__name__}"
    if not isinstance(array, np.ndarray):
        array = shared_with_numpy(array, name)
    if pairs := array.dtype.kind == "c":
        array = as_pairs(array)
    address = array.__array_interface__["data"][0]
    return make_view(array, kind, "cpu", address, array.dtype, array.strides, array.flags.writeable, name, pairs)


def shared_with_numpy(array: Any, name: str) -> Any:
    """A NumPy array over the same memory as a CPU array of another library."""
    torch = sys.modules.get("torch")
    try:
        if torch is not None and isinstance(array, torch.Tensor):
            array = array.detach()
            if array.dtype is torch.bfloat16:
                import ml_dtypes

                return array.view(torch.uint16).numpy().view(ml_dtypes.bfloat16)
            return array.numpy()
        if hasattr(array, "__array_interface__"):
            return np.asarray(array)
        return np.from_dlpack(array)
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError) as error:
        raise TypeError(f"{name}: this {type(array).__name__} cannot be shared with NumPy: {error}") from error


def full_like(view: View, value: float, dtype: str, shape: tuple[int, ...] | None = None) -> Any:
    """A new NumPy array in the shape and the order of memory of another, or in a shape."""
    new = np.full_like(view.array, value, dtype=dtype, subok=False, shape=shape)
    return as_complex(new) if view.complex else new


def to_host(view: View, name: str) -> Any:
    """The array itself, as NumPy's."""
    return view.array


def copy(source: View, target: View) -> None:
    """Set an array to the values of another, rounded to its type."""
    target.array[...] = source.array


def filling(view: View, values: Any) -> Callable[[], Any]:
    """A function that sets the array to a NumPy array's values, without bytecode: no signal's handler runs within."""
    return functools.partial(operator.setitem, view.array, ..., values)
