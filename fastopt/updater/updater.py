"""The core of an Optimizer: parameters with their state, counts and plans, and the function that applies a step."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..kernels.arrays.row_sparse import RowSparse, distinct_rows, is_row_sparse, values_of
from ..kernels.language.hyperparameters import LOSS, checked_loss
from ..kernels.libraries.library import as_array, assignable, views_of
from ..kernels.riders import AVERAGE, COPY, SECOND, SLOW
from ..kernels.step.touched import RowSet
from ..kernels.system import lock
from ..trees.followers import register
from .behind import RowsBehind
from .choices import Choices
from .counts import Counts, History, SharedNumbers
from .journal import Journal
from .kept import copied, kept, remake
from .loss_scale import LossScaler
from .means import no_means
from .observers import Averaging, Replayed, Watching
from .plans import Plans
from .state import derived, keeps_average, new_gradients, set_to
from .taken import Taken, taken


class Updater:
    """Parameters, and all that a step changes.

    params: the caller's tree. parameters: the places of its arrays; storages: their stored types. state: for each
    parameter its state arrays by slot, those of what rides along too. counts: how many steps each parameter has had.
    lock: held while anything changes. watch: the observer of the steps, or None. captured: the captured step that is
    open, or None. averaged: what has put averages in the place of the parameters, or None.
    """

    def __init__(self, params: Any, choices: Choices) -> None:
        self.begin(choices)
        new = taken(params, choices)
        arrays = new.parameters.of(params, "params")
        self.take(
            params, new, arrays, [History(0, dict(self.rule.states), no_means(self.definition))] * len(arrays), None
        )

    def begin(self, choices: Choices) -> None:
        """Make all that needs no parameters."""
        self.lock, self.journal = lock(), Journal()
        self.choices, self.definition, self.rule = choices, choices.definition, choices.definition.rule
        self.hyper, self.groups = choices.hyper, choices.groups
        self.program = self.definition.program(self.hyper)
        self.rows_behind = RowsBehind(choices.sparse, self.definition, self.program)
        self._zeroes = bool(self.definition.on.get("zero_grads"))
        self.loss_scaler: LossScaler | None = None
        self.watch: Watching | None = None
        self.captured: Replayed | None = None
        self.averaged: Averaging | None = None

    # For copy.deepcopy and pickle.
    __getstate__, __setstate__, __deepcopy__ = kept, remake, copied

    def take(
        self,
        params: Any,
        new: Taken,
        arrays: list[Any],
        histories: Sequence[History],
        gradients: Sequence[Any] | None,
    ) -> None:
        """Take over parameters; may be interrupted and called again, whatever the tree has become by then.

        arrays: those of the tree. gradients: the arrays of `grads`, or None for all or for those that nobody has asked
        for.
        """
        self._params, self.taken = params, new
        self.parameters, self.storages, self.state = new.parameters, new.storages, new.state
        self._every, self._lr_scales = range(len(new.state)), new.scales
        for hyper in (self.hyper, *self.groups.values()):
            hyper.hold(self.hyper, new.above.get(hyper, ()))
        self.latest = arrays
        self.gradients = gradients
        self._asked = gradients is not None and all(array is not None for array in gradients)
        self.rows_behind.by_parameter.clear()
        self.set_counts(histories, self.journal.applied, self.journal.skipped)
        if self.has_derived or keeps_average(self.definition):
            register(self)

    @property
    def params(self) -> Any:
        """The caller's tree."""
        if self.journal.pending is not None:
            self.finish()
        return self._params

    @params.setter
    def params(self, params: Any) -> None:
        self.finish()
        self._params = params

    def finish(self) -> None:
        """Finish what an interrupt left open, before parameters and state are looked at."""
        if self.journal.pending is not None:
            # It may be another thread's step that is on its way.
            with self.lock:
                self.journal.settle()

    def serve(self, loss_scaler: LossScaler | None) -> None:
        """Use another loss scaler, which then serves no other optimizer."""
        self.loss_scaler = loss_scaler
        if loss_scaler is not None:
            loss_scaler.serve(self.journal)

    @property
    def arrays(self) -> list[Any]:
        """The parameters that are in the tree now; the caller may have replaced some."""
        return self.parameters.of(self._params, "params")

    @property
    def t(self) -> int:
        """How many steps were applied."""
        self.settle()
        return self.journal.applied

    @property
    def skipped(self) -> int:
        """How many steps were skipped since a gradient was not finite."""
        self.settle()
        return self.journal.skipped

    @property
    def uniform_states(self) -> list[dict[str, float]]:
        """The numbers that the rule carries from step to step, for each parameter."""
        self.settle()
        return [row.states for row in self.counts.each]

    @property
    def grads(self) -> Any:
        """Gradient arrays in the tree of the parameters, made when they are first asked for."""
        self.finish()
        if not self._asked:
            self.gradients = new_gradients(self.parameters, self.storages, self.arrays, self.gradients or ())
            self._asked = True
        return self.parameters.in_tree(self.gradients or ())

    def asked_grads(self) -> Any:
        """The tree of `grads`. Raises TypeError if the caller cannot have written into all of its arrays."""
        if not self._asked:
            new = "" if self.gradients is None else " since opt.sync() took new parameters"
            raise TypeError(
                f"without grads a step takes the arrays of opt.grads, but opt.grads was never read{new}, so that "
                "nothing was written there; pass the gradients, as in opt.step(grads), or write them into opt.grads "
                "first"
            )
        return self.grads

    def tree_of(self, slot: str) -> Any:
        """The arrays of a slot in the tree of the parameters."""
        self.finish()
        return self.parameters.in_tree([slots[slot] for slots in self.state])

    def set_counts(self, histories: Sequence[History], applied: int, skipped: int) -> None:
        """Set each parameter's history, and how many steps were applied and skipped."""
        looks = self.definition.looks
        self.counts = Counts(self.taken.layers, histories, self.program.apart, self.choices.together, looks)
        self.journal.applied, self.journal.skipped = applied, skipped
        # The parameters whose next step may be their first.
        self._unbegun = set(self._every) if self.has_derived else set()
        self._new_plans()

    def _new_plans(self) -> None:
        slots = [[*state.values(), *scales] for state, scales in zip(self.state, self._lr_scales, strict=True)]
        # No method of this object: a plan must not lead back to the object that has it.
        label = partial(self.parameters.label, self.rule.arrays)
        self.plans = Plans(self.program, slots, label, self.choices.casts)

    @property
    def has_derived(self) -> bool:
        """Whether some state equals the parameters, and must when others write them."""
        return bool(derived(self.definition, self.choices.start))

    def begin_slots(self, chosen: Iterable[int], arrays: Sequence[Any]) -> None:
        """Before their first steps, have slots that start as the parameter equal it. chosen: of which parameters."""
        each = self.counts.each
        for k in self._unbegun.intersection(chosen):
            if slots := [slot for slot in self._derived(each[k]) if slot != COPY]:
                set_to(self.state[k], slots, arrays[k], f"params{self.parameters.paths[k]}")
            else:
                self._unbegun.discard(k)

    def _derived(self, row: SharedNumbers) -> list[str]:
        return derived(self.definition, self.choices.start, row.count, row.means)

    def refresh(self) -> None:
        """Have copies, and averages without a mean, equal the parameters, which others may have written."""
        if self.has_derived:
            with self.lock:
                self.settle()
                self.taken.check(arrays := self.arrays, self._every)
                self.refresh_all(arrays)

    def refresh_all(self, arrays: Sequence[Any], but: Collection[str] = ()) -> None:
        """`refresh` while the lock is held. arrays: the parameters. but: by their keys those whose copies stay."""
        places = zip(self.parameters.keys, self.parameters.paths, self.counts.each, self.state, arrays, strict=True)
        for key, path, row, state, array in places:
            set_to(
                state,
                [slot for slot in self._derived(row) if not (slot == COPY and key in but)],
                array,
                f"params{path}",
            )

    def follow(self, arrays: Collection[Any]) -> None:
        """Follow the values of arrays that were put back, if they are parameters."""
        ids = set(map(id, arrays))
        try:
            own = self.arrays
        except ValueError:  # Its container has changed, as its next step will say.
            return
        theirs = [k for k, array in enumerate(own) if id(array) in ids]
        if not theirs:
            return
        with self.lock:
            self.settle()
            for k in theirs:
                # The average that the rule keeps, and slow weights, begin anew at these weights.
                set_to(self.state[k], self._averaging, own[k], f"params{self.parameters.paths[k]}")
            self.refresh()
            if self.averaged is not None:
                self.averaged.keep(theirs)

    @property
    def _averaging(self) -> list[str]:
        """The slots that start as the parameter of the rule's own average, and slow weights."""
        read = (*(self.rule.average.arrays if self.rule.average else ()), SLOW)
        return [slot for slot in derived(self.definition, self.choices.start) if slot in read]

    def settle(self) -> None:
        """Bring the counts up to date after an interrupted step or after replays of a captured step."""
        self.finish()
        if self.captured is not None:
            self.captured.settle()

    def refuse_averaged(self, remedy: str) -> None:
        """Raise RuntimeError while averages are in the place of the parameters."""
        if self.averaged is not None:
            raise RuntimeError(
                f"the averages are in the place of the parameters, within averaged(); {remedy}; if that was "
                "interrupted, opt.averaged().close() brings the parameters back"
            )

    def refuse_captured(self) -> None:
        """Raise RuntimeError while a captured step is open."""
        if self.captured is not None:
            raise RuntimeError(
                "a captured step is open, which counts steps for itself; call the captured step, or close() it first"
            )

    def step(self, params: Any, grads: Any, loss: Any = None) -> None:
        """Apply a step. params, grads: trees in the structure of the parameters. loss: as in Optimizer.step."""
        with self.lock:
            if self.journal.pending is not None:
                self.finish()  # It may be of other parameters.
            of = self.parameters.of
            parameters, gradients = of(params, "params"), of(grads, "grads")
            watch = self.watch
            try:
                if watch is not None and watch.due():
                    watch.around(parameters, [*map(self._as_array, self._every, gradients)], loss)
                else:
                    self.update(parameters, gradients, loss)
            except TypeError:
                # A container in the place of an array has a better message.
                self.parameters.matching(params, "params")
                raise

    def update(self, parameters: list[Any], gradients: list[Any], loss: Any = None) -> None:
        """Apply a step without the watch. parameters, gradients: in the order of the tree, None for no gradient."""
        if loss is not None or self.rule.takes_loss:
            loss = checked_loss(self.rule.name, loss, self.rule.takes_loss, self.definition.guarded)
        journal = self.journal
        if journal.pending is not None:
            journal.settle()
        if self.captured is not None:
            self.refuse_captured()
        if self.averaged is not None:
            self.refuse_averaged("leave its with block, and then step")
        counts, scaler, plan = self.counts, self.loss_scaler, self.plans.whole
        chosen: Sequence[int]
        zeroed: list[Any] = []
        executor = None
        if plan is not None and plan.dense.isdisjoint(self.rows_behind.by_parameter):
            executor = plan.retake(parameters, gradients, counts.row_of)
        if plan is None or executor is None:
            chosen = [k for k, gradient in enumerate(gradients) if gradient is not None]
            if not chosen:
                return
            counts = self.split(chosen)
            given = gradients
            gradients = [self.gradient(k, p, g) for k, p, g in zip(self._every, parameters, given, strict=True)]
            if self._zeroes and self.rows_behind.needs_dense:
                # The step sets the dense copies of these to zero.
                zeroed = [gradient.values for gradient in given if isinstance(gradient, RowSparse)]
            try:
                plan, executor = self.plans.take(chosen, parameters, gradients, counts.row_of)
            except (TypeError, ValueError):
                # A parameter that its state does not fit has a remedy of its own.
                self.taken.check(parameters, chosen)
                raise
            self.latest = parameters
            for k in self.rows_behind.by_parameter.keys() & chosen:
                if not isinstance(gradients[k], RowSparse):
                    self.catch_up(k, parameters[k])
        else:
            chosen = plan.sets
        step = journal.applied + 1
        numbers = [row.numbers(step) for row in counts.rows]
        if loss is not None:
            for row in numbers:
                row[LOSS] = loss
        if scaler is not None:
            scaler.check_serves(journal)
            for row in numbers:
                row["grad_scale"] *= scaler.inverse()
        if self._unbegun and not self._unbegun.isdisjoint(chosen):
            self.begin_slots(chosen, parameters)
        if plan.touched:
            self.rows_behind.bring(plan, chosen, self.state)
        new = executor.decide(numbers)
        if new is None:
            if self._zeroes:
                zeroed += [assignable(g, "grads") for g in values_of(gradients) if g is not None]
            journal.begin(0, (), scaler, zeroed)
        else:
            counted = counts.after(plan.rows, chosen, new, numbers)
            notes: Sequence[Any] = ()
            if plan.touched:
                if self._zeroes:
                    # The values of rows that came twice were read before they were added up.
                    zeroed += [touched.given for touched in plan.touched]
                notes = self.rows_behind.notes(plan, chosen)
            executor.write(journal.begin(executor.writes, counted, scaler, zeroed, notes))
        journal.settle()

    def split(self, chosen: Sequence[int]) -> Counts:
        """The counts, with rows of their own for the chosen parameters."""
        self.counts = self.counts.split(chosen)
        return self.counts

    def gradient(self, k: int, parameter: Any, gradient: Any) -> Any:
        """A gradient in the form that a plan takes."""
        if gradient is None or not is_row_sparse(gradient):
            return self._as_array(k, gradient)
        return self.rows_behind.gradient(gradient, parameter.shape, self.label(k, self.rule.arrays[1]), self._zeroes)

    def _as_array(self, k: int, gradient: Any) -> Any:
        if self._zeroes and isinstance(gradient, np.generic):
            label = self.label(k, self.rule.arrays[1])
            raise TypeError(
                f"{label} is a scalar, which zero_grads cannot set to zero; pass an array, numpy.array(...)"
            )
        return as_array(gradient)

    def flush(self, rows: Any = None) -> None:
        """Have the rows that row-sparse gradients have not touched lately catch up with the steps that they missed.

        rows: arrays of row numbers in the tree of the parameters, or None in the place of an array; None for all rows.
        Raises TypeError, ValueError or IndexError for invalid row numbers; nothing has then been changed.
        """
        with self.lock:
            self.settle()
            behind, arrays = self.rows_behind.by_parameter, self.arrays
            if rows is None:
                chosen = dict.fromkeys(behind)
            else:
                named = zip(self.parameters.of(rows, "rows"), arrays, self.parameters.paths, strict=True)
                checked = [
                    x if x is None else distinct_rows(x, (*p.shape, 0)[0], f"rows{path}") for x, p, path in named
                ]
                chosen = {k: checked[k] for k in behind if checked[k] is not None}
            self.taken.check(arrays, chosen)
            for k, row_numbers in chosen.items():
                self.catch_up(k, arrays[k], row_numbers)

    def catch_up(self, k: int, parameter: Any, rows: Any = None) -> None:
        """Have rows of the k-th parameter catch up. rows: NumPy's int64, each once, or None for all."""
        sets = [(parameter, None, *self.state[k].values(), *self._lr_scales[k])]
        which, views = views_of(self.program, sets, lambda _, name: self.label(k, name), [0])
        set_ = RowSet(which, self.program, views[0], self.label(k, self.rule.arrays[1]))
        self.rows_behind.catch_up(k, set_, rows)

    def label(self, position: int, name: str) -> str:
        """How messages name an array of a parameter."""
        return self.parameters.label(self.rule.arrays, position, name)

    def named(self) -> Iterator[tuple[str, Any]]:
        """Every array and uniform state with its name."""
        trees, states = {AVERAGE: "ema", SECOND: "ema2", COPY: "cast"}, self.uniform_states
        for k, (path, array) in enumerate(zip(self.parameters.paths, self.arrays, strict=True)):
            yield self.label(k, self.rule.arrays[0]), array
            for slot, value in (self.state[k] | states[k]).items():
                yield trees[slot] + path if slot in trees else self.label(k, slot), value
