"""Some rows of a set of arrays as rows of the task table: those that a row-sparse gradient touches, and no others."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays.checks import check_complex, check_types
from ..arrays.extents import Extents
from ..arrays.overlaps import check_overlaps
from ..arrays.row_sparse import RowSparse, checked_rows
from ..arrays.view import View, as_complex
from ..backends import backend
from ..libraries.library import array_like, view_of
from ..program.stages import Program, Stage
from ..tasks.row_tasks import RowTasks
from ..tasks.table import Batch

if TYPE_CHECKING:
    from ..headers.row_headers import RowHeaders

# How many elements a task of a repeated batch has: they stay in the nearest cache.
_NEAR = 2048


class RowSet:
    """A parameter and its state, of which each step touches some rows.

    views: those of a program's arrays, None for the gradient's. label: how messages name the gradient.
    Raises ValueError for a parameter without rows, TypeError for a backend that adds up no rows.
    """

    def __init__(self, which: str, program: Program, views: Sequence[View | None], label: str) -> None:
        self.program, self.label, self.backend = program, label, backend(which)
        self.gradient = program.arrays[1]
        self.arrays = {name: view for name, view in zip(program.arrays, views, strict=True) if view is not None}
        self.parameter = self.arrays[program.arrays[0]]
        if not self.parameter.own_shape:
            raise ValueError(
                f"{label} is row-sparse, but its parameter has shape (), without rows; pass an array of shape ()"
            )
        if self.backend.merged is None:
            raise TypeError(
                f"{label}: row-sparse gradients need NumPy or CuPy arrays; got a {self.parameter.kind}: pass "
                "cupy.asarray of the parameter, which shares its memory"
            )
        self._merged = self.backend.merged
        self.count, *self.row_shape = self.parameter.shape
        self.length = prod(self.row_shape)
        self._places: Any = None
        self._tasks: dict[Any, RowTasks] = {}

    def merged(self, gradient: RowSparse, view: View) -> tuple[Any, View]:
        """The distinct rows of a gradient, as NumPy's int64, and the view of their values, added up in order.

        view: that of the gradient's values. Raises ValueError for values of another width, IndexError for a row that
        the parameter does not have.
        """
        if list(view.own_shape[1:]) != list(self.parameter.own_shape[1:]):
            raise ValueError(
                f"{self.label} has values of shape {view.own_shape}, but each row of the parameter has shape "
                f"{self.parameter.own_shape[1:]}"
            )
        rows = checked_rows(gradient.rows, self.count, self.label)
        if self._places is None:
            self._places = np.full(self.count, -1, np.int64)
        return self._merged(rows, self._places, view, self.label)

    def batch(self, stage: Stage, rows: Any, values: View, at: int, position: int, scalars: int) -> Batch:
        """The rows as a batch of one stage.

        values: rows of the gradient in the same order, which lie at `at`. position: the number of the set. scalars:
        which row of scalars is its own.
        """
        # Gradients mostly differ only in where they lie.
        key = stage, values.storage, values.strides
        tasks = self._tasks.get(key) or self._tasks.setdefault(key, self._row_tasks(stage, values))
        return tasks.batch(at, rows, self.backend.piece(stage, len(rows) * self.length), position, scalars)

    def repeated(self, stage: Stage, rows: Any, last: Any, steps: int) -> Batch:
        """The rows as a batch that goes through several rows of scalars with a gradient of zeros.

        last: for each row where it begins, in ascending order; steps: where all end.
        """
        key, zeros = (stage, "zeros", ()), self._zeros
        tasks = self._tasks.get(key) or self._tasks.setdefault(key, self._row_tasks(stage, zeros, repeated=True))
        return tasks.batch(zeros.address, rows, _NEAR, 0, steps, last)

    def _row_tasks(self, stage: Stage, values: View, repeated: bool = False) -> RowTasks:
        views = [values if name == self.gradient else self.arrays[name] for name in stage.arrays]
        compact = stage.arrays.index(self.gradient) if self.gradient in stage.arrays else None
        return RowTasks(stage, views, compact, repeated)

    def headers(self, values: View, written: Sequence[int]) -> "RowHeaders | None":
        """A check whether later gradients are like these values and can be used as they are; None if there is none.

        written: where the arrays begin and end that the step writes.
        """
        zeroed = self.gradient in self.program.stages[-1].writes
        array = as_complex(values.array) if values.complex else values.array
        return self.backend.row_headers(array, self.count, written, zeroed, self._places)

    @cached_property
    def _zeros(self) -> View:
        """Rows of zeros, as many as a task of a repeated batch has."""
        most = max(1, _NEAR // max(1, self.length))
        return view_of(array_like(self.parameter.array[:most], 0.0, None, self.label), self.label)[1]


class Touched:
    """The rows of one set that a step touches, each once, and their gradients.

    position: the number of the set among those of a plan. written: the views of all arrays that the step may write.
    casts: as a Plan has it; rows that come several times are added up before.
    rows: the numbers of the rows, as NumPy's int64. values, at: the view of gradients like theirs, and where they lie.
    given: the values of the gradient that was taken.
    """

    rows: Any
    values: View
    at: int
    given: Any

    def __init__(self, position: int, set_: RowSet, written: Sequence[View], casts: bool | None = None) -> None:
        self.position, self.set, self._written, self._casts = position, set_, written, casts
        self._apart_from = Extents(written=written).apart_from()
        self._headers: RowHeaders | None = None
        self._like: View

    def take(self, gradient: RowSparse) -> None:
        """Take over the rows of a gradient.

        Raises TypeError, ValueError or IndexError that names the gradient.
        """
        at = self._headers.look(gradient.rows, gradient.values) if self._headers else None
        if at is not None:
            self.rows, self.at, self.given, self.values = gradient.rows, at, gradient.values, self._like
        else:
            self._take_anew(gradient)

    def _take_anew(self, gradient: RowSparse) -> None:
        parameter, name = self.set.parameter, f"{self.set.label}.values"
        library, view = view_of(gradient.values, name)
        if backend(library.BACKEND) is not self.set.backend or view.device != parameter.device:
            raise TypeError(
                f"{name} is a {view.kind} on {view.device} but the parameter is a {parameter.kind} on "
                f"{parameter.device}; convert it"
            )
        check_complex(view, name, parameter, "the parameter")
        if not self._casts:
            check_types(view, name, parameter, "the parameter", self._casts is False)
        if self.set.gradient in self.set.program.stages[-1].writes and not view.writable:
            raise ValueError(f"{name} is read-only, and zero_grads would set it; pass a writable array")
        low, high = view.bounds
        near = [there for there in self._written if there.size and there.bounds[0] < high and low < there.bounds[1]]
        if view.size and near:
            check_overlaps([*near, view], lambda k: name if k == len(near) else "what the step writes", [len(near)])
        self.rows, values = self.set.merged(gradient, view)
        self.values = values.cast_to(parameter.compute)
        self.at, self.given = values.address, gradient.values
        if values is view:
            # Without the array, which need not be kept alive; of a single row NumPy leaves the stride open.
            strides = tuple(prod(view.shape[axis + 1 :]) for axis in range(len(view.shape)))
            self._like = replace(self.values, array=None, strides=strides)
            self._headers = self.set.headers(view, self._apart_from)
