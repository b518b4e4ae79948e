"""Some rows of one set of arrays as rows of the task table, which compiled code enters."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays.view import ITEM_SIZES, View, is_flat
from .layout import Layout
from .table import Batch

# The columns for each array: its address, the bytes from row to row, and whether it has all rows, only those of the
# batch, or a few that serve all.
_ALL, _THESE, _FEW = range(3)
_ENTERING = f"""
def enter_rows(rows, last, columns, length, most, joins, scalars, table):
    width, count = len(columns), len(rows)
    task, first = 0, 0
    while first < count:
        end = first + 1
        if joins:
            while end < count and end % most != 0 and rows[end] == rows[end - 1] + 1:
                if len(last) > 0 and last[end] != last[end - 1]:
                    break
                end += 1
        for k in range(width):
            at = rows[first] if columns[k, 2] == {_ALL} else first if columns[k, 2] == {_THESE} else 0
            table[task, k] = columns[k, 0] + at * columns[k, 1]
        table[task, width] = (end - first) * length
        table[task, width + 1] = last[first] if len(last) > 0 else scalars
        task += 1
        first = end
    return task
"""


@functools.cache
def _enter() -> Any:
    from ..jit.compiler import compiled

    words = "int64[::1]"
    return compiled(
        "enter_rows", _ENTERING, f"int64({words}, {words}, int64[:,::1], int64, int64, boolean, int64, int64[:,::1])"
    )


class RowTasks:
    """The common part of batches of rows, of arrays that differ only in where the compact array lies.

    compact: the position of an array that has only the rows of a batch, in their order. repeated: whether a row goes
    through several rows of scalars; of the compact array the first rows then serve all.
    """

    def __init__(self, views: Sequence[View], compact: int | None = None, repeated: bool = False) -> None:
        inner = [row_of(view) for view in views]
        self._compact, self._length = compact, inner[0].size
        flat = is_flat(inner)
        self._layout = Layout(
            tuple(view.storage for view in views),
            None if flat else len(inner[0].shape),
            tuple(k for k, view in enumerate(inner) if view.constant) if flat else (),
            repeated,
            whole=False,
        )
        # Neighbours are one task, up to a length: the table is short where most rows are touched.
        self._joins = flat and all(view.strides[0] == self._length for view in views)
        self._columns = np.array(
            [(view.address, view.strides[0] * ITEM_SIZES[view.storage], _ALL) for view in views], np.int64
        )
        if compact is not None:
            self._columns[compact, 2] = _FEW if repeated else _THESE
        self._tail: list[int] = []
        if not flat:
            self._tail = [0, *inner[0].shape, *(stride for view in inner for stride in view.strides)]

    def batch(
        self, views: Sequence[View], rows: Any, piece: int, position: int, scalars: int, last: Any = None
    ) -> Batch:
        """A batch of rows.

        views: of the set. rows: their numbers, as NumPy's int64. piece: how many elements a task has at most, unless a
        single row has more. position, scalars: of the set. last: for each row of a repeated batch the row of scalars at
        which it begins, in ascending order; it ends with the row of scalars before `scalars`.
        """
        if self._compact is not None:
            self._columns[self._compact, 0] = views[self._compact].address
        width = self._layout.width
        table = np.empty((len(rows), self._layout.columns), np.int64)
        before = rows[:0] if last is None else last
        most = max(1, piece // max(1, self._length))
        tasks = _enter()(rows, before, self._columns, self._length, most, self._joins, scalars, table)
        table = table[:tasks]
        if self._tail:
            table[:, width + 2 : width + 2 + len(self._tail)] = self._tail
        if self._layout.repeated:
            table[:, -1] = scalars
        return Batch(
            device=views[0].device,
            layout=self._layout,
            positions=np.array([position]),
            scalars=(scalars,),
            sets=[views],
            elements=len(rows) * self._length,
            table=table,
            counts=np.array([tasks]),
        )


def all_rows(views: Sequence[View], piece: int, position: int, scalars: int) -> Batch:
    """A batch of all rows of a set of arrays, which may move."""
    batch = RowTasks(views).batch(views, np.arange(views[0].shape[0]), piece, position, scalars)
    batch.owners = np.full(len(batch.table), position)
    batch.offsets = [batch.table[:, k] - view.address for k, view in enumerate(views)]
    return batch


def row_of(view: View) -> View:
    """The first row of an array."""
    return replace(view, shape=view.shape[1:], strides=view.strides[1:])
