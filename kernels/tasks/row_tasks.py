"""Some rows of one set of arrays as rows of the task table, which compiled code enters."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays.view import BYTES, View, is_flat, place
from ..program.stages import Stage
from .layout import Layout
from .table import Batch

# The columns for each array: its address, the bytes from row to row, and whether it has all rows, only those of the
# batch, or a few that serve all.
_ALL, _THESE, _FEW = range(3)
_ENTERING = f"""
def enter_rows(rows, count, last, columns, width, length, most, joins, scalars, table, cells):
    task, first = 0, 0
    while first < count:
        end = first + 1
        if joins:
            while end < count and end % most != 0 and word(rows, end) == word(rows, end - 1) + 1:
                if last and word(last, end) != word(last, end - 1):
                    break
                end += 1
        at = table + 8 * cells * task
        for k in range(width):
            has = word(columns, 3 * k + 2)
            row = word(rows, first) if has == {_ALL} else first if has == {_THESE} else 0
            set_word(at, k, word(columns, 3 * k) + row * word(columns, 3 * k + 1))
        set_word(at, width, (end - first) * length)
        set_word(at, width + 1, word(last, first) if last else scalars)
        task += 1
        first = end
    return task
"""


@functools.cache
def _enter() -> Any:
    from ..jit.compiler import compiled, entry_point

    return entry_point(compiled("enter_rows", _ENTERING, f"int64({', '.join(['int64'] * 11)})"))


class RowTasks:
    """Batches of rows, one at a time, of the arrays of a stage that differ only in where the compact array lies.

    compact: the position of an array that has only the rows of a batch, in their order. repeated: whether a row goes
    through several rows of scalars; of the compact array the first rows then serve all.
    """

    def __init__(self, stage: Stage, views: Sequence[View], compact: int | None = None, repeated: bool = False) -> None:
        inner = [row_of(view) for view in views]
        self._compact, self._length = compact, inner[0].size
        flat = is_flat(inner)
        dimensions = None if flat else len(inner[0].shape)
        held = tuple(k for k, view in enumerate(inner) if view.constant) if flat else ()
        self._layout = Layout.of(stage, inner, dimensions, held, repeated=repeated, whole=False)
        # Neighbours are one task, up to a length: the table is short where most rows are touched.
        self._joins = flat and all(view.strides[0] == self._length for view in views)
        self._columns = np.array(
            [(view.address, view.strides[0] * BYTES[view.storage], _ALL) for view in views], np.int64
        )
        if compact is not None:
            self._columns[compact, 2] = _FEW if repeated else _THESE
        self._device = views[0].device
        self._tail: list[int] = []
        if not flat:
            self._tail = [0, *inner[0].shape, *(stride for view in inner for stride in view.strides)]
        self._make_room(0)
        self._batch: Batch | None = None
        self._enter = _enter()

    def _make_room(self, rows: int) -> None:
        width = len(self._columns)
        self._room = np.empty((rows, self._layout.columns), np.int64)
        self._room[:, width + 2 : width + 2 + len(self._tail)] = self._tail
        self._places = place(self._columns), width, place(self._room), self._room.shape[1]

    def batch(self, at: int, rows: Any, piece: int, position: int, scalars: int, last: Any = None) -> Batch:
        """A batch of rows; the one before is no longer one.

        at: where the compact array lies. rows: their numbers, as NumPy's int64. piece: how many elements a task has at
        most, unless a single row has more. position, scalars: of the set. last: for each row of a repeated batch the
        row of scalars at which it begins, in ascending order; it ends with the row of scalars before `scalars`.
        """
        if self._compact is not None:
            self._columns[self._compact, 0] = at
        count = len(rows)
        if len(self._room) < count:
            self._make_room(max(count, 2 * len(self._room)))
        most = max(1, piece // max(1, self._length))
        columns, width, room, cells = self._places
        begins = 0 if last is None else place(last)
        numbers = self._length, most, self._joins, scalars
        table = self._room[: self._enter(place(rows), count, begins, columns, width, *numbers, room, cells)]
        if self._layout.repeated:
            table[:, -1] = scalars
        if self._batch is None:
            self._batch = Batch(
                device=self._device,
                layout=self._layout,
                positions=np.array([position]),
                scalars=(),
                sets=[],
                elements=0,
                table=table,
                counts=None,
            )
        self._batch.refill(table, count * self._length, (scalars,))
        return self._batch


def all_rows(stage: Stage, views: Sequence[View], piece: int, position: int, scalars: int) -> Batch:
    """A batch of all rows of a set of arrays of a stage, which may move."""
    batch = RowTasks(stage, views).batch(0, np.arange(views[0].shape[0]), piece, position, scalars)
    batch.owners = np.full(len(batch.table), position)
    batch.offsets = [batch.table[:, k] - view.address for k, view in enumerate(views)]
    return batch


def row_of(view: View) -> View:
    """The first row of an array."""
    return replace(view, shape=view.shape[1:], strides=view.strides[1:])
