"""Restoring a saved state: everything is checked before anything is written."""

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..kernels.language.values import short
from ..kernels.libraries.library import filling, state_view_of
from ..kernels.riders import AVERAGES, COPY, CORRECTION, SCALES_OF, SLOW
from ..updater.counts import History
from ..updater.format_options import without_formats
from ..updater.hyper import ABSENT, Hyper
from ..updater.means import Means, saved_means
from ..updater.state import set_to, set_to_zero
from ..updater.updater import Updater
from . import accumulated
from .converted import Converted
from .file import Checkpoint, Spec
from .formats import UPGRADES
from .plain import with_numbers
from .state import FORMAT, arrays_of, described_rules, formats_of_groups, named_groups, options, text
from .stateful import load_stateful

_KINDS: dict[str, type] = {
    "rule": str,
    "rules": dict,
    "options": dict,
    "hyper": dict,
    "groups": dict,
    "applied": int,
    "steps": dict,
    "means": dict,
    "uniform_states": dict,
    "skipped": int,
    "monitors": list,
    "orders": dict,
    "formats": dict,
}


@dataclass(frozen=True)
class LoadReport:
    """How a loaded state and the optimizer differed.

    missing: arrays of the optimizer that the state lacks, as slot/parameter. unexpected: arrays of the state that the
    optimizer lacks. changed: hyperparameters that now have another value, and functions that differ from the saved
    functions. user: the value that the user had saved along.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    changed: tuple[str, ...]
    user: Any


def load(updater: Updater, saved: Checkpoint, params: bool, some: bool, convert: bool = False) -> LoadReport:
    """Set an optimizer to a saved state; raises TypeError or ValueError before anything is changed.

    params: load the parameters too. some: load the parts that fit. convert: state in another format becomes that of the
    optimizer.
    """
    with updater.lock:
        updater.refuse_captured()
        updater.refuse_averaged("leave its with block, and then load")
        return _load(updater, saved, params, some, convert)


def _load(updater: Updater, saved: Checkpoint, params: bool, some: bool, convert: bool) -> LoadReport:
    updater.journal.settle()
    saved = _current(saved)
    state = saved.state
    if state["rule"] != updater.rule.name:
        raise ValueError(
            f"the state is of the rule {state['rule']}, but this optimizer has the rule {updater.rule.name}; load the "
            f"state into an optimizer of the rule {state['rule']}"
        )
    _check_rules(updater, state["rules"])
    saved = converted = Converted(saved, updater, convert)
    parameter = updater.rule.arrays[0] + "/"
    ours, gathered = arrays_of(updater), accumulated.checked(state)
    refused = accumulated.conflict(updater, gathered)
    if updater.gathering is not None and not refused:
        ours |= updater.gathering.room(updater.arrays, gathered["of"])
    theirs = {key for key in saved.specs if params or not key.startswith(parameter)}
    misfits = {key: found for key in ours if key in theirs and (found := _misfit(saved.specs[key], *ours[key]))}
    if misfits and not some:
        if differing := _option_conflicts(updater, state, convert):
            # Arrays of other types follow from other options.
            raise _unfit(differing)
        key, misfit = next(iter(misfits.items()))
        raise misfit.error(f"{key} {misfit.said}{misfit.remedy}")
    theirs -= misfits.keys()
    reasons = {key: f"it {misfit.said}" for key, misfit in misfits.items()}
    # The state may lack all parameters, but not only some of them.
    wanted = {key for key in ours if any(k.startswith(parameter) for k in theirs) or not key.startswith(parameter)}
    # State goes with its count of steps; copy, average and slow weights go with their parameter: where a part is
    # missing, none is taken.
    whole, left = _whole(updater, theirs, misfits)
    common = [key for key in ours if key in theirs and key not in left]
    missing = tuple(key for key in ours if key in wanted - theirs - misfits.keys())
    unexpected = tuple(sorted(theirs - set(ours)))
    histories = _histories(updater, state, whole, common)
    changes, changed, conflicts = _hyper_changes(updater, state, convert)
    changed += [f"{key}: {how}" for key, how in converted.changes.items() if key in common]
    conflicts += refused
    differing = list(conflicts)
    conflicts += [f"the state has no {', '.join(missing[:5])}"] * bool(missing)
    conflicts += [f"the state has {', '.join(unexpected[:5])}, the optimizer not"] * bool(unexpected)
    if conflicts and not some:
        raise _unfit(conflicts)
    fillings: list[Callable[[], Any]] = [filling(ours[key][0], saved.array(key), ours[key][1]) for key in common]
    updater.flush()
    undo: list[Callable[[], Any]] = []
    # A copy that was saved has the bits of the step that made it.
    copied = {key for key in updater.parameters.keys if f"{COPY}/{key}" in common}
    # Slow weights that the state lacks begin at the parameter that its steps lead to.
    slow = {
        key
        for key in updater.parameters.keys
        if f"{SLOW}/{key}" in ours.keys() - set(common)
        and (parameter + key in common or (key in whole and key in state["steps"]))
    }
    # A weight in two parts whose correction the state lacks is what the parameter says.
    whole_weights = {
        key for key in updater.parameters.keys if parameter + key in common and f"{CORRECTION}/{key}" not in common
    }
    counts = histories, state["applied"], state["skipped"]
    finish = partial(_finish, updater, updater.arrays, *counts, copied, slow, whole_weights)
    take_sums = accumulated.taking(updater, {"calls": 0} if refused else gathered, ours, common)
    # An extra call that does nothing, as there may be no arrays.
    fillings.append(tuple)
    done = updater.journal.note(len(fillings), lambda: (finish(), take_sums()), undo)
    try:
        differing += load_stateful(updater, state, some, undo)
        for hyper, name, value in changes:
            undo.append(partial(hyper.put, name, hyper.get(name, ABSENT)))
            hyper.put(name, value)
        # One call without bytecode in between, as in a step.
        done.extend(map(operator.call, fillings))
    finally:
        updater.journal.settle()
    changed += [f"not taken: {conflict}" for conflict in differing]
    changed += [f"{key}: as it was, since {why}" for key, why in {**reasons, **left}.items()]
    return LoadReport(missing, unexpected, tuple(changed), state.get("user"))


def _check_rules(updater: Updater, theirs: Mapping[str, Any]) -> None:
    """Raise ValueError, naming the groups, unless the groups with a rule and their rules are those of the state."""
    ours = described_rules(updater)
    differing = [
        f"{name!r} has {theirs.get(name, 'none')} in the state, {ours.get(name, 'none')} in the optimizer"
        for name in dict.fromkeys([*theirs, *ours])
        if theirs.get(name) != ours.get(name)
    ]
    if differing:
        raise ValueError(
            f"the rules of groups differ: {'; '.join(differing)}; make the optimizer with the groups that it had "
            "when it was saved"
        )


def _current(saved: Checkpoint) -> Checkpoint:
    """The checkpoint in today's format. Raises ValueError for parts of the state that have the wrong type."""
    counts = ("format", "applied", "skipped", "steps", "averaged_since", "means", "uniform_states")
    saved.state |= {part: with_numbers(saved.state[part]) for part in counts if part in saved.state}
    version = saved.state.get("format")
    if type(version) is not int or version < min(UPGRADES, default=FORMAT):
        raise ValueError(
            f"format in the state must be a number, as fastopt saves it; got {short(version)}: pass what "
            "opt.state_dict() gave, or a file of opt.save"
        )
    if version > FORMAT:
        raise ValueError(
            f"the state has format {version}, of a newer fastopt; this one reads up to {FORMAT}: install that fastopt"
        )
    for number in range(version, FORMAT):
        saved = UPGRADES[number](saved)
    current = saved.state
    for part in ("rules", "orders", "formats"):  # Before there were any.
        current.setdefault(part, {})
    if current.get("count") not in (None, "parameter", "optimizer"):
        raise ValueError(f"count in the state must be 'parameter' or 'optimizer'; got {short(current.get('count'))}")
    for part, kind in _KINDS.items():
        if type(current.get(part)) is not kind:
            raise ValueError(f"{part} in the state must be a {kind.__name__}; got {short(current.get(part))}")
    for pattern, values in current["groups"].items():
        if not isinstance(values, dict):
            raise ValueError(f"groups[{pattern!r}] in the state must be a dict; got {short(values)}")
    for part in ("applied", "skipped"):
        if not 0 <= current[part] < 2**62:
            raise ValueError(f"{part} in the state must be a count of steps; got {short(current[part])}")
    return saved


