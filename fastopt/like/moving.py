"""Moves a peer's optimizer state into ours in the middle of a run: checked like a checkpoint, then set."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..checkpoint.file import Checkpoint
from ..checkpoint.made import OURS, THEIRS
from ..checkpoint.restore import LoadReport, load
from ..checkpoint.state import arrays_of, described, host_arrays
from ..kernels import FAMILIES, Rule
from ..kernels.arrays.view import as_complex
from ..kernels.language.values import short
from ..kernels.libraries.library import to_host, view_of
from ..optimizer.optimizer import Optimizer, updater_of
from ..updater.hyper import Hyper
from ..updater.state import start_of


@dataclass(frozen=True)
class Moved:
    """The state that a peer kept of one parameter, in our words.

    slots: its state arrays, or what they are made of, states: its uniform states; missing ones start anew. steps: how
    many updates it had. hyper: its hyperparameters. switches: the options that an Optimizer would have.
    """

    slots: Mapping[str, Any]
    steps: int
    states: dict[str, float] = field(default_factory=dict)
    hyper: Mapping[str, Any] = field(default_factory=dict)
    switches: Mapping[str, Any] = field(default_factory=dict)


def move_in(opt: Optimizer, moved: Sequence[Moved]) -> LoadReport:
    """Set an optimizer to the state that a peer kept; its averages, its counts of skipped steps and its functions stay.

    Raises TypeError or ValueError, naming the parameter, for a state that does not fit; nothing has then been changed.
    """
    updater = updater_of(opt)
    with updater.lock:
        state, keys = described(updater, None), updater.parameters.keys
        arrays = {
            key: value for key, value in host_arrays(updater, False).items() if key.split("/")[0] not in opt.rule.slots
        }
        ours = arrays_of(updater)
        for key, kept in zip(keys, moved, strict=True):
            for slot in opt.rule.slots:
                array, name = ours[f"{slot}/{key}"]
                parameter = ours[f"{opt.rule.arrays[0]}/{key}"][0]
                arrays[f"{slot}/{key}"] = _fitting(_kept(opt, kept.slots, slot, parameter), array, name)
        state["applied"] = max(kept.steps for kept in moved)
        state["steps"] = {key: kept.steps for key, kept in zip(keys, moved, strict=True)}
        if opt.rule.states:
            state["uniform_states"] = {k: opt.rule.states | kept.states for k, kept in zip(keys, moved, strict=True)}
        for key, kept in zip(keys, moved, strict=True):
            for name, value in kept.switches.items():
                if value != (here := updater.definition.on.get(name, type(value)())):
                    raise ValueError(
                        f"{name} of {key} is {value!r} in the state, but {here!r} in the optimizer; make the optimizer "
                        f"with {name}={value!r}"
                    )
        _spread(opt, moved, state)
        return load(updater, Checkpoint(state, arrays), False, False)


def _kept(opt: Optimizer, slots: Mapping[str, Any], slot: str, parameter: Any) -> Any:
    """The values that a peer kept for a slot of ours, or that are made of what it kept; else the slot's start."""
    made = OURS.get(opt.rule.name, {}).get(slot)
    if slots and made:
        return made.array(lambda name: on_host(slots[name], name), updater_of(opt).definition.one_moment)
    if slot in slots:
        return slots[slot]
    ruled = updater_of(opt).choices.rules[0]
    start = start_of(ruled.definition, ruled.hyper, ruled.start, slot)[1]
    return parameter if start is None else float(start)


def _fitting(values: Any, array: Any, name: str) -> Any:
    """The values in the type of our array if that type can hold them all, or is bfloat16; a number fills the array."""
    _, view = view_of(array, name)
    if isinstance(values, float):
        filled = np.full(view.shape, values, view.storage)
        return as_complex(filled) if view.complex else filled
    values = on_host(values, name)
    kind = np.dtype(view.own_type)
    fits = np.iscomplexobj(values) == view.complex and np.can_cast(values.dtype, kind, "safe")
    # A format of state that was chosen is one to round to.
    return values.astype(kind) if fits or view.storage == "bfloat16" else values


def decoded(array: Any) -> Any:
    """An array of bfloat16 in float32, which every peer has; others as they are."""
    return array.astype("float32") if str(array.dtype) == "bfloat16" else array


def on_host(values: Any, name: str) -> Any:
    """A NumPy array of the values of any library's array, a tensor or a variable."""
    values = getattr(values, "value", values)  # of a variable of Keras
    return to_host(values, name) if hasattr(values, "detach") else np.asarray(values)


def _spread(opt: Optimizer, moved: Sequence[Moved], state: dict[str, Any]) -> None:
    """Enter the hyperparameters of each parameter into the state: for all parameters, or for a group."""
    layers = {id(opt.hyper): ("", state["hyper"])}
    layers |= {id(hyper): (f"groups[{p!r}].", state["groups"][p]) for p, hyper in opt.groups.items()}
    updater = updater_of(opt)
    chosen: dict[tuple[int, str], Any] = {}
    for row, key, kept in zip(updater.rows, updater.parameters.keys, moved, strict=True):
        for name, value in kept.hyper.items():
            holders: list[Hyper] = [layer for layer in row.layers if name in layer]
            if not holders:
                if value:
                    raise ValueError(
                        f"{name} of {key} is {value!r} in the state, but the optimizer was made without {name}; make "
                        f"it with {name}={value!r}"
                    )
                continue
            prefix, values = layers[id(holders[-1])]
            if callable(holders[-1][name]):
                continue
            if chosen.setdefault((id(holders[-1]), name), value) != value:
                raise ValueError(
                    f"{prefix}{name} is one number in the optimizer, but not in the state, where {key} has {value!r}; "
                    "make the optimizer with a group of the parameters that differ"
                )
            if holders[-1][name] != value:
                values[name] = value


