"""Arrays of every library as the kernels see them: where they lie, and in which type."""

import functools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Generic, TypeVar

import numpy as np

from ..language.storages import ABSENT, BLOCK, INTEGERS, SCALES, blocks_of

Value = TypeVar("Value")

ITEM_SIZES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
BYTES = {**ITEM_SIZES, **INTEGERS, SCALES: 4, ABSENT: 0}
_COMPLEX = {"float32": "complex64", "float64": "complex128"}


class _kept(Generic[Value]):
    """As functools.cached_property, without the lock that takes longer than the work before Python 3.12."""

    def __init__(self, function: Callable[[Any], Value]) -> None:
        self._function, self._name = function, function.__name__

    def __get__(self, view: Any, owner: type) -> Value:
        value: Value = self._function(view)
        view.__dict__[self._name] = value
        return value


@dataclass(frozen=True)
class View:
    """Where an array lies. strides count elements; device is "cpu" or "cuda:0".

    A complex array is seen as pairs of real numbers: shape, strides, storage and array are those of real numbers, with
    one axis more, the last, for the two parts.

    array: the object that the backend works on; kind: how messages name the library; stream: the CUDA stream on which
    its values are made, if that is known. complex: whether the array is complex. cast: the type to which kernels round
    its elements before anything else; None where they compute in the type of the array.
    """

    array: Any
    kind: str
    device: str
    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    storage: str
    writable: bool
    stream: int | None = None
    complex: bool = False
    cast: str | None = None

    @property
    def own_shape(self) -> tuple[int, ...]:
        """The shape that the library says."""
        return self.shape[:-1] if self.complex else self.shape

    @property
    def own_type(self) -> str:
        """The type that the library says."""
        return _COMPLEX[self.storage] if self.complex else self.storage

    @property
    def compute(self) -> str:
        """The type in which its elements are computed with."""
        return self.cast or compute_type([self.storage])

    def cast_to(self, compute: str) -> "View":
        """The view whose elements are computed with in a type."""
        return self if self.compute == compute else replace(self, cast=compute)

    @_kept
    def size(self) -> int:
        return prod(self.shape)

    @_kept
    def bounds(self) -> tuple[int, int]:
        """The addresses of the first byte and of the byte after the last."""
        reach = [(n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True)]
        low, high = sum(min(r, 0) for r in reach), sum(max(r, 0) for r in reach)
        last = self.address + bytes_before(self.storage, high)
        return self.address + bytes_before(self.storage, low), last + BYTES[self.storage]

    @_kept
    def walk(self) -> tuple[int, ...] | None:
        """The axes, outermost first, along which the array is one dense block; None if it is not."""
        expected = 1
        axes = [axis for axis, n in enumerate(self.shape) if n > 1]
        axes.sort(key=lambda axis: self.strides[axis])
        for axis in axes:
            if self.strides[axis] != expected:
                return None
            expected *= self.shape[axis]
        return tuple(reversed(axes))

    @_kept
    def constant(self) -> bool:
        """Whether the array is a single element broadcast to several."""
        return self.size > 1 and all(stride == 0 for stride, n in zip(self.strides, self.shape, strict=True) if n > 1)

    @property
    def overlaps_itself(self) -> bool:
        if self.size == 0:
            return False  # NumPy gives such an array any strides
        reach = 0
        for stride, n in sorted((abs(s), n) for s, n in zip(self.strides, self.shape, strict=True) if n > 1):
            if stride <= reach:
                return True
            reach += stride * (n - 1)
        return False