def _whole(updater: Updater, theirs: Collection[str], misfits: Collection[str]) -> tuple[set[str], dict[str, str]]:
    """The parameters of which a state has all slots of the rule; and what is left as it is, with the reason.

    theirs: what the state has, without misfits, which do not fit.
    """
    parameter = updater.rule.arrays[0]
    whole: set[str] = set()
    left: dict[str, str] = {}
    for key, rule, state in zip(updater.parameters.keys, updater.rules, updater.state, strict=True):
        # Codes say nothing without their scales.
        scales = [SCALES_OF.format(slot) for slot in rule.slots]
        names = [f"{slot}/{key}" for slot in (*rule.slots, *(slot for slot in scales if slot in state))]
        own = f"{parameter}/{key}"
        if own in misfits and (follow := [f"{slot}/{key}" for slot in rule.from_parameter]):
            # Beside other weights, these and the counts are of another run.
            left |= {
                name: f"{', '.join(follow)} start as the parameter, which does not fit"
                for name in names
                if name in theirs
            }
        elif missing := [name for name in names if name not in theirs]:
            lacking = [f"{name} that fits" if name in misfits else name for name in missing]
            why = f"the state has no {', '.join(lacking)}"
            left |= {name: why for name in names if name in theirs}
        else:
            whole.add(key)
        # An average may be loaded into an optimizer whose parameters came from elsewhere.
        for slot, stays in (
            (COPY, own not in theirs),
            *((other, own in misfits) for other in (*AVERAGES.values(), SLOW, CORRECTION)),
        ):
            if stays and f"{slot}/{key}" in theirs:
                left[f"{slot}/{key}"] = "it follows the parameter"
    return whole, left


