"""The Optimizer: one call updates all arrays of a model by one rule, with everything that rides along."""

import os
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checkpoint.file import Checkpoint, opened, write
from ..checkpoint.restore import LoadReport, load
from ..checkpoint.state import described, host_arrays
from ..kernels import RULES, Rule
from ..kernels.arrays.row_sparse import RowSparse, distinct_rows, is_row_sparse, row_sparse, values_of
from ..kernels.language.hyperparameters import suggestion
from ..kernels.libraries.library import array_like, assignable, check_parameters, views_of
from ..kernels.locks import lock
from ..kernels.memory import memory_for
from ..kernels.riders import AVERAGE, COPY, NUMBERS, fused
from ..kernels.step.touched import RowSet
from ..monitors.find import monitors_in
from ..trees.parameters import Parameters
from ..updater.behind import Sparse
from ..updater.counts import Counts
from ..updater.hyper import Hyper, grouped
from ..updater.journal import Journal
from ..updater.loss_scale import LossScaler
from ..updater.options import in_use
from ..updater.plans import Plans
from ..updater.sparsity_factor import rates
from .finite import check_finite

if TYPE_CHECKING:
    from ..watch.watch import Watch
    from .captured import Captured


class Optimizer:
    """Updates the arrays of a model in place by one rule, all in one pass.

    params: an array, or any nesting of lists, tuples, dicts, named tuples and dataclasses of arrays, of one library and
    device. rule: a Rule or its name. hyper: the rule's hyperparameters and the numbers below, each a number or a
    function of the step, which counts applied steps from 1.

    groups: {pattern: {hyperparameter: value}}; a pattern is a dotted name (layers.0.W), a subtree (layers.0), or has *
    and ?. Where several match, the later ones win.
    grad_scale: multiplies the gradients (1/128 undoes a loss scale of 128). clip_value, clip_norm, clip_array_norm:
    limits of each element, of the norm of all gradients, of the norm of each array, in this order, after the scale.
    weight_decay, with decay="l2" (added to the gradient, the default), "decoupled" (before the step), "decoupled_with"
    (at once with it) or "decoupled_after". maximize: climb. ema: the decay of an average of the weights, bias
    corrected, in `ema` as a tree; ema_uncorrected: it starts from 0 instead. cast_to: "float16" or "bfloat16", a copy
    of the weights in `cast` as a tree.
    zero_grads: set the gradients to zero. skip_nonfinite: where a gradient is not finite, change nothing, and count it
    in `skipped`. loss_scaler: a LossScaler, whose scale is undone, and which brings skip_nonfinite with it. shared: an
    array may stand in several places of params, to be updated once. sparse: what a RowSparse gradient does to the rows
    that it does not touch: "exact", what zeros would do, as soon as they are touched or `flush` is called; or "lazy",
    nothing. lr_scale: {pattern: array}, patterns as in groups; the array, which broadcasts to the parameter, multiplies
    its lr, element by element or a row at a time; or a SparsityFactor, with a number for each row. It is read in each
    step and never copied.

    Raises TypeError or ValueError, naming the array or the hyperparameter, before anything is changed.
    """

    def __init__(
        self,
        params: Any,
        rule: Rule | str,
        /,
        *,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = "exact",
        lr_scale: Mapping[str, Any] | None = None,
        **hyper: Any,
    ) -> None:
        if isinstance(rule, str):
            if rule not in RULES:
                raise ValueError(f"there is no rule {rule!r}; {suggestion(rule, RULES)}")
            rule = RULES[rule]
        if not isinstance(rule, Rule):
            raise TypeError(f"rule must be a rule made with @rule, or the name of one; got {rule!r}")
        self.rule, self.params = rule, params
        self._lock, self._journal = lock(), Journal()
        self._watch: Watch | None = None
        self._captured: Captured | None = None
        self._parameters = Parameters(params, shared)
        paths = [f"params{path}" for path in self._parameters.paths]
        self._storages = check_parameters(self._arrays, paths)
        # None switches an option off, as its default does.
        hyper = {name: value for name, value in hyper.items() if value is not None or name not in NUMBERS}
        self.loss_scaler = loss_scaler
        if loss_scaler is not None:
            if not isinstance(loss_scaler, LossScaler):
                raise TypeError(f"loss_scaler must be a fastopt.LossScaler; got {loss_scaler!r}")
            skip_nonfinite = True
            hyper.setdefault("grad_scale", 1.0)
        for name in rule.starts_from:
            if callable(hyper.get(name)):
                raise TypeError(f"{rule.name}: {name} acts once, before the first step; pass a number")
        used = {*hyper, *(name for given in (groups or {}).values() for name in given)}
        switches = {
            "maximize": maximize,
            "zero_grads": zero_grads,
            "skip_nonfinite": skip_nonfinite,
            "ema_uncorrected": ema_uncorrected,
            "lr_scale": bool(lr_scale),
        }
        on = in_use(rule, self._storages, used, switches, decay, cast_to)
        self._step = fused(rule, *on.items())
        self.hyper = Hyper(self._step, {**self._step.hyper, **hyper})
        self.groups, belongs = grouped(self._step, self._parameters.names, groups or {})
        self._state = [
            {slot: self._start(slot, array, path) for slot in self._step.slots}
            for path, array in zip(paths, self._arrays, strict=True)
        ]
        self._program = self._step.program(self.hyper)
        self._sparse = Sparse(sparse, self._step, self._program)
        self._belongs, self._every = belongs, range(len(self._state))
        self._rates = rates(lr_scale, self._parameters.names, self._arrays, paths)
        self._set_counts([0] * len(belongs), [dict(rule.states)] * len(belongs), 0)
        self._grads: Any = None

    @property
    def _arrays(self) -> list[Any]:
        """The parameters as they stand in the tree now, where others may have been put."""
        return self._parameters.of(self.params, "params")

    def _start(self, slot: str, array: Any, path: str) -> Any:
        # As in a step, what is too large for its type becomes infinite without a warning.
        with np.errstate(all="ignore"):
            if slot == COPY:
                copy = array_like(array, 0.0, self._step.on["cast_to"], path)
                copy[...] = array
                return copy
            start = self._step.start[slot]
            return array_like(array, self.hyper[start] if isinstance(start, str) else start, None, path)

    def _set_counts(self, steps: Sequence[int], states: Sequence[dict[str, float]], skipped: int) -> None:
        """Set each parameter's count of steps and its uniform states."""
        layers = [(self.hyper, *group) for group in self._belongs]
        self._counts = Counts(layers, steps, states, self._program.apart)
        self._journal.skipped = skipped
        self._new_plans()

    def _settle(self) -> None:
        """Have the counts say what was done, by a step that was interrupted or by replays of a captured one."""
        self._journal.settle()
        if self._captured is not None:
            self._captured.settle()

    def _refuse_captured(self) -> None:
        if self._captured is not None:
            raise RuntimeError("a captured step is open, which counts for itself; close() it first, or call it")

    def _new_plans(self) -> None:
        slots = [[*state.values(), *rates] for state, rates in zip(self._state, self._rates, strict=True)]
        self._plans = Plans(self._program, slots, self._counts.row_of, self._label)

    @property
    def t(self) -> int:
        """How many steps were applied: the most that any parameter has had."""
        self._settle()
        return max(row.count for row in self._counts.rows)

    @property
    def skipped(self) -> int:
        """How many steps were skipped since a gradient was not finite."""
        self._settle()
        return self._journal.skipped

    @property
    def state(self) -> list[Mapping[str, Any]]:
        """For each parameter, in the order of the tree, its state arrays by slot."""
        return [MappingProxyType({slot: slots[slot] for slot in self.rule.slots}) for slots in self._state]

    @property
    def uniform_states(self) -> list[dict[str, float]]:
        """The numbers that the rule carries from step to step, for each parameter."""
        self._settle()
        return [row.states for row in self._counts.each]

    @property
    def monitors(self) -> list[Any]:
        """What has a state of its own among the functions of the step, such as fastopt.ReduceOnPlateau.

        They are found in the hyperparameters, those of groups included, in products, functions and partial ones, and
        are saved with the optimizer.
        """
        return monitors_in(value for hyper in (self.hyper, *self.groups.values()) for value in hyper.values())

    @property
    def ema(self) -> Any:
        """The averages of the weights, in the tree of the parameters. Raises AttributeError without the option."""
        return self._tree_of(AVERAGE, "ema")

    @property
    def cast(self) -> Any:
        """The copies of the weights in the type `cast_to`, in the tree of the parameters."""
        return self._tree_of(COPY, "cast_to")

    def _tree_of(self, slot: str, option: str) -> Any:
        if slot not in self._step.slots:
            raise AttributeError(f"this optimizer was made without {option}")
        return self._parameters.in_tree([slots[slot] for slots in self._state])

    @property
    def grads(self) -> Any:
        """Gradient arrays in the tree of the parameters, to write into; `step()` then takes them."""
        if self._grads is None:
            named = zip(self._arrays, self._storages, self._parameters.paths, strict=True)
            self._grads = self._parameters.in_tree(
                [array_like(array, 0.0, storage, f"params{path}") for array, storage, path in named]
            )
        return self._grads

    def step(self, grads: Any = None) -> None:
        """Update every parameter by its gradient.

        grads: arrays in the structure of params, of the same shapes and types; they are only read, unless zero_grads
        is on. None in the place of an array leaves that parameter and its count of steps alone. Without grads the
        arrays of `grads` are taken.
        Raises TypeError or ValueError naming the array; nothing has then been changed.
        """
        self.update(self.params, self.grads if grads is None else grads)

    def update(self, params: Any, grads: Any) -> None:
        """`step` for code that passes the parameters each time, in the structure, shapes and types of `params`."""
        with self._lock:
            of = self._parameters.of
            parameters, gradients = of(params, "params"), of(grads, "grads")
            if self._watch is not None and self._watch.due():
                self._watch.around(parameters, gradients)
            else:
                self._update(parameters, gradients)

    def _update(self, parameters: list[Any], gradients: list[Any]) -> None:
        # Each is asked for once, since beside a __getattr__ it costs twice as much; counts once they are settled.
        journal = self._journal
        journal.settle()
        if self._captured is not None:
            self._refuse_captured()
        counts, scaler, plan = self._counts, self.loss_scaler, self._plans.whole
        chosen: Sequence[int] = self._every
        if plan is None or self._sparse.behind or not plan.holds(parameters, gradients):
            chosen = [k for k, gradient in enumerate(gradients) if gradient is not None]
            if not chosen:
                return
            if counts.split(chosen):
                self._new_plans()
            parameters = [parameters[k] for k in chosen]
            gradients = [self._gradient(k, p, gradients[k]) for k, p in zip(chosen, parameters, strict=True)]
            plan = self._plans.bound(chosen, parameters, gradients)
            plan.touch(gradients)
            for k, parameter, gradient in zip(chosen, parameters, gradients, strict=True):
                if k in self._sparse.behind and not isinstance(gradient, RowSparse):
                    self._flush(k, parameter)
        numbers = [row.numbers() for row in counts.rows]
        if scaler is not None:
            for row in numbers:
                row["grad_scale"] *= scaler.inverse()
        if plan.touched:
            self._sparse.bring(plan, chosen, self._state)
        new = plan.decide(numbers)
        zeroed: Sequence[Any] = ()
        if new is None:
            if self._step.on.get("zero_grads"):
                zeroed = [assignable(g, "grads") for g in values_of(gradients)]
            journal.begin(0, (), scaler, zeroed)
        else:
            counted = counts.after(plan.rows, chosen, new)
            notes: Sequence[Any] = ()
            if plan.touched:
                if self._step.on.get("zero_grads"):
                    # The values of rows that came twice were read before they were added up.
                    zeroed = [one.given for one in plan.touched]
                notes = self._sparse.notes(plan, chosen)
            plan.write(journal.begin(plan.writes, counted, scaler, zeroed, notes))
        journal.settle()

    def captured(self, grads: Any = None, *, steps: int = 1000) -> "Captured":
        """A step on CuPy arrays that a CUDA graph can hold and replay; fastopt.captured.Captured shows how.

        grads: as in `step`; the same arrays have the gradients of every replay. steps: how many are worked out
        beforehand, before `refill` has to be called.
        Raises TypeError or ValueError for arrays and options that it cannot be made for; nothing has then been changed.
        """
        from .captured import Captured

        with self._lock:
            self._refuse_captured()
            self.flush()
            grads = self.grads if grads is None else grads
            given = self._parameters.of(self.params, "params"), self._parameters.of(grads, "grads")
            self._captured = Captured(self, *given, steps)
            return self._captured

    def flush(self, rows: Any = None) -> None:
        """Have the rows that row-sparse gradients have not touched lately catch up with the steps that they missed.

        After it every array is what dense gradients would have made of it. Call it before the parameters are used as a
        whole; `save`, `state_dict` and a dense gradient do. With rows, arrays of row numbers in the structure of params
        or None in their place, only those catch up: call it so before a gradient is taken from some rows.
        Raises TypeError, ValueError or IndexError for rows that are none; nothing has then been changed.
        """
        with self._lock:
            self._settle()
            behind, arrays = self._sparse.behind, self._arrays
            if rows is None:
                chosen = dict.fromkeys(behind)
            else:
                named = zip(self._parameters.of(rows, "rows"), arrays, self._parameters.paths, strict=True)
                checked = [
                    x if x is None else distinct_rows(x, (*p.shape, 0)[0], f"rows{path}") for x, p, path in named
                ]
                chosen = {k: checked[k] for k in behind if checked[k] is not None}
            for k, some in chosen.items():
                self._flush(k, arrays[k], some)

    def _flush(self, k: int, parameter: Any, rows: Any = None) -> None:
        """Have rows of a parameter catch up: NumPy's int64, each once, or None for all."""
        sets = [(parameter, None, *self._state[k].values(), *self._rates[k])]
        which, views = views_of(self._program, sets, lambda _, name: self._label(k, name), [0])
        self._sparse.catch_up(k, RowSet(which, self._program, views[0], self._label(k, self.rule.arrays[1])), rows)

    def state_dict(self) -> dict[str, Any]:
        """All that the optimizer will need to go on, parameters included, as it is now.

        Numbers, strings, lists and dictionaries; under "arrays" copies as NumPy arrays, in C order, by slot/parameter:
        `m/layers.0.W`. Functions of the step are only named: they come with the code.
        """
        with self._lock, memory_for("a copy of all arrays", "Free some, or write them to a file: save() copies none"):
            self.flush()
            arrays = {key: np.array(array, order="C") for key, array in host_arrays(self, True).items()}
            return {**described(self, None), "arrays": arrays}

    def load_state_dict(self, saved: Mapping[str, Any], *, params: bool = True, partial: bool = False) -> LoadReport:
        """Go on from what `state_dict` gave, of this or of another optimizer, on a CPU or a GPU.

        params: take the parameters too, in place. Numbers are set as they were saved; a function of the step stays the
        one that this optimizer has. partial: take what fits, by name, and report the rest.
        Raises TypeError or ValueError for what does not fit; nothing has then been changed.
        """
        if not isinstance(saved, Mapping) or not isinstance(saved.get("arrays"), Mapping):
            raise TypeError(f"expected what state_dict gives; got a {type(saved).__name__}")
        rest = {name: value for name, value in saved.items() if name != "arrays"}
        with self._lock:
            self._refuse_captured()
            return load(self, Checkpoint(rest, saved["arrays"]), params, partial)

    def save(self, path: str | os.PathLike[str], *, params: bool = True, user: Any = None) -> None:
        """Write a checkpoint: a safetensors file, with all but the arrays as JSON in its metadata.

        It is written beside the old file, flushed and renamed: whatever happens, the old one or the new one is there,
        whole. params: with the parameters. user: whatever JSON can hold, such as {"epoch": 3}; `load` returns it.
        Raises OSError if it cannot be written, TypeError for a user that JSON cannot hold; the old file is as it was.
        """
        with self._lock:
            self.flush()
            write(path, described(self, user), host_arrays(self, params))

    def load(self, path: str | os.PathLike[str], *, params: bool = True, partial: bool = False) -> LoadReport:
        """Go on from a checkpoint, as `load_state_dict` says; all of it is read before anything is changed.

        Raises FileNotFoundError, and ValueError or TypeError for a file that is damaged or does not fit.
        """
        with self._lock, opened(path) as saved:
            self._refuse_captured()
            return load(self, saved, params, partial)

    def watch(self, path: str | os.PathLike[str], *, every: int = 100) -> "Watch":
        """Append to a file, as lines of JSON, what the next step and every `every`-th after it do to each array.

        Quantiles of the effective learning rate, the ratio of update to weight, the norm and the share of exact zeros
        of the gradient: fastopt.watching.Watch says how they are defined. What it returns is closed at the end of the
        run, as by `with`, and draws the file.
        Raises OSError for a file that cannot be written, ValueError if the optimizer is already watched.
        """
        from ..watch.watch import Watch

        with self._lock:
            if self._watch is not None:
                raise ValueError(f"this optimizer is already watched, into {str(self._watch.path)!r}; close that first")
            self._watch = Watch(self, path, every)
            return self._watch

    def check_finite(self) -> None:
        """Raise FloatingPointError that names every parameter, state, average and copy that is not finite throughout.

        It tells infinities, which have overflowed, from NaNs, and says what helps. On a GPU it copies every array.
        """
        check_finite(self._named())

    def _named(self) -> Iterator[tuple[str, Any]]:
        """Every array and uniform state with its name."""
        trees, states = {AVERAGE: "ema", COPY: "cast"}, self.uniform_states
        for k, (path, array) in enumerate(zip(self._parameters.paths, self._arrays, strict=True)):
            yield self._label(k, self.rule.arrays[0]), array
            for slot, value in (self._state[k] | states[k]).items():
                yield trees[slot] + path if slot in trees else self._label(k, slot), value

    def _gradient(self, k: int, parameter: Any, gradient: Any) -> Any:
        """A gradient as a plan takes it."""
        if not is_row_sparse(gradient):
            return gradient
        name = self._label(k, self.rule.arrays[1])
        rows = row_sparse(gradient, parameter.shape, name)
        return rows.dense(parameter.shape) if self._sparse.needs_dense else rows

    def _label(self, position: int, name: str) -> str:
        parameter, gradient, *_ = self.rule.arrays
        kind = {parameter: "params", gradient: "grads"}.get(name, f"state {name!r} of params")
        return kind + self._parameters.paths[position]

    def __getattr__(self, name: str) -> Any:
        hyper = self.__dict__.get("hyper")
        if hyper is not None and name in hyper:
            return hyper[name]
        raise AttributeError(
            f"{type(self).__name__} has no {name}" + (" and no hyperparameter of that name" if hyper else "")
        )

    def __setattr__(self, name: str, value: Any) -> None:
        hyper = self.__dict__.get("hyper")
        if hyper is not None and name in hyper:
            hyper[name] = value
        else:
            super().__setattr__(name, value)

    def __repr__(self) -> str:
        hyper = ", ".join(f"{name}={value!r}" for name, value in self.hyper.items())
        return f"<{type(self).__name__}: {self.rule.name}, {len(self._state)} arrays, step {self.t}, {hyper}>"
