"""Moves a peer's optimizer state into ours in the middle of a run: checked like a checkpoint, then set."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..checkpoint.file import Checkpoint
from ..checkpoint.made import OURS, THEIRS
from ..checkpoint.restore import LoadReport, load
from ..checkpoint.state import arrays_of, described, host_arrays, named_groups
from ..kernels import FAMILIES, Rule
from ..kernels.arrays.view import as_complex
from ..kernels.libraries.library import state_view_of, to_host
from ..kernels.riders import SCALES_OF
from ..optimizer.optimizer import Optimizer, updater_of
from ..updater.choices import Ruled
from ..updater.hyper import Hyper
from ..updater.state import start_of
from ..updater.updater import Updater
from .shares import Share


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


def move_in(opt: Optimizer, moved: Mapping[str, Moved]) -> LoadReport:
    """Set an optimizer to the state that a peer kept; its averages, its counts of skipped steps and its functions stay.

    moved: of each parameter, by its name. Raises TypeError or ValueError, naming the parameter, for a state that does
    not fit; nothing has then been changed.
    """
    updater = updater_of(opt)
    with updater.lock:
        state, keys, rule_of = described(updater, None), updater.parameters.keys, updater.taken.rule_of
        each = [(key, updater.choices.rules[number], moved[key]) for key, number in zip(keys, rule_of, strict=True)]
        # Scales are made with the codes, of the numbers that are moved in.
        arrays, ours = host_arrays(updater, False), arrays_of(updater)
        arrays = {name: array for name, array in arrays.items() if not name.startswith(SCALES_OF.format(""))}
        for key, ruled, kept in each:
            for slot in ruled.definition.rule.arrays[2:]:
                array, name = ours[f"{slot}/{key}"]
                parameter = ours[f"{opt.rule.arrays[0]}/{key}"][0]
                arrays[f"{slot}/{key}"] = _fitting(_kept(ruled, kept.slots, slot, parameter), array, name)
        state["applied"] = max(kept.steps for kept in moved.values())
        state["steps"] = {key: moved[key].steps for key in keys}
        state["uniform_states"] = {
            key: ruled.definition.states | kept.states for key, ruled, kept in each if ruled.definition.states
        }
        _check_counts(updater, state["steps"])
        for key, ruled, kept in each:
            for name, value in kept.switches.items():
                if value != (here := ruled.definition.on.get(name, type(value)())):
                    raise ValueError(
                        f"{name} of {key} is {value!r} in the state, but {here!r} in the optimizer; make the optimizer "
                        f"with {name}={value!r}"
                    )
        _spread(updater, moved, state)
        return load(updater, Checkpoint(state, arrays), False, False, convert=True)


def _check_counts(updater: Updater, steps: Mapping[str, int]) -> None:
    """Raise ValueError if rules that share the optimizer's count of steps had different numbers of steps."""
    of_rules: dict[int, int] = {}
    for number, count in zip(updater.taken.rule_of, steps.values(), strict=True):
        of_rules[number] = max(count, of_rules.get(number, 0))
    if updater.choices.together and len(set(of_rules.values())) > 1:
        told = ", ".join(f"{updater.choices.rules[n].definition.name} {count}" for n, count in of_rules.items())
        raise ValueError(
            f"this optimizer has one count of steps for all rules, but in the state they have had different numbers: "
            f"{told}; make the optimizer with count='parameter'"
        )


def _kept(ruled: Ruled, slots: Mapping[str, Any], slot: str, parameter: Any) -> Any:
    """The values that a peer kept for a slot of ours, or that are made of what it kept; else the slot's start."""
    made = OURS.get(ruled.definition.name, {}).get(slot)
    if slots and made:
        return made.array(lambda name: on_host(slots[name], name), ruled.definition.one_moment)
    if slot in slots:
        return slots[slot]
    start = start_of(ruled.definition, ruled.hyper, ruled.start, slot)[1]
    return parameter if start is None else float(start)