def _histories(
    updater: Updater, state: Mapping[str, Any], whole: Collection[str], common: Collection[str]
) -> list[History]:
    """The history of each parameter: the saved one if the state is whole, else the present one. common: what is
    loaded."""
    histories = []
    saved = state["uniform_states"]
    # Of the run they are the same for all parameters of a section, those that the state does not have too.
    of_runs: dict[str, Any] = {}
    for section in updater.sections:
        if section.counts.states_together:
            keys = section.of(updater.parameters.keys)
            of_runs |= dict.fromkeys(keys, next((saved[key] for key in keys if key in saved), None))
    for key, own in zip(updater.parameters.keys, (row.history for row in updater.rows), strict=True):
        of_run = of_runs.get(key)
        count = state["steps"].get(key, own.steps)
        if type(count) is not int or not 0 <= count < 2**62:
            raise ValueError(f"steps[{key!r}] in the state must be a count of steps; got {short(count)}")
        means = {**own.means}
        # A state that says nothing of them has a mean of each step.
        loaded = {name: Means(run=count) for name in means} if key in state["steps"] else means
        loaded = {**loaded, **saved_means(state["means"].get(key, {}), f"means[{key!r}] in the state")}
        means |= {name: loaded[name] for name in means if f"{AVERAGES[name]}/{key}" in common}
        numbers = saved.get(key, own.states if of_run is None else of_run)
        if (
            not isinstance(numbers, dict)
            or set(numbers) != set(own.states)
            or not all(type(value) is float for value in numbers.values())
        ):
            raise ValueError(
                f"uniform_states[{key!r}] in the state must be numbers for {', '.join(own.states) or 'nothing'}; "
                f"got {short(numbers)}"
            )
        if key not in whole:
            count, numbers = own.steps, numbers if of_run is not None else own.states
        histories.append(History(count, dict(numbers), means))
    return histories


def _finish(
    updater: Updater,
    arrays: Sequence[Any],
    histories: Sequence[History],
    applied: int,
    skipped: int,
    copied: Collection[str],
    slow: Collection[str],
    whole_weights: Collection[str],
) -> None:
    """What follows once the arrays are written; may be interrupted and called again.

    copied, slow, whole_weights: by key the parameters whose copies stay, those whose slow weights begin anew, and those
    that are whole without a correction.
    """
    updater.set_counts(histories, applied, skipped)
    for key, path, state, array in zip(
        updater.parameters.keys, updater.parameters.paths, updater.state, arrays, strict=True
    ):
        if key in slow:
            set_to(state, [SLOW], array, f"params{path}")
        if key in whole_weights and CORRECTION in state:
            set_to_zero(state[CORRECTION], f"params{path}")
    updater.refresh_all(arrays, copied)


def _unfit(conflicts: Sequence[str]) -> ValueError:
    return ValueError(
        f"the state does not fit this optimizer: {'; '.join(conflicts)}. Make the optimizer as it was when it was "
        "saved, or pass partial=True to take what fits"
    )


