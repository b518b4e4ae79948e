"""Where arrays lie, read by compiled code from the objects themselves: has any of them changed?

Asking an array for its address takes a microsecond; a model has hundreds of arrays, and each step brings new gradients.
The address of a list, `id(list)`, leads to its arrays; a Reader says how one of them is read. Importing this module
imports numba.
"""

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import View
from .cpu_compile import compiled

SAME, MOVED, CHANGED = 0, 1, 2
_RANKS = 8  # Arrays of more dimensions are looked at the slow way.
_COLUMNS = 3 + 2 * _RANKS


@dataclass(frozen=True)
class Reader:
    """How compiled code reads the arrays of a library.

    kinds: their types, exactly. reading: statements that find, for an object at the address `at`, its `nd`, the
    `address` of its first element, those of its `dimensions` and `strides`, and two words, `kind` and `place`, that
    tell apart what the others do not. table: addresses that they use. denied: true of an array whose values are not
    what its memory says.
    """

    kinds: tuple[type, ...]
    reading: tuple[str, ...]
    table: Any
    denied: Callable[[Any], bool] | None = None


# Words of eight bytes. Of an object: 1 type. Of a list: 2 length, 3 items.
_SOURCE = f"""
def {{entry}}(parameters, gradients, count, kinds, table, expected, addresses, found, spans, written, record):
    if word(parameters, 2) != count or count + word(gradients, 2) != len(addresses):
        return {CHANGED}
    moved = False
    for k in range(len(addresses)):
        at = word(word(parameters, 3), k) if k < count else word(word(gradients, 3), k - count)
        known = False
        for own in kinds:
            known = known or word(at, 1) == own
        if not known:
            return {CHANGED}
{{reading}}
        if nd > {_RANKS}:
            return {CHANGED}
        found[k] = address
        if record:
            addresses[k] = address
            expected[k, 0], expected[k, 1], expected[k, 2] = nd, kind, place
            for d in range(nd):
                expected[k, 3 + d], expected[k, {3 + _RANKS} + d] = word(dimensions, d), word(strides, d)
        if expected[k, 0] != nd or expected[k, 1] != kind or expected[k, 2] != place:
            return {CHANGED}
        for d in range(nd):
            if expected[k, 3 + d] != word(dimensions, d) or expected[k, {3 + _RANKS} + d] != word(strides, d):
                return {CHANGED}
        if address != addresses[k]:
            # Only a gradient may lie elsewhere, and only apart from all that is written.
            if k < count or len(spans) == 0:
                return {CHANGED}
            low, high = address + spans[k - count, 0], address + spans[k - count, 1]
            first, last = 0, len(written)
            while first < last:
                middle = (first + last) // 2
                if written[middle, 0] < high:
                    first = middle + 1
                else:
                    last = middle
            if low < high and first > 0 and written[first - 1, 1] > low:
                return {CHANGED}
            moved = True
    if moved:
        for k in range(count, len(addresses)):
            addresses[k] = found[k]
        return {MOVED}
    return {SAME}
"""


@functools.cache
def _look(reading: tuple[str, ...]) -> Any:
    words, tables = "int64[::1]", "int64[:,::1]"
    entry = f"look_at_headers_{len(reading)}"
    text = _SOURCE.format(entry=entry, reading="\n".join(f"        {line}" for line in reading))
    arguments = f"int64, int64, int64, {words}, {words}, {tables}, {words}, {words}, {tables}, {tables}, boolean"
    # Holds Python's lock: nobody changes the lists meanwhile, and a reading may call back into Python.
    return compiled(entry, text, f"int64({arguments})", nogil=False)


class Headers:
    """Watches parameters and gradients: whether others are like them in type, shape, strides and flags.

    views: for each parameter, those of all its arrays as the plan has them; gradients_written: whether they are set.
    addresses: where the gradients lay when last looked at.
    """

    def __init__(
        self,
        reader: Reader,
        parameters: list[Any],
        gradients: list[Any],
        views: Sequence[Sequence[View]],
        gradients_written: bool,
    ) -> None:
        total, self._count = len(parameters) + len(gradients), len(parameters)
        self._expected = np.zeros((total, _COLUMNS), np.int64)
        self._addresses, self._found = np.zeros(total, np.int64), np.zeros(total, np.int64)
        self.addresses = self._addresses[self._count :]
        self._spans, self._written = _extents(views, gradients_written)
        # The function itself, since finding it in its cache takes as long as running it.
        self._look, self._reader = _look(reader.reading), reader
        self._kinds = np.array([id(kind) for kind in reader.kinds], np.int64)
        self._watched = self._run(parameters, gradients, True) != CHANGED
        # NumPy's types of elements are compared by address, which must not be given to another meanwhile.
        self._dtypes = [getattr(array, "dtype", None) for array in (*parameters, *gradients)]

    def look(self, parameters: list[Any], gradients: list[Any]) -> int:
        """SAME, MOVED if only gradients lie elsewhere, as `addresses` now says, or CHANGED, when nothing is noted."""
        return self._run(parameters, gradients, False) if self._watched else CHANGED

    def _run(self, parameters: list[Any], gradients: list[Any], record: bool) -> int:
        if self._reader.denied:
            try:
                if any(map(self._reader.denied, gradients)):
                    return CHANGED
            except TypeError:  # It is not of this library.
                return CHANGED
        # The arrays stay alive, and so do their addresses, while the caller holds the lists.
        found: int = self._look(
            id(parameters),
            id(gradients),
            self._count,
            self._kinds,
            self._reader.table,
            self._expected,
            self._addresses,
            self._found,
            self._spans,
            self._written,
            record,
        )
        return found


def _extents(views: Sequence[Sequence[View]], gradients_written: bool) -> tuple[Any, Any]:
    """Where each gradient begins and ends, from the address of its first element; where what is written lies, in order.

    The first is empty where a moved gradient needs a closer look: if it is written itself, or if what is written
    interleaves.
    """
    written = sorted(view.bounds for arrays in views for k, view in enumerate(arrays) if k != 1 and view.size)
    apart = all(one[1] <= other[0] for one, other in itertools.pairwise(written))
    spans = []
    if apart and not gradients_written:
        gradients = [arrays[1] for arrays in views]
        spans = [[b - g.address for b in g.bounds] if g.size else [0, 0] for g in gradients]
    return (np.array(table, np.int64).reshape(-1, 2) for table in (spans, written))  # type: ignore[return-value]
