"""Numbers that lie apart, each in memory of its own, read and written together by compiled code."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

_READING = """
def read_numbers(addresses, wide, values):
    for k in range(len(addresses)):
        if wide[k]:
            values[k] = load(addresses[k], 0, "float64", 0)
        else:
            values[k] = load(addresses[k], 0, "float32", 1)
"""
_WRITING = """
def write_numbers(addresses, wide, values):
    for k in range(len(addresses)):
        if wide[k]:
            store(addresses[k], 0, values[k], "float64", 0)
        else:
            store(addresses[k], 0, float32(values[k]), "float32", 1)
"""


@functools.cache
def _compiled(name: str, text: str) -> Any:
    from ..kernels.jit.compiler import compiled, entry_point

    return entry_point(compiled(name, text, "void(int64[::1], boolean[::1], float64[::1])"))


class Scattered:
    """NumPy arrays of one number each, of float32 or float64, which stay where they are.

    Raises TypeError for arrays of anything else.
    """

    def __init__(self, arrays: Sequence[Any]) -> None:
        for array in arrays:
            if array.dtype.name not in ("float32", "float64") or array.size != 1:
                raise TypeError(f"expected one number of float32 or float64; got {array.size} of {array.dtype}")
        self._arrays = list(arrays)
        self._addresses = np.array([array.__array_interface__["data"][0] for array in arrays], np.int64)
        self._wide = np.array([array.itemsize == 8 for array in arrays])
        self._values = np.zeros(len(arrays))
        self._read = _compiled("read_numbers", _READING)
        self._write = _compiled("write_numbers", _WRITING)

    def read(self) -> list[float]:
        """The numbers."""
        self._read(self._addresses, self._wide, self._values)
        values: list[float] = self._values.tolist()
        return values

    def write(self, values: Sequence[float]) -> None:
        """Set all numbers, each rounded to its type."""
        self._values[:] = values
        self._write(self._addresses, self._wide, self._values)