def _option_conflicts(updater: Updater, state: Mapping[str, Any], convert: bool) -> list[str]:
    """What is said of other options; empty if they are those of the optimizer. convert: formats of state may differ."""
    told = []
    theirs, ours = state["options"], options(updater)
    alike = without_formats(theirs) == without_formats(ours)
    if not alike or (theirs != ours and not convert):
        told.append(f"the state has the options {theirs}, the optimizer {ours}")
    theirs, ours = state["formats"], formats_of_groups(updater)
    if theirs != ours and not convert:
        told.append(f"the state has the formats {theirs} of groups, the optimizer {ours}")
    return [*told, "convert=True takes state in another format"] if told and alike and not convert else told


def _hyper_changes(
    updater: Updater, state: Mapping[str, Any], convert: bool
) -> tuple[list[tuple[Hyper, str, Any]], list[str], list[str]]:
    """The hyperparameters to set, the changes to report, and the conflicts. convert: formats of state may differ."""
    changes: list[tuple[Hyper, str, Any]] = []
    changed: list[str] = []
    conflicts: list[str] = []
    together = "optimizer" if updater.choices.together else "parameter"
    if state["count"] not in (None, together):
        conflicts.append(f"the state has count={state['count']!r}, the optimizer count={together!r}")
    conflicts += _option_conflicts(updater, state, convert)
    own, groups = {name: group.hyper for name, group in named_groups(updater)}, state["groups"]
    # A group without numbers does nothing; a run may have given it some since.
    if [p for p in own if p in groups or own[p]] != [p for p in groups if p in own or groups[p]]:
        conflicts.append(f"the state has the groups {list(groups)}, the optimizer {list(own)}")
    pairs = [("", updater.hyper, state["hyper"])]
    pairs += [(f"groups[{p!r}].", own[p], groups[p]) for p in own if p in groups]
    for prefix, hyper, saved in pairs:
        # An older version did not know the hyperparameter, and acted as its default does.
        added = {n for n, value in hyper.items() if not (prefix or _differ(value, updater.rule.hyper.get(n)))}
        come = [n for n in saved if n not in hyper and hyper.may_have(n) and not isinstance(saved[n], dict)]
        gone = [n for n in hyper if n not in saved and hyper.may_have(n) and not callable(hyper[n])]
        for name in (*come, *gone):
            changes.append((hyper, name, hyper.check(name, saved[name]) if name in come else ABSENT))
            changed.append(f"{prefix}{name}: {hyper.get(name, 'none')!r} -> {saved.get(name, 'none')!r}")
        for whose, other, names in (
            ("state", "optimizer", set(saved) - set(hyper) - {*come}),
            ("optimizer", "state", set(hyper) - set(saved) - added - {*gone}),
        ):
            if names:
                conflicts.append(f"the {whose} has {', '.join(prefix + n for n in sorted(names))}, the {other} not")
        for name in (name for name in hyper if name in saved):
            now, before = hyper[name], saved[name]
            function = isinstance(before, dict)
            if function or callable(now):
                if not (function and callable(now) and before.get("function") == text(now)):
                    said = before.get("function") if function else before
                    changed.append(f"{prefix}{name}: {text(now) if callable(now) else now} is kept, saved was {said}")
            elif _differ(now, hyper.check(name, before)):
                if hyper.is_static(name):
                    conflicts.append(f"the state has {prefix}{name}={before!r}, the optimizer {now!r}")
                else:
                    changes.append((hyper, name, before))
                    changed.append(f"{prefix}{name}: {now!r} -> {before!r}")
    return changes, changed, conflicts


def _differ(a: Any, b: Any) -> bool:
    return type(a) is not type(b) or bool(a != b)


@dataclass(frozen=True)
class _Misfit:
    """Why a saved array does not fit ours: the kind of error, what is said after its name, and what to do."""

    error: type[Exception]
    said: str
    remedy: str


def _misfit(spec: Spec, array: Any, name: str) -> _Misfit | None:
    """Why a saved array does not fit ours. Raises ValueError for one of ours that cannot be written."""
    _, view = state_view_of(array, name)
    storage, shape = spec
    if not view.writable:
        raise ValueError(f"{name} is read-only; pass a writable array, such as numpy.array({name})")
    if shape != view.own_shape:
        return _Misfit(ValueError, f"was saved with shape {shape}, but {name} has shape {view.own_shape}", "")
    if storage != view.own_type:
        said = f"was saved as {storage}, but {name} is {view.own_type}"
        return _Misfit(TypeError, said, "; make it of that type first")
    return None
