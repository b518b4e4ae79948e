"""Row-sparse gradients of an optimizer: which rows have missed steps, and how they catch up."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..kernels.arrays.row_sparse import row_sparse
from ..kernels.language.values import either
from ..kernels.libraries.library import to_host, view_of
from ..kernels.program.stages import Program
from ..kernels.program.stillness import ignores_zeros, stays
from ..kernels.riders import AVERAGES, SLOW, WithRiders
from ..kernels.step.catch_up import LONGEST, CatchUp
from ..kernels.step.plan import Plan
from ..kernels.step.touched import RowSet

MODES = ("exact", "lazy")


class RowsBehind:
    """The rows of parameters that have missed steps, for each parameter that has row-sparse gradients.

    mode: "exact", as if each step had been dense, or "lazy": rows that are not touched do not move. Raises ValueError
    for another mode, and with "lazy" for options that are of every row.
    """

    def __init__(self, mode: str, definition: WithRiders, program: Program) -> None:
        if mode not in MODES:
            raise ValueError(f"sparse must be {either(MODES)}; got {mode!r}")
        for option, slot in {**AVERAGES, "lookahead": SLOW}.items() if mode == "lazy" else ():
            if slot in definition.slots:
                raise ValueError(
                    f"{option} is of every row in every step, and sparse='lazy' leaves rows out; use sparse='exact'"
                )
        gradient, *slots = definition.arrays[1:]
        zero = [slot for slot in slots if definition.start.get(slot) == 0.0]
        # A norm of more than the gradient counts every row in every step.
        self.needs_dense = mode == "exact" and not ignores_zeros(program)
        self._keeps = mode == "exact" and not stays(program, [gradient])
        self._rests_at = zero if stays(program, [gradient, *zero]) else []
        self.by_parameter: dict[int, CatchUp] = {}

    def gradient(self, gradient: Any, shape: Sequence[int], label: str, zeroed: bool) -> Any:
        """A row-sparse gradient in the form that a plan takes. zeroed: whether the step sets it to zero.

        Raises TypeError or ValueError that names it, by its label.
        """
        rows = row_sparse(gradient, shape, label)
        if not self.needs_dense:
            return rows
        if zeroed and not view_of(rows.values, f"{label}.values")[1].writable:
            raise ValueError(f"{label}.values is read-only, and zero_grads would set it; pass a writable array")
        return rows.dense(shape)

    def bring(self, plan: Plan, chosen: Sequence[int], state: Sequence[dict[str, Any]]) -> None:
        """Have the rows that a step will touch catch up.

        chosen: which parameters the plan has. state: the state arrays of each parameter.
        """
        for touched in plan.touched if self._keeps else ():
            k = chosen[touched.position]
            if k in self.by_parameter and self.by_parameter[k].steps == LONGEST:
                self.catch_up(k, touched.set)
            if k not in self.by_parameter:
                self.by_parameter[k] = CatchUp(self._resting(touched.set, state[k]))
            self.by_parameter[k].bring(touched.rows, touched.set)

    def notes(self, plan: Plan, chosen: Sequence[int]) -> list[tuple[CatchUp, int, Any, Any]]:
        """The notes to write once the decided step is applied: of each parameter its CatchUp, step, numbers, rows."""
        return [
            (
                behind := self.by_parameter[chosen[touched.position]],
                behind.steps + 1,
                plan.scalars(touched.position),
                touched.rows,
            )
            for touched in (plan.touched if self._keeps else ())
        ]

    def _resting(self, rows: RowSet, state: dict[str, Any]) -> Any:
        """For each row, whether all state by which a zero gradient would move it is zero."""
        if not self._rests_at or not rows.count:
            return np.zeros(rows.count, bool)
        resting = np.ones(rows.count, bool)
        for slot in self._rests_at:
            resting &= ~(to_host(state[slot], rows.label) != 0).reshape(rows.count, -1).any(axis=1)
        return resting

    def catch_up(self, k: int, set_: RowSet, rows: Any = None) -> None:
        """Have rows of the k-th parameter catch up. rows: NumPy's int64, each once, or None for all."""
        self.by_parameter[k].bring(rows, set_)
        if rows is None:
            del self.by_parameter[k]
