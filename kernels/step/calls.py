"""Direct calls of a rule: what was found out about the arrays of a call serves the next calls on arrays like them."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays.extents import Extents
from ..arrays.view import View
from ..backends import backend
from ..libraries.library import as_array, views_of
from ..program.stages import Program
from .executors import Attended
from .plan import CHANGED, MOVED, stage_runs, stepped

if TYPE_CHECKING:
    from ..headers.numpy_headers import Headers
    from ..headers.tensor_headers import TensorHeaders

# How many parameters are known; a call on another takes as long as a first one.
_MOST = 1024
_SMALL = 4096  # bytes of task tables
_NONE: list[Any] = []


class Calls:
    """The calls of a rule, each kept for the next one on the same parameter.

    No array is kept alive: a parameter is known by its address. That is only a hint, as compiled code compares the
    arrays that come, in whatever object, with what was noted of those before.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, Program], _Call] = OrderedDict()

    def update(self, program: Program, arrays: Sequence[Any], numbers: Mapping[str, Any]) -> list[list[float]] | None:
        """Apply one step of a program to one set of arrays, in place; returns the result of `stepped`.

        Raises TypeError or ValueError that names the argument; nothing has then been changed.
        """
        given, key = list(arrays), (id(arrays[0]), program)
        # Not in the table while it is in use: no other thread finds it, and no later call after an interrupt.
        call = self._kept.pop(key, None)
        if call is None or not call.takes(given):
            if isinstance(given[1], np.generic):
                if call is not None:
                    self._kept[key] = call
                return self.update(program, [given[0], as_array(given[1]), *given[2:]], numbers)
            which, (views,) = views_of(program, [given], lambda _, name: name)
            call = _Call(program, which, views)
            new = stepped(call.executor, [numbers])
            if not call.watch(given, which, views):
                return new
        else:
            new = stepped(call.executor, [numbers])
        self._kept[key] = call
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        return new


class _Call:
    """A program on one set of arrays, which may all be replaced by others like them."""

    def __init__(self, program: Program, which: str, views: Sequence[View]) -> None:
        self._program, self._runs = program, stage_runs(program, which, [views], [0])
        self.executor = Attended(program, self._runs, [0], [0])

    def watch(self, arrays: list[Any], which: str, views: Sequence[View]) -> bool:
        """Watch the arrays, of which the step has been taken. Returns whether that is possible without keeping them."""
        batches = [(batch, run.stage.arrays) for run in self._runs for batch in run.batches]
        # What is kept stays when the arrays are gone: it must be small beside them.
        size = sum(batch.table.nbytes for batch, _ in batches)
        if any(batch.sets for batch, _ in batches) or size > max(_SMALL, views[0].size // 64):
            return False
        names = self._program.arrays
        written = self._program.stages[-1].writes
        changed = [k for k, name in enumerate(names) if name in written]
        headers = backend(which).headers([], arrays, Extents(views, (), changed))
        if headers is None or not headers.checkable:
            return False
        self._headers: Headers | TensorHeaders = headers
        self._places = [[(batch, own.index(name)) for batch, own in batches if name in own] for name in names]
        self._addresses = headers.moving.tolist()
        return True

    def takes(self, arrays: list[Any]) -> bool:
        """Whether the next step is of these arrays: all as those before were, but where they lie, and apart."""
        headers = self._headers
        answer = headers.look(_NONE, arrays)
        if answer == MOVED:
            moved = headers.moving.tolist()
            for k, (before, after) in enumerate(zip(self._addresses, moved, strict=True)):
                if before != after:
                    for batch, column in self._places[k]:
                        batch.move(column, headers.moving[k : k + 1])
            self._addresses = moved
        return answer != CHANGED
