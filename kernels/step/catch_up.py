"""Rows catch up with the steps that they missed while no gradient touched them, with the numbers that each step had.

A step in which a row's gradient is zero still moves it, by its momentum or its decay. That is put off until the
row is next touched, and then done by the same operations with a gradient of zeros: the bits are the same, and the row
is read but once.
"""

from typing import Any

import numpy as np

from ..tasks.stage_run import run
from .touched import RowSet

# After so many steps all rows catch up, so that few steps have to be remembered.
LONGEST = 1024
_AT_ONCE = 65536  # rows
# The last step of rows that no step moves until they are touched: as if they had had every step.
_AT_REST = 2**62


class CatchUp:
    """For each row of a parameter the last step that it has had, and the numbers of the steps since.

    resting: for each row whether a zero gradient leaves it alone. Steps count from 1.
    """

    def __init__(self, resting: Any) -> None:
        self._last = np.where(resting, _AT_REST, 0)
        self._numbers: Any = None
        self._entry: Any = None
        self.steps = 0  # how many are remembered

    def bring(self, rows: Any, set_: RowSet) -> None:
        """Apply to rows the steps that they have missed.

        rows: their numbers as NumPy's int64, or None for all.
        """
        self.settle()
        late = np.flatnonzero(self._last < self.steps) if rows is None else rows[self._last[rows] < self.steps]
        if not len(late):
            return
        stage, numbers = set_.program.stages[-1], self._numbers[: self.steps]
        for start in range(0, len(late), _AT_ONCE):
            some = late[start : start + _AT_ONCE]
            some = some[np.argsort(self._last[some], kind="stable")]
            batch = set_.repeated(stage, some, self._last[some], self.steps)
            # As in the optimizer's journal: an interrupt finds the rows and their last step agreeing.
            done: list[Any] = []
            self._entry = done, some
            run(set_.backend, set_.program.name, stage, [batch], numbers, done)
            self.settle()

    def settle(self) -> None:
        """Note which rows have caught up; may be interrupted and called again."""
        if self._entry is not None:
            done, rows = self._entry
            if done:
                self._last[rows] = self.steps
            self._entry = None

    def note(self, step: int, numbers: Any, rows: Any) -> None:
        """Note that a step was applied to rows; may be interrupted and called again.

        step: its number, the next after `steps`. numbers: the scalars of the stage that writes.
        """
        if self._numbers is None:
            self._numbers = np.zeros((LONGEST, len(numbers)))
        self._numbers[step - 1] = numbers
        self.steps = step
        self._last[rows] = step
