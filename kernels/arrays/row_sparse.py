"""A gradient of which most rows are zero, as embeddings and bags of words have them."""

from collections.abc import Sequence
from typing import Any

import numpy as np


class RowSparse:
    """The rows of a gradient that are not zero.

    rows: a 1-d integer array, in any order; a row may stand in it several times, and its values are then added up.
    values: an array of a float type with a row for each, of shape (len(rows), *row shape), and of the parameter's
    library. Neither is copied. Raises TypeError or ValueError for others.
    """

    __slots__ = ("rows", "values")

    def __init__(self, rows: Any, values: Any) -> None:
        if isinstance(rows, Sequence):
            rows = np.array(rows, np.int64 if len(rows) == 0 else None)
        dtype = getattr(rows, "dtype", None)
        if dtype is None or not hasattr(values, "shape"):
            raise TypeError(
                f"RowSparse takes an array of row numbers and an array of values; got a {type(rows).__name__} and a "
                f"{type(values).__name__}"
            )
        if getattr(dtype, "kind", "i") == "b":
            raise TypeError(
                "rows must be integers; got an array of truth values: pass numpy.flatnonzero of it, with the values of "
                "those rows alone"
            )
        if getattr(dtype, "kind", "i") not in "iu":
            raise TypeError(f"rows must be integers; got an array of {dtype}: convert it with rows.astype(numpy.int64)")
        if len(rows.shape) != 1:
            raise ValueError(f"rows must have one dimension; got shape {tuple(rows.shape)}")
        if len(values.shape) < 1 or values.shape[0] != rows.shape[0]:
            raise ValueError(
                f"values must have a row for each of the {rows.shape[0]} rows; got shape {tuple(values.shape)}"
            )
        self.rows, self.values = rows, values

    def dense(self, shape: Sequence[int]) -> Any:
        """The gradient as one NumPy or CuPy array of a shape, rows that stand several times added up in their order.

        The sums are in the type of the values, but in float32 for 16-bit ones.
        """
        values = self.values
        kind = np.float32 if values.dtype.itemsize == 2 else values.dtype
        result = np.zeros_like(values, shape=tuple(shape), dtype=kind)
        rows = checked_rows(self.rows, result.shape[0], "rows")
        if isinstance(result, np.ndarray):
            np.add.at(result, rows, values.astype(kind))
        else:
            for row, value in zip(rows.tolist(), values.astype(kind), strict=True):
                result[row] += value
        return result

    def __repr__(self) -> str:
        return f"<RowSparse: {self.rows.shape[0]} rows of {tuple(self.values.shape[1:])}, {self.values.dtype}>"


def host(rows: Any) -> Any:
    """Row numbers as a NumPy array; on a GPU this waits for them."""
    return rows.get() if hasattr(rows, "get") else np.asarray(rows)


def checked_rows(rows: Any, count: int, name: str) -> Any:
    """Row numbers as NumPy's int64. Raises IndexError with the name `name` unless all are from 0 to count - 1."""
    numbers = np.ascontiguousarray(host(rows), np.int64)
    if not (numbers.flags.writeable and numbers.flags.aligned):
        numbers = numbers.copy()  # Compiled code takes no read-only or unaligned array.
    # Read as unsigned, a negative number is larger than any count.
    if len(numbers) and numbers.view(np.uint64).max() >= count:
        place = np.flatnonzero((numbers < 0) | (numbers >= count))[0]
        raise IndexError(f"{name} has row {numbers[place]} at position {place}; there are rows 0 to {count - 1}")
    return numbers


def distinct_rows(rows: Any, count: int, name: str) -> Any:
    """Row numbers of any shape, each once, as NumPy's int64. Raises TypeError for others, IndexError out of range."""
    if getattr(getattr(rows, "dtype", None), "kind", "f") not in "iu":
        raise TypeError(f"{name} must be an array of integers, the numbers of rows; got {rows!r}")
    return np.unique(checked_rows(rows.reshape(-1), count, name))


def is_row_sparse(gradient: Any) -> bool:
    """Whether a gradient is RowSparse, or a sparse matrix of SciPy or CuPy."""
    return isinstance(gradient, RowSparse) or (hasattr(gradient, "tocsr") and hasattr(gradient, "nnz"))


def row_sparse(gradient: Any, shape: Sequence[int], name: str) -> RowSparse:
    """A gradient as RowSparse: itself, or of a sparse matrix the rows that have entries, each as a whole row.

    Entries of one place are added up in order. shape: of the parameter. Raises ValueError for a sparse matrix of
    another shape, TypeError for one that is no float.
    """
    if isinstance(gradient, RowSparse):
        return gradient
    if tuple(gradient.shape) != tuple(shape):
        raise ValueError(f"{name} has shape {tuple(gradient.shape)} but its parameter has shape {tuple(shape)}")
    if gradient.dtype.kind not in "fc":
        raise TypeError(
            f"{name} is a sparse matrix of {gradient.dtype}; expected float32 or float64, or complex64 or complex128"
        )
    if len(shape) != 2:
        raise ValueError(f"{name} is a sparse array of {len(shape)} dimensions; pass RowSparse(rows, values)")
    matrix = gradient.tocsr()
    starts = host(matrix.indptr)
    rows = np.flatnonzero(starts[1:] != starts[:-1])
    return RowSparse(rows, matrix[rows].toarray())


def values_of(gradients: Sequence[Any]) -> list[Any]:
    """The gradients, with its array of values in the place of each RowSparse."""
    return [gradient.values if isinstance(gradient, RowSparse) else gradient for gradient in gradients]
