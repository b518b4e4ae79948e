"""Rows that come several times in a row-sparse gradient, added up by compiled code. Imports numba."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays.view import View, compute_type
from ..jit.compiler import compiled
from ..program.spelling import indented

_NUMBERING = """
def number_rows(rows, places, numbers, found):
    count, ascending = len(rows), 1
    while ascending < count and rows[ascending] > rows[ascending - 1]:
        ascending += 1
    if ascending >= count:
        return count
    total = 0
    for k in range(count):
        row = rows[k]
        if places[row] < 0:
            places[row] = total
            found[total] = row
            total += 1
        numbers[k] = places[row]
    for k in range(total):
        places[found[k]] = -1
    return total
"""


def _adding(storage: str) -> str:
    compute = compute_type([storage])
    lines = [
        f"saved = arithmetic_of({compute!r})",
        "seen = 0",
        "for k in range(count):",
        "    to = word(numbers, k) * length",
        "    first = word(numbers, k) == seen",
        "    seen += first",
        "    for i in range(length):",
        f"        x = load(values, k * length + i, {storage!r}, 0)",
        f"        store(sums, to + i, x if first else load(sums, to + i, {compute!r}, 1) + x, {compute!r}, 1)",
        "restore(saved)",
    ]
    return "\n".join(["def add_rows(values, count, length, numbers, sums):", *indented(lines), ""])


@functools.cache
def _merging(storage: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return compiled("number_rows", _NUMBERING, f"int64({', '.join(['int64[::1]'] * 4)})"), compiled(
        "add_rows", _adding(storage), f"void({', '.join(['int64'] * 5)})"
    )


def merged(rows: Any, places: Any, values: View, name: str) -> tuple[Any, View]:
    """The distinct rows, in the order in which they first come, and the sum of the values of each.

    rows: numbers below the length of `places`, an array of -1. The sums are in the type that computes. If no row comes
    twice, the rows and values themselves are returned.
    """
    number, add = _merging(values.storage)
    numbers, distinct = np.empty_like(rows), np.empty_like(rows)
    total = number(rows, places, numbers, distinct)
    if total == len(rows):
        return rows, values
    given = np.ascontiguousarray(values.array)
    sums = np.empty((total, *values.shape[1:]), compute_type([values.storage]))
    add(given.ctypes.data, len(rows), given[0].size, numbers.ctypes.data, sums.ctypes.data)
    strides = tuple(stride // sums.itemsize for stride in sums.strides)
    view = View(sums, values.kind, values.device, sums.ctypes.data, sums.shape, strides, sums.dtype.name, True)
    return distinct[:total], view
