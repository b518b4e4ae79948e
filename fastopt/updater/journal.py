"""The changes of a step or a load besides arrays, noted so that an interrupt leaves the state from before or after it.

A signal's handler runs between two bytecodes and may raise there, as Ctrl-C does. The arrays of a step, or of a load,
are written by one call of compiled code; its counts by many bytecodes. So the new counts are noted first, and the next
access to the optimizer settles an open note: if the arrays were written, the counts are set too; if not, the changes
made before them are undone. Settling may be interrupted and repeated.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..kernels.step.catch_up import CatchUp
from .counts import History, SharedNumbers
from .loss_scale import LossScaler

NO_STEP = None, None


class Gathered(Protocol):
    """Sums of gradients, which a step takes."""

    def drop(self) -> None:
        """Begin anew; may be called again."""


class Journal:
    """Notes of at most one step or load that has begun.

    pending: what `settle` has to do; None if there is nothing. applied, skipped: how many steps were. latest: of the
    latest applied step, for each rule, the parameters, their counts and the numbers of the rows of these; and what the
    executor found in the latest step.
    """

    __slots__ = ("applied", "latest", "pending", "skipped")

    def __init__(self) -> None:
        self.applied = self.skipped = 0
        self.pending: Any = None
        self.latest: tuple[Any, Any] = NO_STEP

    def begin(
        self,
        writes: int,
        rows: Sequence[tuple[SharedNumbers, History]],
        scaler: LossScaler | None,
        zeroed: Sequence[Any],
        notes: Sequence[tuple[CatchUp, int, Any, Any]],
        latest: tuple[Any, Any],
        gathering: Gathered | None,
    ) -> list[Any]:
        """Note a step; returns the list that will have `writes` entries once the step's arrays are written.

        rows: those of the step, and what they will be; none if the step is skipped. zeroed: arrays to set to zero then.
        notes: for rows that have missed steps, the arguments of CatchUp.note. latest: as the attribute is then.
        gathering: whose sums are dropped then.
        """
        applied = 1 if rows else 0
        scale = scaler.after(applied=bool(rows)) if scaler else None
        totals = self.applied + applied, self.skipped + 1 - applied, latest
        done: list[Any] = []
        self.pending = done, writes, self._count, (rows, totals, scaler, scale, zeroed, notes, gathering), ()
        return done

    def note(self, writes: int, finish: Callable[[], Any], undo: Sequence[Callable[[], Any]]) -> list[Any]:
        """Note arrays that are about to be written; returns the list that will then have `writes` entries.

        finish: called once the arrays are written. undo: called, last first, if they were not written.
        """
        done: list[Any] = []
        self.pending = done, writes, finish, (), undo
        return done

    def settle(self) -> None:
        """Finish the note if the arrays were written, else undo it; may be interrupted and called again."""
        if self.pending is None:
            return
        done, writes, finish, arguments, undo = self.pending
        if len(done) >= writes:
            finish(*arguments)
        else:
            for put_back in reversed(undo):
                put_back()
        self.pending = None

    def _count(
        self,
        rows: Sequence[tuple[SharedNumbers, History]],
        totals: tuple[int, int, Any],
        scaler: LossScaler | None,
        scale: Any,
        zeroed: Sequence[Any],
        notes: Sequence[tuple[CatchUp, int, Any, Any]],
        gathering: Gathered | None,
    ) -> None:
        for row, history in rows:
            row.history = history
        self.applied, self.skipped, self.latest = totals
        if scaler:
            scaler.scale, scaler.applied = scale
        for behind, step, numbers, touched in notes:
            behind.note(step, numbers, touched)
        for array in zeroed:
            array[...] = 0.0
        if gathering is not None:
            gathering.drop()
