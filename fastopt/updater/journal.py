"""The changes of a step or a load besides arrays, noted so that an interrupt leaves the state from before or after it.

A signal's handler runs between two bytecodes and may raise there, as Ctrl-C does. The arrays of a step, or of a load,
are written by one call of compiled code; its counts by many bytecodes. So the new counts are noted first, and the next
access to the optimizer settles an open note: if the arrays were written, the counts are set too; if not, the changes
made before them are undone. Settling may be interrupted and repeated.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..kernels.step.catch_up import CatchUp
from .counts import History, SharedNumbers
from .loss_scale import LossScaler


class Journal:
    """Notes of at most one step or load that has begun.

    pending: what `settle` has to do; None if there is nothing. applied, skipped: how many steps were.
    """

    __slots__ = ("applied", "pending", "skipped")

    def __init__(self) -> None:
        self.applied = self.skipped = 0
        self.pending: Any = None

    def begin(
        self,
        writes: int,
        rows: Sequence[tuple[SharedNumbers, History]],
        scaler: LossScaler | None,
        zeroed: Sequence[Any],
        notes: Sequence[tuple[CatchUp, int, Any, Any]] = (),
    ) -> list[Any]:
        """Note a step; returns the list that will have `writes` entries once the step's arrays are written.

        rows: those of the step, and what they will be; none if the step is skipped. zeroed: arrays to set to zero then.
        notes: for rows that have missed steps, the arguments of CatchUp.note.
        """
        scale = scaler.after(applied=bool(rows)) if scaler else None
        totals = self.applied + bool(rows), self.skipped + (not rows)
        finish = partial(self._count, rows, totals, scaler, scale, zeroed, notes)
        return self.note(writes, finish, ())

    def note(self, writes: int, finish: Callable[[], Any], undo: Sequence[Callable[[], Any]]) -> list[Any]:
        """Note arrays that are about to be written; returns the list that will then have `writes` entries.

        finish: called once the arrays are written. undo: called, last first, if they were not written.
        """
        done: list[Any] = []
        self.pending = done, writes, finish, undo
        return done

    def settle(self) -> None:
        """Finish the note if the arrays were written, else undo it; may be interrupted and called again."""
        if self.pending is None:
            return
        done, writes, finish, undo = self.pending
        if len(done) >= writes:
            finish()
        else:
            for put_back in reversed(undo):
                put_back()
        self.pending = None

    def _count(
        self,
        rows: Sequence[tuple[SharedNumbers, History]],
        totals: tuple[int, int],
        scaler: LossScaler | None,
        scale: Any,
        zeroed: Sequence[Any],
        notes: Sequence[tuple[CatchUp, int, Any, Any]],
    ) -> None:
        for row, history in rows:
            row.become(history)
        self.applied, self.skipped = totals
        if scaler:
            scaler.scale, scaler.applied = scale
        for behind, step, numbers, touched in notes:
            behind.note(step, numbers, touched)
        for array in zeroed:
            array[...] = 0.0
