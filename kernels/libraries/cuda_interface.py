"""Arrays of any other library that have __cuda_array_interface__. Importing this module does not import numba-cuda."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays.view import View, make_view, part_type
from ..numba_cuda.compiler import driver

BACKEND = "cuda"


@dataclass(frozen=True)
class Pairs:
    """A complex array as pairs of real numbers. array: it, which is kept alive."""

    array: Any
    __cuda_array_interface__: dict[str, Any]

    @property
    def shape(self) -> tuple[int, ...]:
        shape: tuple[int, ...] = self.__cuda_array_interface__["shape"]
        return shape


def view(array: Any, name: str) -> View:
    """How an array with __cuda_array_interface__ lies. Raises TypeError or ValueError that names it."""
    interface = array.__cuda_array_interface__
    kind = f"{type(array).__module__}.{type(array).__name__}"
    if interface.get("mask") is not None:
        raise TypeError(f"{name} is a {kind} with a mask; pass the plain array")
    try:
        dtype = _dtype(interface["typestr"], array)
    except TypeError:
        raise TypeError(f"{name} is a {kind} of unknown type {interface['typestr']!r}; expected a float type") from None
    strides = interface.get("strides")
    if pairs := dtype.kind == "c":
        dtype = part_type(dtype)
        strides = None if strides is None else (*strides, dtype.itemsize)
        parts = {"shape": (*interface["shape"], 2), "typestr": dtype.str, "strides": strides}
        array = Pairs(array, {**interface, **parts})
    address, read_only = interface["data"]
    device = f"cuda:{_device(address, name)}"
    result = make_view(array, kind, device, address, dtype, strides, not read_only, name, pairs)
    stream = interface.get("stream")
    if stream == 0:
        raise ValueError(f"{name} names stream 0, which may be either default stream; expected None, 1, 2 or a handle")
    return replace(result, stream=stream)


def _dtype(typestr: str, array: Any) -> Any:
    # In the interface of ml_dtypes, and of libraries that follow it, a bfloat16 is just two bytes.
    if typestr == "<V2" and str(getattr(array, "dtype", "")).endswith("bfloat16"):
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(typestr)


def _device(address: int, name: str) -> int:
    """The GPU in whose memory an address is; of an array without elements, the current one."""
    cuda = driver()
    if not address:
        number: int = cuda.get_current_device().id
        return number
    from cuda.bindings import driver as bindings

    attribute = bindings.CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
    error, ordinal = bindings.cuPointerGetAttribute(attribute, address)
    if error != bindings.CUresult.CUDA_SUCCESS:
        raise ValueError(f"{name}: the driver does not know its address {address:#x} as memory of a GPU ({error.name})")
    return int(ordinal)


def full_like(view: View, value: float, dtype: str) -> Any:
    """A new numba device array in the shape of another, on its device; Fortran order if the other is in it, else C."""
    shape = view.own_shape
    strides = view.strides[: len(shape)]
    fortran = view.walk is not None and len(shape) > 1 and list(strides) == sorted(strides)
    kind = np.dtype(replace(view, storage=dtype).own_type)
    cuda = driver()
    with cuda.gpus[int(view.device.removeprefix("cuda:"))]:
        array = cuda.device_array(shape, kind, order="F" if fortran else "C")
        if view.size:
            _set_all(array.__cuda_array_interface__["data"][0], np.array(value, dtype), view.size)
            cuda.default_stream().synchronize()
        return array


def _set_all(address: int, value: Any, count: int) -> None:
    """Write a NumPy number so many times from an address on, by the GPU's driver: it needs no kernel and no copy."""
    from cuda.bindings import driver as bindings

    if value.itemsize == 1:
        errors = [bindings.cuMemsetD8(address, int(value.view(np.uint8)), count)]
    elif value.itemsize == 2:
        errors = [bindings.cuMemsetD16(address, int(value.view(np.uint16)), count)]
    else:
        words = [int(word) for word in value.reshape(1).view(np.uint32)]
        if len(set(words)) == 1:
            errors = [bindings.cuMemsetD32(address, words[0], count * len(words))]
        else:
            # A column of the words at every eighth byte.
            errors = [bindings.cuMemsetD2D32(address + 4 * k, 8, word, 1, count) for k, word in enumerate(words)]
    for (error,) in errors:
        if error != bindings.CUresult.CUDA_SUCCESS:
            raise RuntimeError(f"the driver cannot set {count} numbers at {address:#x} to {value} ({error.name})")


def to_host(view: View, name: str) -> Any:
    """A NumPy array with its values; waits for the GPU."""
    cuda = driver()
    with cuda.gpus[int(view.device.removeprefix("cuda:"))]:
        return cuda.as_cuda_array(view.array).copy_to_host()


def copy(source: View, target: View) -> None:
    """Set an array to the values of another, rounded to its type; waits for the GPU."""
    _fill(target, to_host(source, "").astype(target.storage))


def filling(view: View, values: Any) -> Callable[[], Any]:
    """A function that sets the array to the values of a NumPy array."""
    return functools.partial(_fill, view, values)


def _fill(view: View, values: Any) -> None:
    cuda = driver()
    with cuda.gpus[int(view.device.removeprefix("cuda:"))]:
        cuda.as_cuda_array(view.array)[...] = values
