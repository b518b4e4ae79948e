"""The plans of an optimizer: one for each set of parameters that have had a gradient, kept as long as it is in use."""

from collections.abc import Callable, Sequence
from typing import Any

from ..kernels.arrays.row_sparse import RowSparse
from ..kernels.program.stages import Program
from ..kernels.step.executors import Executor
from ..kernels.step.plan import Plan

# Which gradients are None may differ from step to step: the latest sets keep their plans and task tables.
_MOST = 16


class Plans:
    """Plans, by the parameters that they are for and by which of these have row-sparse gradients.

    slots: for each parameter its state arrays. row_of: for each parameter the number of its row. label: how messages
    name an array, from the number of the parameter and the array's name.
    """

    def __init__(
        self,
        program: Program,
        slots: Sequence[Sequence[Any]],
        row_of: Sequence[int],
        label: Callable[[int, str], str],
    ) -> None:
        self._program, self._slots, self._row_of, self._label = program, slots, row_of, label
        self.kept: dict[Any, Plan] = {}
        self.whole: Plan | None = None  # the latest plan of all parameters

    def take(self, chosen: Sequence[int], parameters: list[Any], gradients: list[Any]) -> tuple[Plan, Executor]:
        """The plan for some of the parameters, and its executor. Raises what `Plan.take` raises."""
        sparse = tuple(place for place, gradient in enumerate(gradients) if isinstance(gradient, RowSparse))
        key = tuple(chosen), sparse
        plan = self.kept.get(key) or self.new(chosen, sparse)
        executor = plan.take(parameters, gradients)
        if len(chosen) == len(self._slots):
            self.whole = plan
        # The latest plan is last; of too many the oldest is dropped.
        self.kept.pop(key, None)
        self.kept[key] = plan
        if len(self.kept) > _MOST:
            self.kept.pop(next(key for key, plan in self.kept.items() if plan is not self.whole))
        return plan, executor

    def new(self, chosen: Sequence[int], sparse: Sequence[int] = ()) -> Plan:
        """A plan for some of the parameters, not yet bound and not kept. sparse: places of row-sparse gradients."""
        return Plan(
            self._program,
            [self._slots[k] for k in chosen],
            [self._row_of[k] for k in chosen],
            lambda position, name: self._label(chosen[position], name),
            sparse,
        )
