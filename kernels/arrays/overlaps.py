"""Do arrays share memory? Exactly, and of many interleaved arrays in little more than the time to sort them.

Arrays whose bounds lie apart share nothing. The bounds of a matrix's columns do not lie apart; but where all addresses
are wound around a circle that is as long as a row, each column has a place of its own. So a group of arrays is split by
its bounds and by such circles until nothing more splits, and NumPy compares the pairs that are left.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from math import gcd

import numpy as np

from .ties import tie
from .view import BYTES, View


def check_overlaps(
    views: Sequence[View], name: Callable[[int], str], written: Collection[int], parameters: Collection[int] = ()
) -> None:
    """Raise ValueError if an array that is written shares memory with any other.

    parameters: the numbers of those of which a copy would be another parameter.
    """
    groups = _split([(*view.bounds, k) for k, view in enumerate(views) if view.size])
    while groups:
        group = groups.pop()
        if not any(k in written for k in group):
            continue
        split = next((parts for parts in _splits(views, group) if parts != [group]), None)
        if split is not None:
            groups += split
            continue
        for j, k in _near(views, group):
            if (j in written or k in written) and _share_memory(views[j], views[k]):
                first, second = sorted((j, k))
                said, copied = f"{name(second)} shares memory with {name(first)}", "one of them"
                if first in parameters and second in parameters:
                    raise ValueError(f"{said}{tie(views[first], views[second], name(first), name(second))}")
                if first in parameters or second in parameters:
                    copied = name(second if first in parameters else first)
                raise ValueError(f"{said}; pass a copy of {copied}")


def _split(spans: Iterable[tuple[int, int, int]], around: int = 0) -> list[list[int]]:
    """The groups of several numbers whose spans touch each other, in ascending order of the numbers.

    spans: where each begins and ends, and its number. around: the length of the circle on which they lie; 0 for a line.
    """
    groups: list[list[int]] = []
    begins: list[int] = []
    end = -1
    for low, high, k in sorted(spans):
        if low >= end or not groups:
            groups.append([])
            begins.append(low)
        groups[-1].append(k)
        end = max(end, high)
    # The last group may reach into the first ones of the next round.
    while around and len(groups) > 1 and begins[0] < end - around:
        groups[-1] += groups.pop(0)
        begins.pop(0)
    return [sorted(group) for group in groups if len(group) > 1]


def _splits(views: Sequence[View], group: Sequence[int]) -> Iterator[list[list[int]]]:
    """The groups into which bounds split a group, and circles of each length that its arrays suggest."""
    yield _split((*views[k].bounds, k) for k in group)
    steps = {k: _steps(views[k]) for k in group}
    strides = {stride for own in steps.values() for stride, _ in own}
    for around in sorted({*strides, gcd(*strides)} - {0}, reverse=True):
        yield _split(_places(views, steps, around), around)


def _steps(view: View) -> list[tuple[int, int]]:
    """The stride of each axis in bytes, and how far its last element lies from its first."""
    item = BYTES[view.storage]
    pairs = zip(view.strides, view.shape, strict=True)
    return [(abs(stride) * item, abs(stride) * item * (n - 1)) for stride, n in pairs if stride and n > 1]


def _places(
    views: Sequence[View], steps: dict[int, list[tuple[int, int]]], around: int
) -> Iterator[tuple[int, int, int]]:
    """Spans that have all elements of each array, on a circle: axes whose stride is whole rounds do not move there."""
    for k, own in steps.items():
        low = views[k].bounds[0] % around
        width = BYTES[views[k].storage] + sum(reach for stride, reach in own if stride % around)
        yield low, low + min(width, around), k


def _near(views: Sequence[View], group: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The pairs in a group whose bounds do not lie apart."""
    reaching: list[int] = []
    for k in sorted(group, key=lambda k: views[k].bounds):
        low = views[k].bounds[0]
        reaching = [j for j in reaching if views[j].bounds[1] > low]
        yield from ((j, k) for j in reaching)
        reaching.append(k)


class _Extent:
    """The addresses of an array on any device, for NumPy to compare. The memory is never touched."""

    def __init__(self, view: View) -> None:
        item = BYTES[view.storage]
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
