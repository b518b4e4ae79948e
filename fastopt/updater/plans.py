"""The plans of an optimizer, kept as long as they are in use."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..kernels.arrays.row_sparse import RowSparse
from ..kernels.arrays.view import View
from ..kernels.program.stages import Program
from ..kernels.step.executors import Executor
from ..kernels.step.plan import Plan

if TYPE_CHECKING:
    from ..kernels.headers.numpy_headers import Among

# Which gradients are row-sparse, and beside those None, may differ from step to step: the latest keep their plans.
_MOST = 16


class Plans:
    """Plans: one for all parameters with dense gradients, in which any may be None, and of others the latest.

    slots: for each parameter its state arrays. label: how messages name an array, from the number of the parameter and
    the array's name. casts, beside, attended, marks, among: as a Plan has them.
    """

    def __init__(
        self,
        program: Program,
        slots: Sequence[Sequence[Any]],
        label: Callable[[int, str], str],
        casts: bool,
        beside: Callable[[], Sequence[View]],
        attended: bool,
        marks: Sequence[int] | None,
        among: "Among | None",
    ) -> None:
        self._program, self._slots, self._label = program, slots, label
        self._casts, self._beside, self._attended, self._marks = casts, beside, attended, marks
        self._among = among or (range(len(slots)), len(slots))
        # By the parameters and by which of these have row-sparse gradients.
        self.kept: dict[Any, Plan] = {}
        self._dense: Plan | None = None
        self._apart = False  # whether parameters without a gradient cannot be taken with the others
        self.whole: Plan | None = None  # the latest plan of all parameters

    def take(
        self, chosen: Sequence[int], parameters: list[Any], gradients: list[Any], row_of: Sequence[int]
    ) -> tuple[Plan, Executor]:
        """The plan for a step, and its executor. Raises what `Plan.take` raises.

        parameters, gradients: lists as `among` says. chosen: the parameters that have a gradient; the others have None.
        row_of: for each parameter the number of its row.
        """
        every = len(chosen) == len(self._slots)
        places, _ = self._among
        sparse = tuple(n for n, k in enumerate(chosen) if isinstance(gradients[places[k]], RowSparse))
        refused = False
        if not sparse and (every or not self._apart):
            plan = self._dense or self.new(range(len(self._slots)), row_of)
            try:
                executor = plan.take(parameters, gradients, row_of)
            except (TypeError, ValueError):
                if every:
                    raise
                # Maybe of arrays that the step does not need.
                refused = True
            else:
                self._dense = self.whole = plan
                self._apart = not plan.watched
                return plan, executor
        key = tuple(chosen), sparse
        groups = row_of if every else [row_of[k] for k in chosen]
        plan = self.kept.get(key) or self.new(chosen, row_of, sparse)
        executor = plan.take(parameters, gradients, groups)
        self._apart = self._apart or refused
        if every:
            self.whole = plan
        # The latest plan is last; of too many the oldest is dropped.
        self.kept.pop(key, None)
        self.kept[key] = plan
        if len(self.kept) > _MOST:
            self.kept.pop(next(iter(self.kept)))
        return plan, executor

    def look_anew(self) -> None:
        """Have the next steps look at all arrays anew, since what is written beside them lies elsewhere."""
        for plan in (self._dense, self.whole, *self.kept.values()):
            if plan is not None:
                plan.look_anew()

    def new(self, chosen: Sequence[int], row_of: Sequence[int], sparse: Sequence[int] = ()) -> Plan:
        """A plan for some of the parameters, not yet bound and not kept. sparse: places of row-sparse gradients."""
        label = self._label  # Not self: a plan must not lead back to the plans that have it.
        return Plan(
            self._program,
            [self._slots[k] for k in chosen],
            row_of if len(chosen) == len(row_of) else [row_of[k] for k in chosen],
            lambda position, name: label(chosen[position], name),
            sparse,
            self._casts,
            self._beside,
            self._attended,
            self._marks and [self._marks[k] for k in chosen],
            self._among_all(chosen),
        )

    def _among_all(self, chosen: Sequence[int]) -> "Among | None":
        places, length = self._among
        return None if len(chosen) == length else ([places[k] for k in chosen], length)
