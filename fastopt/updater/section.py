"""The parameters that one rule updates: their counts, their plans and the rows that they have behind."""

import copy
import operator
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from ..kernels.arrays.row_sparse import RowSparse, is_row_sparse, values_of
from ..kernels.arrays.view import View
from ..kernels.language.hyperparameters import LOSS
from ..kernels.language.rounding import mark
from ..kernels.libraries.library import as_array, assignable, state_view_of, views_of
from ..kernels.riders import CALLS, COPY, CORRECTION, SLOW
from ..kernels.step.executors import Executor
from ..kernels.step.plan import Plan
from ..kernels.step.touched import RowSet
from .behind import RowsBehind
from .choices import Choices, Ruled
from .counts import Counts, History, SharedNumbers
from .plans import Plans
from .state import derived, keeps_average, set_to, set_to_zero
from .taken import Taken

_T = TypeVar("_T")
# Of a step: its number, the loss or None, of how many calls of accumulate the gradients are the sums (0 for none), and
# what a loss scaler multiplies them by or None.
Told = tuple[int, Any, int, float | None]
# What an applied step changes besides arrays, as Journal.begin takes it: the rows with their histories, the arrays to
# set to zero, the notes of touched rows, and for each rule what `latest` has.
Applied = tuple[Sequence[tuple[SharedNumbers, History]], list[Any], Sequence[Any], list[Any]]
# The arrays of a step that were taken: its executor, its plan, which parameters have a gradient, the gradients of all
# parameters as the plan has them, and what else the step sets to zero.
Begun = tuple[Executor, Plan, Sequence[int], list[Any], list[Any]]
# A rule in a step: its section, and what this has begun.
Part = tuple["Section", Begun]


