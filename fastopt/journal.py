"""What a step is about to change besides arrays, so that an interrupt leaves a state from before or after it.

A signal's handler runs between two bytecodes and may raise there, as Ctrl-C does. The arrays of a step are written by
one call of compiled code; its counts by many bytecodes. So the counts that will hold are noted first; whoever looks at
the optimizer next settles what is still open: if the arrays were written the counts follow, however often.
"""

from collections.abc import Sequence
from typing import Any

from .groups import Row
from .kernels.catch_up import CatchUp
from .loss_scale import LossScaler


class Journal:
    """At most one step that has begun to write."""

    __slots__ = ("_entry", "skipped")

    def __init__(self) -> None:
        self.skipped = 0
        self._entry: Any = None

    def begin(
        self,
        writes: int,
        rows: Sequence[tuple[Row, int, dict[str, float]]],
        scaler: LossScaler | None,
        zeroed: Sequence[Any],
        notes: Sequence[tuple[CatchUp, int, Any, Any]] = (),
    ) -> list[Any]:
        """Note a step; returns the list that will have so many entries once its arrays are written.

        rows: the new counts and uniform states; none if the step is skipped. zeroed: arrays to set to zero then.
        notes: what to note of the step for rows that miss others.
        """
        done: list[Any] = []
        scale = scaler.after(applied=bool(rows)) if scaler else None
        self._entry = done, writes, rows, self.skipped + (not rows), scaler, scale, zeroed, notes
        return done

    def settle(self) -> None:
        """Carry out what was noted if the arrays were written, else forget it; may be interrupted and called again."""
        if self._entry is None:
            return
        done, writes, rows, skipped, scaler, scale, zeroed, notes = self._entry
        if len(done) >= writes:
            for row, count, states in rows:
                row.count, row.states = count, states
            self.skipped = skipped
            if scaler:
                scaler.scale, scaler.applied = scale
            for behind, step, numbers, touched in notes:
                behind.note(step, numbers, touched)
            for array in zeroed:
                array[...] = 0.0
        self._entry = None