def _refuse_rules(opt: Optimizer) -> None:
    """Raise TypeError for an optimizer with several rules, which no peer has in one state."""
    rules = [ruled.definition.name for ruled in updater_of(opt).choices.rules]
    if len(rules) > 1:
        raise TypeError(
            f"no peer keeps the state of several rules as one, and this one has {', '.join(rules)}; use opt.save and "
            "opt.load"
        )


def of_family(rule: Rule) -> tuple[str, set[str]]:
    """The class that has a rule, and the options that select it. Raises TypeError for a rule of a user's own."""
    for family in FAMILIES.values():
        for options, variant in family.variants.items():
            if variant is rule:
                return family.name, set(options.split())
    raise TypeError(f"{rule.name} is a rule of your own, for which no peer has state; use opt.save and opt.load")


def names_in(table: Mapping[str, Mapping[str, str]], opt: Optimizer, peer: str) -> dict[str, str]:
    """The peer's names of the slots of an optimizer's rule, and the slots. Raises TypeError where the peer has no such
    rule."""
    _refuse_rules(opt)
    rule = opt.rule
    of_family(rule)
    if rule.name not in table:
        raise TypeError(f"{peer} has no optimizer with the rule {rule.name}; {peer} has {', '.join(table)}")
    return dict(table[rule.name])


def same_names(found: Iterable[str], wanted: Iterable[str], rule: Rule, where: str = "the state") -> None:
    """Raise ValueError, naming what differs, unless a peer's state is that of the rule."""
    found, wanted = set(found), set(wanted)
    if found != wanted:
        missing, extra = ", ".join(sorted(wanted - found)), ", ".join(sorted(found - wanted))
        said = [f"has no {missing}, which {rule.name} needs"] * bool(missing)
        said += [f"has {extra}, which {rule.name} has not"] * bool(extra)
        raise ValueError(f"{where} {', and '.join(said)}")


def same_formula(opt: Optimizer, peer: str, fixed: Mapping[str, Any], free: Iterable[str] = ()) -> None:
    """Raise ValueError unless the optimizer has the peer's choices of formula."""
    wanted = {name: opt.rule.hyper[name] for name in opt.rule.statics if name not in free} | dict(fixed)
    for name, value in wanted.items():
        if name in opt.hyper and opt.hyper[name] != value:
            raise ValueError(
                f"{name} is {value!r} in {peer}, but {opt.hyper[name]!r} in this optimizer; make the optimizer by "
                f"fastopt.like.{peer}"
            )


def places(opt: Optimizer, names: Sequence[str] | None, count: int, given: Sequence[str] | None) -> list[int]:
    """For each of our parameters its place among the peer's: as given by our names, else by theirs, else by order.

    names: theirs. Raises ValueError if there are not as many, or if only some have our names.
    """
    keys = updater_of(opt).parameters.keys
    if given is not None and sorted(given) != sorted(keys):
        raise ValueError(
            f"names must be the names of the parameters, {', '.join(keys)}, in the peer's order; got "
            f"{short(list(given))}"
        )
    if count != len(keys):
        raise ValueError(f"the state has {count} parameters, but the optimizer {len(keys)}: {', '.join(keys)}")
    by = list(given or names or keys)
    if set(by) == set(keys):
        return [by.index(key) for key in keys]
    if both := set(by) & set(keys):
        differing = ", ".join(sorted(set(by) ^ set(keys)))
        raise ValueError(
            f"the state and the optimizer share the names {', '.join(sorted(both))}, but not {differing}; pass names="
        )
    return list(range(count))


def counted(found: int | None, steps: int | None, peer: str) -> int:
    """The number of updates: the count of the state, or `steps` where the state has none."""
    if found is None and steps is None:
        raise ValueError(
            f"the state from {peer} has no count of steps; pass steps=, the number of updates that were made"
        )
    if found is not None and steps is not None and found != steps:
        raise ValueError(f"steps={steps}, but the state counts {found} steps; leave steps out")
    return int(found if found is not None else steps or 0)


def signed(slot: str, values: Any) -> tuple[str, Any]:
    """A slot of ours and a peer's values for it; a minus sign before the slot flips their sign."""
    values = on_host(values, slot)
    return (slot[1:], -values) if slot.startswith("-") else (slot, values)


def out(saved: Mapping[str, Any], slot: str, key: str) -> Any:
    """A parameter's slot in our state_dict, or what the peer has instead, with the sign that the peer has."""
    arrays = saved["arrays"]
    if made := THEIRS.get(saved["rule"], {}).get(slot):
        return made.array(lambda name: decoded(arrays[f"{name}/{key}"]), "second_moment" in saved["options"])
    array = decoded(arrays[f"{slot.lstrip('-')}/{key}"])
    return -array if slot.startswith("-") else array


def one_count(saved: Mapping[str, Any], peer: str) -> int:
    """The number of updates in our state_dict: the optimizer's where it counts those, else that of all parameters."""
    if saved["count"] == "optimizer":
        return int(saved["applied"])
    counts = sorted(set(saved["steps"].values()))
    if len(counts) > 1:
        raise ValueError(
            f"{peer} has one count of steps for all parameters, but those of this optimizer have had {counts} steps; "
            "make the optimizer with count='optimizer'"
        )
    return int(counts[0])