class Section:
    """The parameters of one rule, numbered from 0 in the order of the tree.

    definition: the rule with what rides along. members: their numbers among all parameters, as a NumPy array in
    `numbers_of_all`; whole: whether these are all. state: for each its arrays by slot. counts: how many steps each has
    had.
    """

    def __init__(self, ruled: Ruled, choices: Choices) -> None:
        self.definition, self.rule = ruled.definition, ruled.definition.rule
        self._start, self._choices = ruled.start, choices
        self.program = ruled.program
        self.rows_behind = RowsBehind(choices.sparse, self.definition, self.program)
        self.zeroes = bool(self.definition.on.get("zero_grads"))
        self._divides = CALLS in self.definition.of_step

    def take(self, members: Sequence[int], new: Taken, beside: Callable[[], Sequence[View]]) -> None:
        """Take over parameters, whose counts are set next. members: their numbers among all. beside: gives the arrays
        of other sections that a step writes."""
        self._beside = beside
        self.members = members
        self._of_all = len(new.state)
        self.whole, self.numbers_of_all = len(members) == self._of_all, np.array(members)
        self._pick: Callable[[Any], Any] = operator.itemgetter(*members)
        self.state, self._scales = self.of(new.state), self.of(new.scales)
        self._layers = self.of(new.layers)
        self.paths = [f"params{new.parameters.paths[k]}" for k in members]
        self._marks = [mark(new.parameters.keys[k]) for k in members]
        # No method of this object: a plan must not lead back to the object that has it.
        self.label = _labels(new.parameters.label, self.rule.arrays, members)
        self.rows_behind.by_parameter.clear()

    def of(self, every: Sequence[_T]) -> list[_T]:
        """The entries that are of these parameters, of a list for all of them."""
        return list(self._pick(every)) if len(self.members) > 1 else [every[k] for k in self.members]

    def set_counts(self, histories: Sequence[History]) -> None:
        """Set each parameter's history."""
        beside = self.definition.beside if self.definition.has_beside else None
        self.counts = Counts(self._layers, histories, self.program.apart, self._choices.together, beside)
        # The parameters whose next step may be their first.
        self._unbegun = set(range(len(self.members))) if self.has_derived else set()
        slots = [[*self._slots(state), *scales] for state, scales in zip(self.state, self._scales, strict=True)]
        joint = self.program.shared and not self.whole
        marks = self._marks if self.definition.rounded else None
        among = None if self.whole else (self.members, self._of_all)
        self.plans = Plans(self.program, slots, self.label, self._choices.casts, self._beside, joint, marks, among)

    def _slots(self, state: Mapping[str, Any]) -> list[Any]:
        """The state arrays of a parameter in the order of the slots, with None for those that it does not have."""
        return [state.get(slot) for slot in self.definition.slots]

    @property
    def has_derived(self) -> bool:
        """Whether some state follows from the parameters, and must when others write them."""
        return CORRECTION in self.definition.slots or bool(derived(self.definition, self._start))

    @property
    def keeps_average(self) -> bool:
        """Whether the state has averages of the parameters."""
        return keeps_average(self.definition)

    def begin_slots(self, chosen: Iterable[int], arrays: Sequence[Any]) -> None:
        """Before their first steps, have slots that start as the parameter equal it. chosen: of which parameters."""
        each = self.counts.each
        for k in self._unbegun.intersection(chosen):
            if slots := [slot for slot in self._derived(each[k]) if slot != COPY]:
                set_to(self.state[k], slots, arrays[k], self.paths[k])
            else:
                self._unbegun.discard(k)

    def refresh(self, arrays: Sequence[Any], keys: Sequence[str], but: Collection[str]) -> None:
        """Have copies, and averages without a mean, equal the parameters. but: the keys of those whose copies stay."""
        for k, (key, row) in enumerate(zip(keys, self.counts.each, strict=True)):
            slots = [slot for slot in self._derived(row) if not (slot == COPY and key in but)]
            set_to(self.state[k], slots, arrays[k], self.paths[k])

    def uncorrect(self, k: int) -> None:
        """Have a weight in two parts be what its parameter says, which others have written."""
        if CORRECTION in self.state[k]:
            set_to_zero(self.state[k][CORRECTION], self.paths[k])

    def begin_anew(self, k: int, array: Any) -> None:
        """Have the average that the rule keeps of a parameter, and slow weights, begin anew at its present value."""
        self.uncorrect(k)
        read = (*(self.rule.average.arrays if self.rule.average else ()), SLOW)
        slots = [slot for slot in derived(self.definition, self._start) if slot in read]
        set_to(self.state[k], slots, array, self.paths[k])

    def _derived(self, row: SharedNumbers) -> list[str]:
        return derived(self.definition, self._start, row.history.steps, row.history.means)

    def begin(self, parameters: list[Any], gradients: list[Any]) -> Begun | None:
        """Take the arrays of a step; None if no parameter has a gradient. Raises what a plan raises.

        parameters, gradients: those of all parameters of the optimizer.
        """
        plan = self.plans.whole
        if plan is not None and plan.dense.isdisjoint(self.rows_behind.by_parameter):
            executor = plan.retake(parameters, gradients, self.counts.row_of)
            if executor is not None:
                return executor, plan, plan.sets, gradients, []
        chosen = [k for k, place in enumerate(self.members) if gradients[place] is not None]
        if not chosen:
            return None
        counts = self.split(chosen)
        given, gradients = gradients, list(gradients)
        for k, place in enumerate(self.members):
            gradients[place] = self.gradient(k, parameters[place], given[place])
        zeroed: list[Any] = []
        if self.zeroes and self.rows_behind.needs_dense:
            # The step sets the dense copies of these to zero.
            zeroed = [gradient.values for gradient in self.of(given) if isinstance(gradient, RowSparse)]
        plan, executor = self.plans.take(chosen, parameters, gradients, counts.row_of)
        return executor, plan, chosen, gradients, zeroed

    def held(self, parameters: list[Any], gradients: list[Any]) -> list[Part]:
        """Take the arrays of many steps, in a plan of their own; nothing if no parameter has a gradient.

        parameters, gradients: those of all parameters of the optimizer. Raises what a plan raises, and TypeError for a
        gradient that is row-sparse.
        """
        chosen = [k for k, place in enumerate(self.members) if gradients[place] is not None]
        if not chosen:
            return []
        gradients = list(gradients)
        for k in chosen:
            place = self.members[k]
            gradients[place] = self.gradient(k, parameters[place], gradients[place])
            if isinstance(gradients[place], RowSparse):
                label = self.label(k, self.rule.arrays[1])
                raise TypeError(f"{label} is row-sparse; a captured step needs dense gradients: pass a CuPy array")
        plan = self.plans.new(chosen, self.split(chosen).row_of)
        return [(self, (plan.take(parameters, gradients), plan, chosen, gradients, []))]

    def ahead(self) -> "Section":
        """This section with the same counts, which may then go ahead of its own."""
        other = copy.copy(self)
        other.counts = self.counts.ahead()
        return other

    def numbers(self, begun: Begun | None, told: Told) -> list[dict[str, Any]]:
        """For each row of numbers those of a step. Raises what functions of the step raise."""
        step, loss, calls, scale = told
        numbers = [row.numbers(step) for row in self.counts.rows]
        if loss is not None and self.rule.takes_loss:
            for row in numbers:
                row[LOSS] = loss
        if self._divides:
            for row in numbers:
                row[CALLS] = calls or 1
        if scale is not None:
            for row in numbers:
                row["grad_scale"] *= scale
        return numbers

    def prepare(self, begun: Begun, parameters: list[Any]) -> None:
        """Have the slots that begin equal their parameters, and the rows that a step will touch catch up.

        parameters: those of all parameters of the optimizer. The arrays of all sections must have been taken.
        """
        _, plan, chosen, gradients, _ = begun
        if self.rows_behind.by_parameter:
            for k in self.rows_behind.by_parameter.keys() & chosen:
                if not isinstance(gradients[place := self.members[k]], RowSparse):
                    self.catch_up(k, parameters[place])
        if self._unbegun and not self._unbegun.isdisjoint(chosen):
            self.begin_slots(chosen, self.of(parameters))
        if plan.touched:
            self.rows_behind.bring(plan, chosen, self.state)

    def skipped(self, begun: Begun) -> list[Any]:
        """The arrays that a step that does not count sets to zero."""
        *_, gradients, zeroed = begun
        if not self.zeroes:
            return zeroed
        return zeroed + [assignable(g, "grads") for g in values_of(self.of(gradients)) if g is not None]

    def applied(
        self, begun: Begun, states: Sequence[Sequence[float]], numbers: list[dict[str, Any]], told: Told
    ) -> Applied:
        """What an applied step changes besides arrays. states: as Executor.decide gives them."""
        _, plan, chosen, _, zeroed = begun
        counts = self.counts
        notes: Sequence[Any] = ()
        if plan.touched:
            if self.zeroes:
                # The values of rows that came twice were read before they were added up.
                zeroed += [touched.given for touched in plan.touched]
            notes = self.rows_behind.notes(plan, chosen)
        return counts.after(plan.rows, chosen, states, numbers), zeroed, notes, [(self.members, counts, numbers)]

    def resting(self, told: Told) -> list[Any]:
        """The rows with their histories after a step in which no parameter has a gradient.

        Uniform states that are of the optimizer's steps go on.
        """
        resting = self.program.resting_function
        if not self.rule.states or not self.counts.states_together or resting is None:
            return []
        numbers = self.numbers(None, told)
        return self.counts.after((), (), list(map(resting, numbers)), numbers)

    def split(self, chosen: Sequence[int]) -> Counts:
        """The counts, with rows of their own for the chosen parameters."""
        self.counts = self.counts.split(chosen)
        return self.counts

    def gradient(self, k: int, parameter: Any, gradient: Any) -> Any:
        """A gradient in the form that a plan takes."""
        if gradient is None or not is_row_sparse(gradient):
            return self.as_array(k, gradient)
        label, name = self.label(k, self.rule.arrays[1]), self.rule.arrays[0]
        if self.definition.rounded or self.definition.coded:
            arrays = {name: parameter, **self.state[k]}
            stored = {own: state_view_of(array, own)[1].storage for own, array in arrays.items()}
            if why := self.definition.why_not_rows(stored):
                raise TypeError(f"{label} is row-sparse, but {why}")
        return self.rows_behind.gradient(gradient, parameter.shape, label, self.zeroes)

    def as_array(self, k: int, gradient: Any) -> Any:
        """A gradient that is not row-sparse. Raises TypeError for a scalar that the step would set to zero."""
        if self.zeroes and isinstance(gradient, np.generic):
            label = self.label(k, self.rule.arrays[1])
            raise TypeError(
                f"{label} is a scalar, which zero_grads cannot set to zero; pass an array, numpy.array(...)"
            )
        return as_array(gradient)

    def catch_up(self, k: int, parameter: Any, rows: Any = None) -> None:
        """Have rows of the k-th parameter catch up. rows: NumPy's int64, each once, or None for all."""
        sets = [(parameter, None, *self._slots(self.state[k]), *self._scales[k])]
        which, views = views_of(self.program, sets, lambda _, name: self.label(k, name), [0])
        set_ = RowSet(which, self.program, views[0], self.label(k, self.rule.arrays[1]))
        self.rows_behind.catch_up(k, set_, rows)


def _labels(label: Callable[..., str], arrays: Sequence[str], members: Sequence[int]) -> Callable[[int, str], str]:
    """A function that names an array in messages, from the number of the parameter in its section and its name."""
    return lambda k, name: label(arrays, members[k], name)
