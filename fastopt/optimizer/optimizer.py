"""The Optimizer: one call updates all arrays of a model by one rule, with everything that rides along."""

import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..checkpoint.file import Checkpoint, opened
from ..checkpoint.restore import LoadReport, load
from ..checkpoint.state import save, state_dict
from ..kernels import Rule
from ..kernels.language.values import kind_of
from ..kernels.riders import AVERAGES, COPY, CORRECTION, MIN_8BIT_SIZE
from ..updater import latest
from ..updater.averaged import Averaged
from ..updater.choices import Choices
from ..updater.codes import slot_values
from ..updater.format_options import FormatOptions
from ..updater.groups import Groups, check_patterns
from ..updater.hyper import Hyper
from ..updater.loss_scale import LossScaler
from ..updater.options import (
    by_pattern,
    check_accumulate,
    check_scaler,
    checked_monitors,
    counts_together,
    rule_of,
)
from ..updater.rules import given_groups, made_rules, switched_off
from ..updater.sync import SyncReport, sync
from ..updater.updater import Updater
from .finite import check_finite
from .names import Named, check_class

if TYPE_CHECKING:
    from ..watch.watch import Watch
    from .captured import Captured


class Optimizer(Named):
    """Updates the arrays of a model in place by one rule, all in one pass.

    params: an array, or any nesting of lists, tuples, dicts, named tuples, dataclasses and fastopt.attributes of
    arrays, of one library and device; None and strings are passed over. rule: a Rule or its name. hyper: the rule's
    hyperparameters and the numbers below, each a number or a function of the step, which counts applied steps from 1.

    groups: {pattern: {hyperparameter: value}}; a pattern is a dotted name (layers.0.W), a subtree (layers.0), or has *
    and ?. Or a list of pairs, [(lambda name, p: p.ndim < 2, {"weight_decay": 0.0}), ...], of a pattern, or a function
    of a parameter's name and array that is asked once, and such a dict. Where several match, the later ones win. With
    {"rule": "adamw", "lr": 3e-4} a group has a rule of its own, by name or made with @rule: it starts from that rule's
    defaults, and inherits what rides along, the options below; "decay" beside the rule is a kind of its own. All rules
    share one clip_norm, one decision to skip, one count of steps and one checkpoint; `over="model"` in a rule spans the
    parameters that it updates. opt.lr is that of the rule of all, opt.groups["embed"].lr a group's; a function's group
    is named by its place, opt.groups[0].
    grad_scale: multiplies the gradients (1/128 undoes a loss scale of 128). clip_value, clip_norm, clip_array_norm:
    limits of each element, of the norm of all gradients, of the norm of each array, in this order, after the scale.
    clip_eps: added to these norms; 1e-6 gives the figures of torch's clip_grad_norm_, which adds as much.
    clip_ratio: after these clips, the limit of the norm of each array's gradient over that of the array, which is taken
    as clip_ratio_floor at least, 1e-3 if not given (adaptive gradient clipping, of whole arrays: Brock et al. 2021,
    arXiv:2102.06171).
    weight_decay, with decay="l2" (added to the gradient, the default), "decoupled" (before the step), "decoupled_with"
    (at once with it) or "decoupled_after". maximize: climb. ema: the decay of an average of the weights, in `ema` as a
    tree, which starts as the weights and has no bias from that, whatever decays it has had; ema2: the decay of another,
    in `ema2`; ema_uncorrected: they start from 0, with the bias.
    ema_overwrite: in steps in which it is not 0 the weights then become that average, whose own course goes on; a
    function of the step such as lambda t: float(t % 100 == 0) does so in each hundredth.
    cautious: leave out the elements that a step would move along their gradient (Liang et al. 2024, arXiv:2411.16085).
    The step of the others is multiplied by the number of elements over how many of them move: with "mean" that is a
    thousandth of all at least, with "count" it is more by 1. Decoupled decay is done to all elements, but Adan's
    default decay, which is part of its step.
    clip_update: the limit of a step in each array, as the root mean square of its elements over lr, or for a rule
    without lr as that itself (as in Adafactor: Shazeer & Stern 2018, arXiv:1804.04235). lr is taken before
    lr_scale; decoupled decay is no part of the step; a cautious step is limited as it comes out.
    lookahead: in every so many steps of a parameter its slow weights, which start as the parameter, go the part
    lookahead_rate of the way to it, 0.5 if not given, and the parameter becomes them (Zhang et al. 2019,
    arXiv:1907.08610, Algorithm 1); averages then are of that. `count` says which steps count.
    reciprocals: where a formula divides an array by a number, as for a bias correction, multiply by the number's
    reciprocal, which is rounded once more: Adam divides each element once then, and not three times. The bits are
    others, those of NumPy with that product.
    state_format: how the rule's state arrays are stored: None in float32; "bfloat16"; or "8bit", in codes of signed
    square roots, in blocks of 256 elements that share a scale, but for arrays of less than min_8bit_size elements,
    which stay float32. A gradient that is not finite spoils a block, so that skip_nonfinite is well beside it. A group
    may have a state_format of its own. state_rounding: of bfloat16; with "stochastic" each number becomes one of its
    two neighbours there, the nearer the more often, so that small changes add up: the choice follows from seed, the
    slot, the name of the parameter, which of its steps it is and the number of the element in the order of memory, and
    from nothing else; with "nearest" it is the nearest. What rides along, such as averages, stays float32.
    param_rounding: "stochastic" does so with the parameters that are in bfloat16, which learn with it where steps are
    less than half a unit. master_weight_bits: 24 or 32, of how many bits a weight is of which a parameter in bfloat16
    has the upper 16; the rest is a correction in the state, of 8 or 16 bits, and steps are those of the whole weight,
    with 32 bits those of a float32 parameter to the bit. Parameters in other types have no correction. Whoever writes
    such a parameter calls `refresh`, and its correction becomes 0.
    cast_to: "float16" or "bfloat16", a copy of the weights in `cast` as a tree.
    zero_grads: set the gradients to zero. skip_nonfinite: where a gradient is not finite, change nothing, and count it
    in `skipped`. loss_scaler: a LossScaler, whose scale is undone, and which brings skip_nonfinite with it. shared: an
    array may stand in several places of params, to be updated once. sparse: what a RowSparse gradient does to the rows
    that it does not touch: "exact", the effect of zeros, once the rows are touched or `flush` is called; or "lazy",
    nothing. lr_scale: {pattern: array}, patterns as in groups; the array, which broadcasts to the parameter, multiplies
    its lr, element by element or a row at a time; or a SparsityFactor, with a number for each row. The array is read in
    each step and never copied. count: which steps bias corrections and lookahead see: "parameter", those that the
    parameter had itself, as in torch; or "optimizer", all that were applied, as in keras and optax. Functions of the
    step always count the optimizer's. second_moment, conjugate_grads: of complex parameters, which are updated as pairs
    of real numbers. A rule then has a second moment of each of the "parts", as in torch, or, with "modulus", one of
    |g|^2 for both, as in optax; and the gradients are df/dx + i df/dy, as torch's, or, conjugated, df/dx - i df/dy, as
    those of jax.grad and autograd. cast_grads: take gradients of any float type, each rounded to its parameter's type
    of computation before anything else; else float64 does not mix with other types. accumulate: "mean" or "sum" of the
    gradients of all calls of `accumulate` since the last step, which step() then takes. start: {slot: number}, the
    state before a parameter's first step where it is not to be the rule's own. monitors: objects with state_dict and
    load_state_dict that are saved along; a monitor that a function of the step calls need not be named.

    copy.deepcopy and pickle take all along, the parameters too, but no watch; what is copied in the same call, as in
    copy.deepcopy((params, opt)), stays linked, but for views, which Python copies apart. Functions of the step must be
    picklable for pickle. No other thread may step meanwhile, except while deepcopy copies the optimizer alone.

    Raises TypeError or ValueError, naming the array or the hyperparameter, before anything is changed.
    """

    rule: Rule
    hyper: Hyper
    groups: Groups
    _updater: Updater

    def __init__(
        self,
        params: Any,
        rule: Rule | str,
        /,
        *,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
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
        count: str = "parameter",
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = "stochastic",
        min_8bit_size: int = MIN_8BIT_SIZE,
        param_rounding: str = "nearest",
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = "parts",
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
        **hyper: Any,
    ) -> None:
        rule = rule_of(rule)
        # None switches an option off, one that the rule has itself too.
        hyper = switched_off(hyper, rule)
        check_scaler(loss_scaler)
        check_accumulate(accumulate)
        if loss_scaler is not None:
            skip_nonfinite = True
            hyper.setdefault("grad_scale", 1.0)
        together, monitors = counts_together(count), checked_monitors(monitors)
        each, lr_scale = given_groups(groups), by_pattern("lr_scale", lr_scale)
        switches = {
            "maximize": maximize,
            "zero_grads": zero_grads,
            "skip_nonfinite": skip_nonfinite,
            "ema_uncorrected": ema_uncorrected,
            "lr_scale": bool(lr_scale),
            "conjugate_grads": conjugate_grads,
            "accumulate": accumulate == "mean",
            "reciprocals": bool(reciprocals),
        }
        options = {
            "switches": switches,
            "decay": decay,
            "cast_to": cast_to,
            "second_moment": second_moment,
            "cautious": cautious,
            "formats": FormatOptions(
                state_format,
                state_rounding,
                min_8bit_size,
                param_rounding,
                master_weight_bits,
                seed,
                tuple(own for *_, formats in each for own in formats),
            ),
        }
        rules, of_groups = made_rules(rule, hyper, each, start, options)
        of_all = rules[0].hyper
        check_class(type(self), of_all)
        choices = Choices(rules, of_groups, sparse, together, lr_scale, shared, monitors, bool(cast_grads), accumulate)
        updater = Updater(params, choices)
        if shared and not updater.parameters.shared:
            raise ValueError("shared has no effect, since no array stands twice in params; leave shared out")
        if (conjugate_grads or second_moment != "parts") and not updater.taken.any_complex:
            name = "conjugate_grads" if conjugate_grads else "second_moment"
            raise ValueError(f"{name} has no effect, since no parameter is complex; leave {name} out")
        check_patterns("lr_scale", lr_scale, updater.parameters.names)
        updater.serve(loss_scaler)
        self.__dict__.update(_updater=updater, rule=rule, hyper=of_all, groups=of_groups)

    @property
    def params(self) -> Any:
        """The tree of the parameters. Another may be set: a step then takes it if it has the same structure, and
        `sync` whatever it has."""
        return self._updater.params

    @params.setter
    def params(self, params: Any) -> None:
        if "_updater" in self.__dict__:  # Before, a subclass may set what __init__ is about to set.
            self._updater.params = params

    @property
    def loss_scaler(self) -> LossScaler | None:
        """The LossScaler whose scale a step undoes, or None. Another may be set where a scale is undone."""
        return self._updater.loss_scaler

    @loss_scaler.setter
    def loss_scaler(self, loss_scaler: LossScaler | None) -> None:
        check_scaler(loss_scaler)
        if "_updater" in self.__dict__:
            if loss_scaler is not None and "grad_scale" not in self.hyper:
                raise ValueError(
                    "this optimizer was made without a loss_scaler, and undoes no scale; make another with "
                    "loss_scaler=fastopt.LossScaler()"
                )
            self._updater.serve(loss_scaler)

    @property
    def t(self) -> int:
        """How many steps were applied. A function of the step is given the number of the next one."""
        return self._updater.t

    @property
    def skipped(self) -> int:
        """How many steps were skipped since a gradient was not finite."""
        return self._updater.skipped

    def numbers(self, of: str | int | None = None, *, last: bool = False) -> dict[str, float]:
        """Every hyperparameter and option that is a number, functions of the step evaluated.

        of: the name of a parameter, for its numbers as a step has them, with those of all its groups; else a pattern of
        groups, or the place of a group by a function, for its numbers over those of all parameters; None for those of
        all parameters. last: those that the latest applied step used, which are not worked out again, since a monitor
        may have changed since; but of all parameters, or of a group, without what each parameter took from another
        group. Else those of the step to come. grad_scale has the scale of a loss_scaler undone, as a step does.
        Raises TypeError or ValueError for another `of`, RuntimeError for last before any step, and before one after a
        load or `sync`. After replays of a captured step it waits for the GPU.
        """
        return latest.numbers(self._updater, of, last)

    @property
    def grad_norm(self) -> float | None:
        """The norm of all gradients of the latest step, which clip_norm limits: after grad_scale and clip_value, before
        the clip, and without clip_eps; what torch's clip_grad_norm_ returns.

        Of a skipped step it is that of what was not finite; None before any step, and before one after a load. Nothing
        is computed for it. On a GPU whose steps wait for no norm, this waits for the latest.
        Raises AttributeError for an optimizer without clip_norm; clip_norm=math.inf limits nothing.
        """
        return latest.grad_norm(self._updater)

    @property
    def state(self) -> list[Mapping[str, Any]]:
        """For each parameter, in the order of the tree, its state arrays by slot; with master_weight_bits also the
        correction of each that has one.

        Of a slot in codes of 8 bits these are its numbers, a copy in NumPy that is read-only.
        """
        self._updater.finish()
        pairs = zip(self._updater.rules, self._updater.state, strict=True)
        named = [(state, [*rule.slots, *{CORRECTION} & state.keys()]) for rule, state in pairs]
        return [MappingProxyType({slot: slot_values(state, slot, slot) for slot in slots}) for state, slots in named]

    @property
    def uniform_states(self) -> list[dict[str, float]]:
        """The numbers that the rule carries from step to step, for each parameter."""
        return self._updater.uniform_states

    @property
    def monitors(self) -> list[Any]:
        """What is saved with the optimizer: the monitors that its functions of the step have called, such as
        fastopt.ReduceOnPlateau, in the order of their first calls, and then those of the option `monitors`."""
        return list(self._updater.choices.every_monitor.values())

    @property
    def ema(self) -> Any:
        """The averages of the weights, in the tree of the parameters; None where only groups of other rules have `ema`.
        Raises AttributeError without the option."""
        return self._tree_of(AVERAGES["ema"], "ema")

    @property
    def ema2(self) -> Any:
        """The averages of the option `ema2`, as `ema`."""
        return self._tree_of(AVERAGES["ema2"], "ema2")

    @property
    def cast(self) -> Any:
        """The copies of the weights in the type `cast_to`, in the tree of the parameters."""
        return self._tree_of(COPY, "cast_to")

    def _tree_of(self, slot: str, option: str) -> Any:
        if all(slot not in slots for slots in self._updater.state):
            if slot in AVERAGES.values() and self.rule.average is not None:
                raise AttributeError(f"{self.rule.name} keeps an average of its own; read it by `with opt.averaged():`")
            raise AttributeError(f"this optimizer was made without {option}; make another with {option}=...")
        return self._updater.tree_of(slot)

    def averaged(self, average: str | None = None) -> Averaged:
        """A context in which the parameters are the averages of the weights, in place: `with opt.averaged(): ...`.

        average: "ema" or "ema2", the option whose averages they are; if not given they are the rule's own, as those of
        ScheduleFreeAdamW, else those of `ema`. `with ... as` names `params`. At the end the parameters have their bits
        from before, which take their memory once more meanwhile; `cast` goes along. `save` and `state_dict` save what
        training goes on from. EarlyStopping keeps the averages if it is told a loss here; weights that it restores here
        stay at the end, and training and the rule's average then go on from there.
        Raises AttributeError for an optimizer that keeps no average, or not that one. Within `averaged` another one, a
        step, a load, `sync`, a copy and `captured` raise RuntimeError.
        """
        return Averaged(self._updater, average)

    @property
    def grads(self) -> Any:
        """Gradient arrays in the tree of the parameters, to write into; `step()` then takes them. Raises AttributeError
        with the option accumulate, where `step()` takes other gradients."""
        return self._updater.grads

    def step(self, grads: Any = None, *, loss: Any = None) -> None:
        """Update every parameter by its gradient.

        grads: arrays in the structure of params, of the same shapes and types; they are only read, unless zero_grads
        is on. None in the place of an array leaves that parameter and its count of steps alone. Without grads the
        arrays of `grads` are taken, which must have been asked for before; or, with the option accumulate, the
        gradients of all calls of `accumulate` since the last step.
        loss: the loss whose gradient it is, unscaled, a number or an array of no dimensions, for a rule that takes it
        (`opt.rule.takes_loss`), that of a group too. A loss on a GPU is waited for.
        Raises TypeError or ValueError naming the array, and RuntimeError if grads are passed while accumulated ones
        wait; nothing has then been changed.
        """
        updater = self._updater
        grads = updater.asked_grads() if grads is None else grads
        if loss is None:
            # A class may have an `update` of its own, without a loss.
            self.update(updater.params, grads)
        else:
            self.update(updater.params, grads, loss=loss)

    def update(self, params: Any, grads: Any, *, loss: Any = None) -> None:
        """`step` for code that passes the parameters each time, in the structure, shapes and types of `params`."""
        self._updater.step(params, grads, loss)

    def accumulate(self, grads: Any) -> None:
        """Add the gradients of a micro-batch to those that the next `step()` takes; needs the option `accumulate`.

            for x, y in micro_batches:
                opt.accumulate(gradients(opt.params, x, y))
            opt.step()

        grads: as in `step`. They are added in the order of the calls, each element in the type that its parameter is
        computed with, by one pass over all arrays; with zero_grads that pass sets them to zero. None in the place of an
        array adds nothing; an array that had None in all calls has no gradient in the step. The step takes the sum,
        with "mean" divided by the number of calls, before everything else that rides along; it takes the loss of all
        micro-batches by `step(loss=...)`. A step that is skipped drops the sum too.
        The sum takes the memory of a gradient. It is saved, copied and pickled; after `sync` it is that of the
        parameters that stayed.
        Raises TypeError or ValueError naming the array, as for a row-sparse gradient, AttributeError without the
        option, and RuntimeError within `averaged()`; nothing has then been changed.
        """
        self._updater.accumulate(grads)

    @property
    def accumulated(self) -> int:
        """How many calls of `accumulate` wait for a step."""
        self._updater.finish()
        gathering = self._updater.gathering
        return gathering.sums.calls if gathering else 0

    def sync(self, params: Any = None) -> SyncReport:
        """Take the tree of the parameters as it now is, after keys were added, removed or renamed.

        params: another tree to take from now on. An array that the optimizer has keeps its state wherever it now
        stands; of other arrays each keeps the state of its name, if that has its shape, type of computation and
        device; the rest begin, at the present step of every function of the step. What is gone is dropped. Groups and
        lr_scale hold by their patterns. The report names the parameters that kept their state, began and were dropped
        (both, where another array stands under a name), and the patterns that now match nothing.
        Raises TypeError or ValueError, naming the array, and RuntimeError while the optimizer is watched or captured;
        nothing has then been changed.
        """
        return sync(self._updater, self.params if params is None else params)

    def refresh(self) -> None:
        """Have `cast` follow weights that were written by other means than the optimizer's, and until the first step
        of a parameter `ema` and the state that starts as it; with master_weight_bits all weights are then what the
        parameters say, and corrections 0. What fastopt itself writes, as EarlyStopping.restore does, needs no refresh;
        nor does a first step."""
        self._updater.refresh()

    def captured(self, grads: Any = None, *, steps: int = 1000) -> "Captured":
        """A step on CuPy arrays that a CUDA graph can hold and replay; fastopt.optimizer.captured.Captured shows how.

        grads: as in `step`; the same arrays have the gradients of every replay. steps: how many are worked out
        beforehand, before `refill` has to be called.
        Raises TypeError or ValueError for arrays and options that cannot be captured; nothing has then been changed.
        """
        from .captured import Captured

        with self._updater.lock:
            self._updater.refuse_captured()
            self.flush()
            return Captured(self._updater, grads, steps)

    def flush(self, rows: Any = None) -> None:
        """Have the rows that row-sparse gradients have not touched lately catch up with the steps that they missed.

        Every array then has the values that dense gradients would have given. Call it before the parameters are used as
        a whole; `save`, `state_dict` and a dense gradient do. With rows, arrays of row numbers in the structure of
        params or None in their place, only those catch up: call it so before a gradient is taken from some rows.
        Raises TypeError, ValueError or IndexError for invalid row numbers; nothing has then been changed.
        """
        self._updater.flush(rows)

    def state_dict(self) -> dict[str, Any]:
        """The whole present state of the optimizer, parameters included.

        Numbers, strings, lists and dictionaries; under "arrays" copies as NumPy arrays, in C order, by slot/parameter:
        `m/layers.0.W`. Functions of the step are only named: the code that continues the run must make them.
        """
        with self._updater.lock:
            self.flush()
            return state_dict(self._updater)

    def load_state_dict(
        self, saved: Mapping[str, Any], *, params: bool = True, partial: bool = False, convert: bool = False
    ) -> LoadReport:
        """Continue from the state that `state_dict` gave, of this or of another optimizer, on a CPU or a GPU.

        params: load the parameters too, in place. Numbers are set as they were saved; functions of the step stay those
        of this optimizer. partial: load the parts that fit, by name, and report the rest. convert: state that was saved
        in another format, as `state_format` names them, becomes that of this optimizer; the report names the arrays.
        Raises TypeError or ValueError for a state that does not fit; nothing has then been changed.
        """
        if not isinstance(saved, Mapping) or not isinstance(saved.get("arrays"), Mapping):
            lacking = " without its 'arrays'" if isinstance(saved, Mapping) else ""
            raise TypeError(f"saved must be a dict that opt.state_dict() gave; got {kind_of(saved)}{lacking}")
        rest = {name: value for name, value in saved.items() if name != "arrays"}
        return load(self._updater, Checkpoint(rest, saved["arrays"]), params, partial, convert)

    def save(self, path: str | os.PathLike[str], *, params: bool = True, user: Any = None) -> None:
        """Write a checkpoint: a safetensors file, with all but the arrays as JSON in its metadata.

        The file is written beside the old one, flushed and renamed: whatever happens, the old or the new file is there,
        whole. params: with the parameters. user: whatever JSON can hold, such as {"epoch": 3}, and numbers of NumPy's;
        `load` returns it.
        Raises OSError if it cannot be written, TypeError for a user that JSON cannot hold; the old file then stays.
        """
        with self._updater.lock:
            self.flush()
            save(self._updater, path, params, user)

    def load(
        self, path: str | os.PathLike[str], *, params: bool = True, partial: bool = False, convert: bool = False
    ) -> LoadReport:
        """Continue from a checkpoint, as `load_state_dict` says; all of it is read before anything is changed.

        Raises FileNotFoundError, and ValueError or TypeError for a file that is damaged or does not fit.
        """
        with self._updater.lock, opened(path) as saved:
            return load(self._updater, saved, params, partial, convert)

    def watch(self, path: str | os.PathLike[str], *, every: int = 100) -> "Watch":
        """Append lines of JSON to a file: the effect on each array of the next step and of every `every`-th after it.

        Quantiles of the effective learning rate, the ratio of update to weight, the norm and the share of exact zeros
        of the gradient: fastopt.watch.watch.Watch says how they are defined. Close the Watch that is returned at the
        end of the run, as by `with`; it also draws the file.
        Raises OSError for a file that cannot be written, ValueError if the optimizer is already watched.
        """
        from ..watch.watch import Watch

        with self._updater.lock:
            watch = self._updater.watch
            if watch is not None:
                raise ValueError(f"this optimizer is already watched, into {str(watch.path)!r}; close that watch first")
            return Watch(self._updater, path, every)

    def check_finite(self) -> None:
        """Raise FloatingPointError that names every parameter, state, average and copy that is not finite throughout.

        The message tells infinities, which have overflowed, from NaNs, and says what helps. Arrays on a GPU are copied.
        """
        check_finite(self._updater.named())

    def __repr__(self) -> str:
        hyper = ", ".join(f"{name}={value!r}" for name, value in self.hyper.items())
        rules = ", ".join(dict.fromkeys(rule.name for rule in (self.rule, *self._updater.rules)))
        return f"<{type(self).__name__}: {rules}, {len(self._updater.state)} arrays, step {self.t}, {hyper}>"


def updater_of(optimizer: Optimizer) -> Updater:
    """The updater of an optimizer, for modules that work on what a step changes."""
    return optimizer._updater
