"""The Optimizer: one call updates all arrays of a model by one rule, with everything that rides along."""

import os
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from .checkpoint import Checkpoint, opened, write
from .finite import check_finite
from .groups import Hyper, Row, grouped
from .journal import Journal
from .kernels import RULES, Rule
from .kernels.dispatch import array_like, check_parameters
from .kernels.fusion import AVERAGE, COPY, DECAYS, NUMBERS, Fused
from .kernels.hyperparameters import suggestion
from .kernels.locks import lock
from .kernels.plan import Plan
from .loss_scale import LossScaler
from .monitors.find import monitors_in
from .parameters import Parameters
from .restore import LoadReport, load
from .state import described, host_arrays

if TYPE_CHECKING:
    from .watching import Watch


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
    corrected, in `ema` as a tree. cast_to: "float16" or "bfloat16", a copy of the weights in `cast` as a tree.
    zero_grads: set the gradients to zero. skip_nonfinite: where a gradient is not finite, change nothing, and count it
    in `skipped`. loss_scaler: a LossScaler, whose scale is undone, and which brings skip_nonfinite with it. shared: an
    array may stand in several places of params, to be updated once.

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
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
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
        self._parameters = Parameters(params, shared)
        self._arrays = self._parameters.arrays
        paths = [f"params{path}" for path in self._parameters.paths]
        self._storages = check_parameters(self._arrays, paths)
        if cast_to is not None:
            if cast_to not in ("float16", "bfloat16"):
                raise ValueError(f"cast_to must be float16 or bfloat16; got {cast_to!r}")
            if "float64" in self._storages:
                raise ValueError("cast_to is for parameters that are computed in float32; these are float64")
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
        switches = {"maximize": maximize, "zero_grads": zero_grads, "skip_nonfinite": skip_nonfinite}
        on: dict[str, Any] = {name: True for name, value in switches.items() if value}
        on |= {name: True for name in NUMBERS if name in used} | ({"cast_to": cast_to} if cast_to else {})
        on["decay"] = _decay(rule, decay, "weight_decay" in used)
        self._step = Fused(rule, on)
        self.hyper = Hyper(self._step, {**self._step.hyper, **hyper})
        self.groups, belongs = grouped(self._step, self._parameters.names, groups or {})
        self._state = [
            {slot: self._start(slot, array, path) for slot in self._step.slots}
            for path, array in zip(paths, self._arrays, strict=True)
        ]
        self._program = self._step.program(self.hyper)
        self._belongs = belongs
        self._set_counts([0] * len(belongs), [dict(rule.states)] * len(belongs), 0)
        self._grads: Any = None

    def _start(self, slot: str, array: Any, path: str) -> Any:
        if slot == COPY:
            copy = array_like(array, 0.0, self._step.on["cast_to"], path)
            # As in a step, what is too large for the copy becomes infinite without a warning.
            with np.errstate(all="ignore"):
                copy[...] = array
            return copy
        start = self._step.start[slot]
        return array_like(array, self.hyper[start] if isinstance(start, str) else start, None, path)

    def _set_counts(self, steps: Sequence[int], states: Sequence[dict[str, float]], skipped: int) -> None:
        """Set each parameter's count of steps and its uniform states; those alike in all share a row."""
        # A number that follows from an array's norm is each parameter's own.
        apart = self._program.apart and self.rule.states
        rows: dict[Any, Row] = {}
        keys = []
        for k, (group, count, own) in enumerate(zip(self._belongs, steps, states, strict=True)):
            keys.append(k if apart else (group, count, repr(own)))
            rows.setdefault(keys[-1], Row((self.hyper, *group), count, dict(own)))
        places = {key: place for place, key in enumerate(rows)}
        self._rows, self._row_of = list(rows.values()), [places[key] for key in keys]
        self._journal.skipped = skipped
        self._plans: dict[Any, Plan] = {}

    @property
    def t(self) -> int:
        """How many steps were applied: the most that any parameter has had."""
        self._journal.settle()
        return max(row.count for row in self._rows)

    @property
    def skipped(self) -> int:
        """How many steps were skipped since a gradient was not finite."""
        self._journal.settle()
        return self._journal.skipped

    @property
    def state(self) -> list[Mapping[str, Any]]:
        """For each parameter, in the order of the tree, its state arrays by slot."""
        return [MappingProxyType({slot: slots[slot] for slot in self.rule.slots}) for slots in self._state]

    @property
    def uniform_states(self) -> list[dict[str, float]]:
        """The numbers that the rule carries from step to step, for each parameter."""
        self._journal.settle()
        return [self._rows[row].states for row in self._row_of]

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
            parameters, gradients = self._parameters.of(params, "params"), self._parameters.of(grads, "grads")
            if self._watch is not None and self._watch.due():
                self._watch.around(parameters, gradients)
            else:
                self._update(parameters, gradients)

    def _update(self, parameters: list[Any], gradients: list[Any]) -> None:
        self._journal.settle()
        active: tuple[int, ...] = ()
        plan = self._plans.get(active)
        if plan is None or not plan.holds(parameters, gradients):
            if any(gradient is None for gradient in gradients):
                active = tuple(k for k, gradient in enumerate(gradients) if gradient is not None)
                if not active:
                    return
                self._split(active)
                parameters, gradients = [parameters[k] for k in active], [gradients[k] for k in active]
            plan = self._plans.get(active) or self._planned(active)
            if not (active and plan.holds(parameters, gradients)):
                plan.bind(parameters, gradients)
            self._plans[active] = plan
        numbers = [row.numbers() for row in self._rows]
        if self.loss_scaler is not None:
            for row in numbers:
                row["grad_scale"] *= self.loss_scaler.inverse()
        new = plan.decide(numbers)
        if new is None:
            zeroed = gradients if self._step.on.get("zero_grads") else ()
            self._journal.begin(0, (), self.loss_scaler, zeroed)
        else:
            done = self._journal.begin(plan.writes, self._counted(plan, active, new), self.loss_scaler, ())
            plan.write(done)
        self._journal.settle()

    def state_dict(self) -> dict[str, Any]:
        """All that the optimizer will need to go on, parameters included, as it is now.

        Numbers, strings, lists and dictionaries; under "arrays" copies as NumPy arrays, in C order, by slot/parameter:
        `m/layers.0.W`. Functions of the step are only named: they come with the code.
        """
        with self._lock:
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
            return load(self, Checkpoint(rest, saved["arrays"]), params, partial)

    def save(self, path: str | os.PathLike[str], *, params: bool = True, user: Any = None) -> None:
        """Write a checkpoint: a safetensors file, with all but the arrays as JSON in its metadata.

        It is written beside the old file, flushed and renamed: whatever happens, the old one or the new one is there,
        whole. params: with the parameters. user: whatever JSON can hold, such as {"epoch": 3}; `load` returns it.
        Raises OSError if it cannot be written, TypeError for a user that JSON cannot hold; the old file is as it was.
        """
        with self._lock:
            write(path, described(self, user), host_arrays(self, params))

    def load(self, path: str | os.PathLike[str], *, params: bool = True, partial: bool = False) -> LoadReport:
        """Go on from a checkpoint, as `load_state_dict` says; all of it is read before anything is changed.

        Raises FileNotFoundError, and ValueError or TypeError for a file that is damaged or does not fit.
        """
        with self._lock, opened(path) as saved:
            return load(self, saved, params, partial)

    def watch(self, path: str | os.PathLike[str], *, every: int = 100) -> "Watch":
        """Append to a file, as lines of JSON, what the next step and every `every`-th after it do to each array.

        Quantiles of the effective learning rate, the ratio of update to weight, the norm and the share of exact zeros
        of the gradient: fastopt.watching.Watch says how they are defined. What it returns is closed at the end of the
        run, as by `with`, and draws the file.
        Raises OSError for a file that cannot be written, ValueError if the optimizer is already watched.
        """
        from .watching import Watch

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
        trees = {AVERAGE: "ema", COPY: "cast"}
        for k, path in enumerate(self._parameters.paths):
            yield self._label(k, self.rule.arrays[0]), self._arrays[k]
            for slot, value in (self._state[k] | self._rows[self._row_of[k]].states).items():
                yield trees[slot] + path if slot in trees else self._label(k, slot), value

    def _planned(self, active: tuple[int, ...]) -> Plan:
        chosen = active or range(len(self._arrays))
        return Plan(
            self._program,
            [list(self._state[k].values()) for k in chosen],
            [self._row_of[k] for k in chosen],
            lambda position, name: self._label(chosen[position], name),
        )

    def _split(self, active: tuple[int, ...]) -> None:
        """Give the active parameters rows of their own where others of their row are not."""
        stays = {self._row_of[k] for k in range(len(self._arrays)) if k not in active}
        moved: dict[int, int] = {}
        for k in active:
            row = self._row_of[k]
            if row in stays:
                if row not in moved:
                    moved[row] = len(self._rows)
                    old = self._rows[row]
                    self._rows.append(Row(old.layers, old.count, dict(old.states)))
                self._row_of[k] = moved[row]
        if moved:
            self._plans.clear()

    def _counted(
        self, plan: Plan, active: tuple[int, ...], new: list[list[float]]
    ) -> list[tuple[Row, int, dict[str, float]]]:
        """The rows of an applied step, with the counts and uniform states that they will have."""
        if not self.rule.states:
            rows = self._rows
            return [(rows[k], rows[k].count + 1, rows[k].states) for k in plan.rows]
        chosen = active or range(len(self._arrays))
        places = {self._row_of[k]: position for position, k in enumerate(chosen)}
        values = [new[places[k] if self._program.apart else k] for k in plan.rows]
        return [
            (row := self._rows[k], row.count + 1, dict(zip(self.rule.states, own, strict=True)))
            for k, own in zip(plan.rows, values, strict=True)
        ]

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
        return f"<{type(self).__name__}: {self.rule.name}, {len(self._arrays)} arrays, step {self.t}, {hyper}>"


def _decay(rule: Rule, decay: str | None, used: bool) -> str:
    if decay is None:
        return "l2"
    if decay not in DECAYS:
        raise ValueError(f"decay must be {', '.join(DECAYS)}; got {decay!r}")
    if "weight_decay" in rule.hyper:
        raise ValueError(f"{rule.name} has a weight decay of its own; decay would have no effect")
    if not used:
        raise ValueError("decay has no effect without weight_decay")
    return decay
