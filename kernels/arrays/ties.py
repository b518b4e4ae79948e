"""What two parameters that share memory have in common, and what to do about it."""

from dataclasses import replace
from typing import Any

import numpy as np

from .view import BYTES, View

# The elements of larger arrays are not compared.
_MOST = 1 << 20


def tie(first: View, second: View, one: str, other: str) -> str:
    """What two parameters share, and what to do, as the rest of a sentence. one, other: how messages name them."""
    first, second = map(_whole, (first, second))
    copied = f"if they are to be independent, pass a copy of {other}"
    if (first.address, first.shape, first.strides) == (second.address, second.shape, second.strides):
        return (
            f", element for element; if they are tied, put the very same array in both places and pass shared=True, or "
            f"leave out {other} and add its gradient to that of {one}; {copied}"
        )
    turned = second.shape[::-1], second.strides[::-1]
    if first.address == second.address and (first.shape, first.strides) == turned:
        return (
            f", which it is the transpose of; if they are tied, leave out {other} and add its gradient, transposed, to "
            f"that of {one}; {copied}"
        )
    said, ones, others = "", *_shared(first, second)
    if len(ones):
        where = f"{other}{_place(others[0], second)}, which is {one}{_place(ones[0], first)}"
        said = f" in {len(ones)} element{'s' * (len(ones) > 1)}: the first is {where}"
    if len(ones) == min(first.size, second.size) > 0:
        less, more = (one, other) if len(ones) < second.size else (other, one)
        remedy = f"leave out {less} and add its gradient, in its place, to that of {more}"
    else:
        remedy = "pass the array that both are views of, with one gradient"
    return f"{said}; if they are tied, {remedy}; {copied}"


def _whole(view: View) -> View:
    """The view of a complex array as one of its numbers, which lie where their real parts do."""
    shape = view.own_shape
    return replace(view, shape=shape, strides=view.strides[: len(shape)], complex=False)


def _shared(first: View, second: View) -> tuple[Any, Any]:
    """The elements that two arrays share: their numbers in each, in C order."""
    if max(first.size, second.size) > _MOST:
        return (), ()
    _, ones, others = np.intersect1d(_addresses(first), _addresses(second), assume_unique=True, return_indices=True)
    return ones, others


def _addresses(view: View) -> Any:
    axes = np.ix_(*(np.arange(n) * stride for n, stride in zip(view.shape, view.strides, strict=True)))
    return view.address + BYTES[view.storage] * sum(axes, np.zeros(view.shape, np.int64)).reshape(-1)


def _place(number: Any, view: View) -> str:
    return str([int(k) for k in np.unravel_index(number, view.shape)]) if view.shape else ""