def _fitting(values: Any, array: Any, name: str) -> Any:
    """The values in the type of our array if that type can hold them all, or in float32 where a format was chosen; a
    number fills the array."""
    _, view = state_view_of(array, name)
    kind, formatted = np.dtype(view.own_type), view.storage not in ("float32", "float64")
    if isinstance(values, float):
        filled = np.full(view.shape, values, "float32" if formatted else view.storage)
        return as_complex(filled) if view.complex else filled
    values, kind = on_host(values, name), np.dtype("float32") if formatted else kind
    fits = np.iscomplexobj(values) == view.complex and np.can_cast(values.dtype, kind, "safe")
    return values.astype(kind) if fits else values


def on_host(values: Any, name: str) -> Any:
    """A NumPy array of the values of any library's array, a tensor or a variable."""
    values = getattr(values, "value", values)  # of a variable of Keras
    return to_host(values, name) if hasattr(values, "detach") else np.asarray(values)


def _spread(updater: Updater, moved: Mapping[str, Moved], state: dict[str, Any]) -> None:
    """Enter the hyperparameters of each parameter into the state: for all parameters, or for a group."""
    layers = {id(updater.hyper): ("", state["hyper"])}
    layers |= {
        id(hyper): (f"groups[{name!r}].", state["groups"][name])
        for name, group in named_groups(updater)
        for hyper in group.usable
    }
    chosen: dict[tuple[int, str], Any] = {}
    for row, key, number in zip(updater.rows, updater.parameters.keys, updater.taken.rule_of, strict=True):
        own = updater.choices.rules[number].definition.hyper
        for name, value in moved[key].hyper.items():
            # Another rule, whose numbers hold below, may have one of the same name.
            holders: list[Hyper] = [layer for layer in row.layers if name in layer] if name in own else []
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
            if chosen.setdefault((id(values), name), value) != value:
                raise ValueError(
                    f"{prefix}{name} is one number in the optimizer, but not in the state, where {key} has {value!r}; "
                    "make the optimizer with a group of the parameters that differ"
                )
            if holders[-1][name] != value:
                values[name] = value


def of_family(rule: Rule) -> tuple[str, set[str]]:
    """The class that has a rule, and the options that select it. Raises TypeError for a rule of a user's own."""
    for family in FAMILIES.values():
        for options, variant in family.variants.items():
            if variant is rule:
                return family.name, set(options.split())
    raise TypeError(f"{rule.name} is a rule of your own, for which no peer has state; use opt.save and opt.load")


def names_in(table: Mapping[str, Mapping[str, str]], share: Share, peer: str) -> dict[str, str]:
    """The peer's names of the slots of a rule, and the slots. Raises TypeError where the peer has no such rule."""
    rule = share.rule
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


def same_formula(share: Share, peer: str, fixed: Mapping[str, Any], free: Iterable[str] = ()) -> None:
    """Raise ValueError unless the optimizer has the peer's choices of formula."""
    wanted = {name: share.rule.hyper[name] for name in share.rule.statics if name not in free} | dict(fixed)
    for name, value in wanted.items():
        if name in share.hyper and share.hyper[name] != value:
            raise ValueError(
                f"{name} is {value!r} in {peer}, but {share.hyper[name]!r} in this optimizer; make it with "
                f"{name}={value!r}, or by fastopt.like.{peer}"
            )


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


def out(share: Share, saved: Mapping[str, Any], slot: str, key: str) -> Any:
    """A parameter's slot in our state_dict, or what the peer has instead, with the sign that the peer has."""
    arrays = saved["arrays"]
    if made := THEIRS.get(share.rule.name, {}).get(slot):
        return made.array(lambda name: arrays[f"{name}/{key}"], share.ruled.definition.one_moment)
    array = arrays[f"{slot.lstrip('-')}/{key}"]
    return -array if slot.startswith("-") else array


def one_count(saved: Mapping[str, Any], keys: Sequence[str], peer: str) -> int:
    """The number of updates in our state_dict: the optimizer's where it counts those, else that of the parameters."""
    if saved["count"] == "optimizer":
        return int(saved["applied"])
    counts = sorted({saved["steps"][key] for key in keys})
    if len(counts) > 1:
        raise ValueError(
            f"{peer} has one count of steps for all parameters, but those of this optimizer have had {counts} steps; "
            "make the optimizer with count='optimizer'"
        )
    return int(counts[0])