def make_view(
    array: Any,
    kind: str,
    device: str,
    address: int,
    dtype: Any,
    strides: Sequence[int] | None,
    writable: bool,
    name: str,
    pairs: bool = False,
) -> View:
    """The view of an array whose strides are given in bytes, or None for C order.

    pairs: whether these are the pairs of a complex array.

    Raises TypeError for a type that the kernels do not store, ValueError for an address that is not aligned.
    """
    (storage, native), shape = _stored(dtype), tuple(array.shape)
    if storage not in BYTES:
        if pairs:
            raise TypeError(
                f"{name} is an array of complex numbers of two {dtype}; expected complex64 or complex128: convert it "
                f"with {name}.astype(numpy.complex128)"
            )
        raise not_float(array, dtype, name)
    if not native:
        wanted = _COMPLEX[storage] if pairs else storage
        raise TypeError(f"{name} has the other byte order ({dtype.str}); convert it with {name}.astype({wanted!r})")
    item = BYTES[storage]
    if strides is None:
        strides = [item * prod(shape[axis + 1 :]) for axis in range(len(shape))]
    if address % item or any(stride % item for stride, n in zip(strides, shape, strict=True) if n > 1):
        raise ValueError(f"{name} is not aligned to its element size; pass a copy, {name}.copy()")
    counted = tuple(stride // item for stride in strides)
    return View(array, kind, device, address, shape, counted, storage, writable, complex=pairs)


def not_float(array: Any, dtype: Any, name: str) -> TypeError:
    """The error for an array of a type that only state may have, or that no kernel stores."""
    wanted = "float16, bfloat16, float32, float64, complex64 or complex128"
    plain = hasattr(array, "astype") and " of " not in name
    remedy = f"convert it with {name}.astype(numpy.float32)" if plain else "convert it to float32"
    return TypeError(f"{name} is an array of {dtype}; expected {wanted}: {remedy}")


def absent_like(parameter: View) -> View:
    """The place of an array that a parameter does not have."""
    return replace(parameter, array=None, address=0, storage=ABSENT, cast=None)


def over_blocks(scales: View, codes: View, name: str) -> View:
    """An array of scales, as if it had one for each element of an array of codes. Raises ValueError, naming it, if it
    has another size."""
    blocks = blocks_of(codes.size)
    if scales.own_shape != (blocks,) or scales.storage != "float32":
        raise ValueError(
            f"{name} must be {blocks} numbers of float32, one for each {BLOCK} codes; got shape "
            f"{scales.own_shape} of {scales.own_type}: call opt.sync() to begin its parameter anew"
        )
    return replace(scales, shape=codes.shape, strides=codes.strides, storage=SCALES)


def axes_along(walk: Sequence[int], dimensions: int) -> list[int]:
    """All axes, of which those of a walk come last: so transposed an array is in C order. walk: as View has it."""
    return [*(axis for axis in range(dimensions) if axis not in walk), *walk]


def in_order_of(views: Sequence[View], codes: Collection[int]) -> list[View]:
    """The arrays with their axes as codes in blocks lie in memory. codes: which arrays may be those."""
    walk = next((views[k].walk for k in codes if views[k].storage in INTEGERS), None)
    if walk is None:
        return list(views)
    axes = axes_along(walk, len(views[0].shape))
    shapes = [([own[k] for k in axes] for own in (view.shape, view.strides)) for view in views]
    return [
        replace(view, shape=tuple(shape), strides=tuple(strides))
        for view, (shape, strides) in zip(views, shapes, strict=True)
    ]


def bytes_before(storage: str, elements: Any) -> Any:
    """How many bytes from the first element on an array has before another. elements: the number of that, or an array
    of numbers."""
    return elements // (BLOCK if storage == SCALES else 1) * BYTES[storage]


@functools.cache
def _stored(dtype: Any) -> tuple[str, bool]:
    """A type's name, which NumPy works out at each call, and whether its bytes are in this processor's order."""
    return dtype.name, dtype.isnative


@functools.cache
def part_type(dtype: Any) -> Any:
    """The type of the parts of a complex type, as NumPy has it; None for other types."""
    return np.empty(0, dtype).real.dtype if dtype.kind == "c" else None


def as_pairs(array: Any) -> Any:
    """A complex array of NumPy or CuPy as pairs of real numbers, in the same memory."""
    return array[..., np.newaxis].view(part_type(array.dtype))


def in_both_parts(array: Any) -> Any:
    """A complex array of which both parts are a real array of NumPy; a complex array itself."""
    if array.dtype.kind == "c":
        return array
    return as_complex(np.repeat(array[..., np.newaxis], 2, axis=-1))


def as_complex(array: Any) -> Any:
    """Pairs of real numbers as the complex array of NumPy or CuPy that they are, in the same memory."""
    return array.view(_COMPLEX[array.dtype.name])[..., 0]


def place(array: Any) -> int:
    """The address of the first element of a NumPy array, in half of the time of array.ctypes.data."""
    address: int = array.__array_interface__["data"][0]
    return address


def compute_type(storages: Collection[str]) -> str:
    """The type in which a rule computes on arrays stored so."""
    return "float64" if "float64" in storages else "float32"


def is_flat(views: Sequence[View]) -> bool:
    """Whether the arrays can be walked together as dense blocks in the order of memory, constant ones aside."""
    first = views[0]
    if first.walk is None:
        return False
    others = [view for view in views[1:] if not view.constant]
    return all(view.strides[axis] == first.strides[axis] for view in others for axis in first.walk)
