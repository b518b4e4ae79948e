"""Some elements of many arrays: drawn once, read before and after a step."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..kernels.arrays.view import View
from ..kernels.libraries.library import library_of, to_host, view_of
from ..kernels.program.spelling import indented

_STORAGES = ("float32", "float64", "float16", "bfloat16")

_COMPARING = """
def compare(before, after, gradients, counts, rates, found, ratios):
    for s in range(len(before)):
        for k in range(before.shape[1]):
            change, weight, number = 0.0, 0.0, 0
            for j in range(counts[k]):
                moved = after[s, k, j] - before[s, k, j]
                change += moved * moved
                weight += before[s, k, j] * before[s, k, j]
                rate = abs(moved) / abs(gradients[s, k, j])
                if rate < inf:
                    rates[s, k, number] = rate
                    number += 1
            for j in range(number, rates.shape[2]):
                rates[s, k, j] = inf
            found[s, k] = number
            ratios[s, k] = math.sqrt(change / weight)
"""

_PICKING = """
def pick(rates, found, parts, chosen):
    for s in range(len(rates)):
        for k in range(rates.shape[1]):
            for q in range(len(parts)):
                at = parts[q] * (found[s, k] - 1)
                low = int(at)
                lower, upper = rates[s, k, low], rates[s, k, min(low + 1, found[s, k] - 1)]
                chosen[s, k, q] = lower + (at - low) * (upper - lower) if found[s, k] else nan
"""


def _sampling() -> str:
    lines = ["for k in range(len(values)):"]
    for number, storage in enumerate(_STORAGES):
        loop = [
            "for j in range(counts[k]):",
            f"    values[k, j] = load(addresses[k], places[k, j], {storage!r}, {number})",
        ]
        lines += indented([f"if kinds[k] == {number}:", *indented(loop)])
    return "\n".join(["def sample(addresses, kinds, places, counts, values):", *indented(lines), ""])


@functools.cache
def _sample() -> Any:
    from ..kernels.jit.compiler import compiled

    return compiled("sample", _sampling(), "void(int64[::1], int64[::1], int64[:,::1], int64[::1], float64[:,::1])")


@functools.cache
def _compare() -> tuple[Any, Any]:
    from ..kernels.jit.compiler import compiled

    some, results = "float64[:,:,:]", "float64[:,:,::1]"
    arguments = f"{some}, {some}, {some}, int64[::1], {results}, int64[:,::1], float64[:,::1]"
    picking = f"{results}, int64[:,::1], float64[::1], {results}"
    return compiled("compare", _COMPARING, f"void({arguments})"), compiled("pick", _PICKING, f"void({picking})")


class Samples:
    """At most `most` elements of each array of a list: all of a smaller array, random ones of a larger array.

    They are random since a lattice might follow the columns of a matrix.
    """

    def __init__(self, shapes: Sequence[Sequence[int]], most: int) -> None:
        generator = np.random.default_rng(0)
        sizes = [math.prod(shape) for shape in shapes]
        drawn = [np.sort(generator.choice(n, most, replace=False)) if n > most else np.arange(n) for n in sizes]
        # An array without dimensions has one element, at distance 0.
        pairs = zip(drawn, shapes, strict=True)
        self._places = [np.unravel_index(indices, tuple(shape) or (1,)) for indices, shape in pairs]
        self._counts = [len(indices) for indices in drawn]

    def width(self, chosen: Sequence[int]) -> int:
        """The most elements that are drawn of any of the chosen arrays."""
        return max(self._counts[k] for k in chosen)

    def located(self, chosen: Sequence[int], arrays: Sequence[Any], names: Sequence[str]) -> "Located":
        """The drawn elements of some of the arrays.

        chosen: the numbers of the arrays. arrays: of any library. names: how messages name the arrays.
        """
        counts = np.array([self._counts[k] for k in chosen])
        places = np.zeros((len(chosen), counts.max(initial=1)), np.int64)
        views = _on_host(arrays, names)
        for row, k, view in zip(places, chosen, views, strict=True):
            strides = view.strides or (0,)
            row[: self._counts[k]] = sum(at * step for at, step in zip(self._places[k], strides, strict=True))
        return Located(arrays, names, views, places, counts)


class Located:
    """Elements of arrays. addresses: of the arrays in the host's memory; may be set if all arrays lie there.

    views: of the arrays, or of their copies in the host's memory. places: for each array the distances of its elements
    from its address, in elements. counts: for each array how many elements.
    """

    def __init__(
        self, arrays: Sequence[Any], names: Sequence[str], views: Sequence[View], places: Any, counts: Any
    ) -> None:
        self._places, self.counts, self._sample = places, counts, _sample()
        self.addresses = np.array([view.address for view in views], np.int64)
        self._kinds = np.array([_STORAGES.index(view.storage) for view in views], np.int64)
        # Arrays that can be read where they are need not be kept alive, gradients least of all.
        copied = any(library_of(array).BACKEND != "cpu" for array in arrays)
        self._kept = (arrays, names, views) if copied else None

    def renew(self) -> None:
        """Copy arrays that do not lie in the host's memory anew."""
        if self._kept:
            arrays, names, _ = self._kept
            views = _on_host(arrays, names)
            self._kept = arrays, names, views
            self.addresses = np.array([view.address for view in views], np.int64)

    def read(self, values: Any) -> None:
        """Enter the elements of the first arrays into the rows of a table of float64, up to their counts."""
        self._sample(self.addresses, self._kinds, self._places, self.counts, values)


def _on_host(arrays: Sequence[Any], names: Sequence[str]) -> list[View]:
    return [view_of(to_host(array, name), name)[1] for array, name in zip(arrays, names, strict=True)]


def compared(before: Any, after: Any, gradients: Any, counts: Any, parts: Any) -> tuple[Any, Any]:
    """The effect of steps on elements. before, after, gradients: tables of (step, array, element).

    counts: how many elements each array has. parts: which quantiles. Returns quantiles of |change| / |gradient|, of the
    finite ones, as (step, array, part), and the norm of the change over the norm before, as (step, array). NaN stands
    for a value that does not exist.
    """
    compare, pick = _compare()
    rates, finite, ratios = np.empty(after.shape), np.empty(after.shape[:2], np.int64), np.empty(after.shape[:2])
    compare(before, after, gradients, counts, rates, finite, ratios)
    rates.sort(axis=-1)
    quantiles = np.empty((*finite.shape, len(parts)))
    pick(rates, finite, parts, quantiles)
    return quantiles, ratios
