"""Checks that arrays can be updated together. They raise before anything is written."""

from collections.abc import Callable, Collection, Sequence

import numpy as np

from .view import ITEM_SIZES, View


def check(views: Sequence[View], names: Sequence[str], written: Collection[int]) -> None:
    """Raise TypeError or ValueError unless these arrays can be updated together.

    written: the positions of the arrays that will be changed.
    """
    first = views[0]
    for view, name in zip(views, names, strict=True):
        if view.device != first.device:
            remedy = "cupy.asnumpy" if first.device == "cpu" else "cupy.asarray"
            raise TypeError(
                f"{name} is a {view.kind} on {view.device} but {names[0]} is a {first.kind} on {first.device}; "
                f"convert it with {remedy}"
            )
        if view.shape != first.shape:
            raise ValueError(f"{name} has shape {view.shape} but {names[0]} has shape {first.shape}")
        if (view.storage == "float64") != (first.storage == "float64"):
            raise TypeError(
                f"{name} is {view.storage} but {names[0]} is {first.storage}; float64 does not mix with other types: "
                f"convert it with {name}.astype({first.storage!r})"
            )
    for k in written:
        if not views[k].writable:
            raise ValueError(f"{names[k]} is read-only; pass a writable array, such as {names[k]}.copy()")
        if views[k].overlaps_itself:
            raise ValueError(f"{names[k]} has elements that share memory (a broadcast view?); copy it first")


def check_overlaps(views: Sequence[View], name: Callable[[int], str], written: Collection[int]) -> None:
    """Raise ValueError if an array that is written shares memory with any other."""
    filled = [k for k in range(len(views)) if views[k].size]
    filled.sort(key=lambda k: views[k].bounds)
    reaching: list[int] = []
    for k in filled:
        low = views[k].bounds[0]
        reaching = [j for j in reaching if views[j].bounds[1] > low]
        for j in reaching:
            if (j in written or k in written) and _share_memory(views[j], views[k]):
                first, second = sorted((j, k))
                raise ValueError(f"{name(second)} shares memory with {name(first)}; pass a copy of one of them")
        reaching.append(k)


class _Extent:
    """The addresses of an array on any device, for NumPy to compare. The memory is never touched."""

    def __init__(self, view: View) -> None:
        item = ITEM_SIZES[view.storage]
        self.__array_interface__ = {
            "version": 3,
            "data": (view.address, True),
            "shape": view.shape,
            "strides": tuple(stride * item for stride in view.strides),
            "typestr": f"|V{item}",
        }


def _share_memory(a: View, b: View) -> bool:
    try:
        return np.shares_memory(np.asarray(_Extent(a)), np.asarray(_Extent(b)), max_work=100_000)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True
