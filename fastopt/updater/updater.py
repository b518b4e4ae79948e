"""The core of an Optimizer: parameters with their state, counts and plans, and the function that applies a step."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..kernels.arrays.row_sparse import RowSparse, distinct_rows, is_row_sparse, row_sparse, values_of
from ..kernels.libraries.library import array_like, assignable, views_of
from ..kernels.riders import AVERAGE, COPY, WithRiders
from ..kernels.step.touched import RowSet
from ..kernels.system import lock
from ..monitors.find import monitors_in
from ..trees.parameters import Parameters
from .behind import RowsBehind
from .counts import Counts
from .hyper import Hyper
from .journal import Journal
from .loss_scale import LossScaler
from .lr_scale import lr_scales
from .plans import Plans


class Watching(Protocol):
    """An observer of some of the steps, which writes its measurements into the file `path`."""

    path: Path

    def due(self) -> bool:
        """Whether the step that begins is to be looked at."""

    def around(self, parameters: list[Any], gradients: list[Any]) -> None:
        """Make the step by `Updater.update`, and look at it."""


class Replayed(Protocol):
    """A captured step, whose replays the host does not see."""

    def settle(self) -> None:
        """Set the counts to the steps that the GPU has applied."""


class Updater:
    """Parameters, and all that a step changes.

    parameters: the arrays by their places in the caller's tree; storages: their stored types. definition: the rule with
    what rides along. hyper, groups: the hyperparameters of all parameters, and by pattern those of some; belongs: for
    each parameter its groups. sparse: what a row-sparse gradient does to the rows that it does not touch. lr_scale: by
    pattern the arrays that multiply lr.

    params: the caller's tree. state: for each parameter its state arrays by slot, those of what rides along too.
    counts: how many steps each parameter has had. lock: held while anything changes. watch: the observer of the steps,
    or None. captured: the captured step that is open, or None.
    """

    def __init__(
        self,
        parameters: Parameters,
        storages: Sequence[str],
        definition: WithRiders,
        hyper: Hyper,
        groups: Mapping[str, Hyper],
        belongs: Sequence[tuple[Hyper, ...]],
        sparse: str,
        lr_scale: Mapping[str, Any] | None,
        loss_scaler: LossScaler | None,
    ) -> None:
        self.lock, self.journal = lock(), Journal()
        self.parameters, self.params, self.storages = parameters, parameters.tree, storages
        self.definition, self.rule = definition, definition.rule
        self.hyper, self.groups, self._belongs = hyper, groups, belongs
        self.loss_scaler = loss_scaler
        self.watch: Watching | None = None
        self.captured: Replayed | None = None
        arrays, paths = self.arrays, [f"params{path}" for path in parameters.paths]
        self.state = [
            {slot: self._start(slot, array, path) for slot in definition.slots}
            for path, array in zip(paths, arrays, strict=True)
        ]
        self.program = definition.program(hyper)
        self.rows_behind = RowsBehind(sparse, definition, self.program)
        self._lr_scales = lr_scales(lr_scale, parameters.names, arrays, paths)
        self._every = range(len(self.state))
        self._zeroes = bool(definition.on.get("zero_grads"))
        self._grads: Any = None
        self.set_counts([0] * len(belongs), [dict(self.rule.states)] * len(belongs), 0)

    def _start(self, slot: str, array: Any, path: str) -> Any:
        # As in a step, a value that is too large for its type becomes infinite without a warning.
        with np.errstate(all="ignore"):
            if slot == COPY:
                copy = array_like(array, 0.0, self.definition.on["cast_to"], path)
                copy[...] = array
                return copy
            start = self.definition.start[slot]
            return array_like(array, self.hyper[start] if isinstance(start, str) else start, None, path)

    @property
    def arrays(self) -> list[Any]:
        """The parameters that are in the tree now; the caller may have replaced some."""
        return self.parameters.of(self.params, "params")

    @property
    def t(self) -> int:
        """How many steps were applied: the most that any parameter has had."""
        self.settle()
        return max(row.count for row in self.counts.rows)

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
    def monitors(self) -> list[Any]:
        """The functions of the step that have a state of their own."""
        return monitors_in([value for hyper in (self.hyper, *self.groups.values()) for value in hyper.values()])

    @property
    def grads(self) -> Any:
        """Gradient arrays in the tree of the parameters, made when they are first asked for."""
        if self._grads is None:
            named = zip(self.arrays, self.storages, self.parameters.paths, strict=True)
            self._grads = self.parameters.in_tree(
                [array_like(array, 0.0, storage, f"params{path}") for array, storage, path in named]
            )
        return self._grads

    def tree_of(self, slot: str) -> Any:
        """The arrays of a slot in the tree of the parameters."""
        return self.parameters.in_tree([slots[slot] for slots in self.state])

    def set_counts(self, steps: Sequence[int], states: Sequence[dict[str, float]], skipped: int) -> None:
        """Set each parameter's count of steps and its uniform states."""
        layers = [(self.hyper, *group) for group in self._belongs]
        self.counts = Counts(layers, steps, states, self.program.apart)
        self.journal.skipped = skipped
        self._new_plans()

    def _new_plans(self) -> None:
        slots = [[*state.values(), *scales] for state, scales in zip(self.state, self._lr_scales, strict=True)]
        self.plans = Plans(self.program, slots, self.label)

    def settle(self) -> None:
        """Bring the counts up to date after an interrupted step or after replays of a captured step."""
        self.journal.settle()
        if self.captured is not None:
            self.captured.settle()

    def refuse_captured(self) -> None:
        """Raise RuntimeError while a captured step is open."""
        if self.captured is not None:
            raise RuntimeError("a captured step is open, which counts for itself; close() it first, or call it")

    def step(self, params: Any, grads: Any) -> None:
        """Apply a step; params, grads: trees in the structure of the parameters."""
        with self.lock:
            of = self.parameters.of
            parameters, gradients = of(params, "params"), of(grads, "grads")
            watch = self.watch
            if watch is not None and watch.due():
                watch.around(parameters, gradients)
            else:
                self.update(parameters, gradients)

    def update(self, parameters: list[Any], gradients: list[Any]) -> None:
        """Apply a step without the watch. parameters, gradients: in the order of the tree, None for no gradient."""
        journal = self.journal
        if journal.pending is not None:
            journal.settle()
        if self.captured is not None:
            self.refuse_captured()
        counts, scaler, plan = self.counts, self.loss_scaler, self.plans.whole
        chosen: Sequence[int]
        executor = None
        if plan is not None and plan.dense.isdisjoint(self.rows_behind.by_parameter):
            executor = plan.retake(parameters, gradients, counts.row_of)
        if plan is None or executor is None:
            chosen = [k for k, gradient in enumerate(gradients) if gradient is not None]
            if not chosen:
                return
            counts = self.split(chosen)
            gradients = [self.gradient(k, p, g) for k, p, g in zip(self._every, parameters, gradients, strict=True)]
            plan, executor = self.plans.take(chosen, parameters, gradients, counts.row_of)
            for k in self.rows_behind.by_parameter.keys() & chosen:
                if not isinstance(gradients[k], RowSparse):
                    self._catch_up(k, parameters[k])
        else:
            chosen = plan.sets
        numbers = [row.numbers() for row in counts.rows]
        if scaler is not None:
            for row in numbers:
                row["grad_scale"] *= scaler.inverse()
        if plan.touched:
            self.rows_behind.bring(plan, chosen, self.state)
        new = executor.decide(numbers)
        zeroed: Sequence[Any] = ()
        if new is None:
            if self._zeroes:
                zeroed = [assignable(g, "grads") for g in values_of(gradients) if g is not None]
            journal.begin(0, (), scaler, zeroed)
        else:
            counted = counts.after(plan.rows, chosen, new)
            notes: Sequence[Any] = ()
            if plan.touched:
                if self._zeroes:
                    # The values of rows that came twice were read before they were added up.
                    zeroed = [touched.given for touched in plan.touched]
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
            return gradient
        rows = row_sparse(gradient, parameter.shape, self.label(k, self.rule.arrays[1]))
        return rows.dense(parameter.shape) if self.rows_behind.needs_dense else rows

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
            for k, row_numbers in chosen.items():
                self._catch_up(k, arrays[k], row_numbers)

    def _catch_up(self, k: int, parameter: Any, rows: Any = None) -> None:
        """Have rows of the k-th parameter catch up. rows: NumPy's int64, each once, or None for all."""
        sets = [(parameter, None, *self.state[k].values(), *self._lr_scales[k])]
        which, views = views_of(self.program, sets, lambda _, name: self.label(k, name), [0])
        set_ = RowSet(which, self.program, views[0], self.label(k, self.rule.arrays[1]))
        self.rows_behind.catch_up(k, set_, rows)

    def label(self, position: int, name: str) -> str:
        """How messages name an array of a parameter."""
        parameter, gradient, *_ = self.rule.arrays
        kind = {parameter: "params", gradient: "grads"}.get(name, f"state {name!r} of params")
        return kind + self.parameters.paths[position]

    def named(self) -> Iterator[tuple[str, Any]]:
        """Every array and uniform state with its name."""
        trees, states = {AVERAGE: "ema", COPY: "cast"}, self.uniform_states
        for k, (path, array) in enumerate(zip(self.parameters.paths, self.arrays, strict=True)):
            yield self.label(k, self.rule.arrays[0]), array
            for slot, value in (self.state[k] | states[k]).items():
                yield trees[slot] + path if slot in trees else self.label(k, slot), value
