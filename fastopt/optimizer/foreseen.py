"""The steps to come of a section, worked out before any of them is taken."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.step.executors import foretold
from ..updater.counts import History
from ..updater.section import Part, Section, Told

if TYPE_CHECKING:
    from ..kernels.cuda.gpu_program import GpuProgram


class Foreseen:
    """The steps to come of a section, of which no parameter has a gradient.

    histories: those of its rows, before the first of the steps and after each.
    """

    def __init__(self, section: Section) -> None:
        self.section, self._ahead = section, section.ahead()
        self.histories: list[list[History]] = []
        self._go_on(())

    def step(self, told: Told) -> None:
        """Foresee one more step. Raises what functions of the step raise."""
        self._go_on(self._ahead.resting(told))

    def _go_on(self, after: Sequence[Any]) -> None:
        for row, history in after:
            row.history = history
        self.histories.append([row.history for row in self._ahead.counts.rows])

    def count(self, applied: int) -> None:
        """Give the section the counts that it has after so many of the steps."""
        for row, history in zip(self.section.counts.rows, self.histories[applied], strict=True):
            row.history = history


class ForeseenPart(Foreseen):
    """The steps to come of a section, with what a GPU is told of them.

    gpu: the program there, which carries some of the uniform states. numbers: those of each step, for each row.
    """

    def __init__(self, part: Part, gpu: "GpuProgram") -> None:
        section, (_, self._plan, self._chosen, *_) = part
        super().__init__(section)
        self._gpu = gpu
        self.numbers: list[list[dict[str, Any]]] = []
        self._told: list[list[list[Any]]] = []

    def step(self, told: Told) -> None:
        """As Foreseen.step. Raises ValueError too for numbers that cannot be computed with."""
        counts, program = self._ahead.counts, self.section.program
        numbers = self._ahead.numbers(None, told)
        known = foretold(self._gpu.numbers, numbers)
        new = [[*(row.history.states | own).values()] for row, (_, own) in zip(counts.rows, known, strict=True)]
        if program.apart:
            new = [new[counts.row_of[k]] for k in self._chosen]
        self.numbers.append(numbers)
        self._told.append([values for values, _ in known])
        self._go_on(counts.after(self._plan.rows, self._chosen, new, numbers))

    @property
    def told(self) -> Any:
        """The numbers that the GPU is told, (rows, steps, numbers)."""
        steps, rows = len(self._told), len(self._ahead.counts.rows)
        table = np.array(self._told, np.float64).reshape(steps, rows, len(self._gpu.numbers.told))
        return np.ascontiguousarray(table.swapaxes(0, 1))

    @property
    def carried(self) -> list[list[float]]:
        """The states that the GPU carries, before the first of the steps."""
        return [[history.states[name] for name in self._gpu.numbers.carried] for history in self.histories[0]]

    def count(self, applied: int) -> None:
        """As Foreseen.count, with the states that the GPU has carried; waits for the GPU."""
        carried, names = self._gpu.states(), self._gpu.numbers.carried
        super().count(applied)
        counts = self.section.counts
        for number in counts.going_on(self._plan.rows):
            row = counts.rows[number]
            own = dict(zip(names, carried[number], strict=True))
            row.history = row.history._replace(states=row.history.states | own)
