"""An optimizer's state as a dictionary of plain values, and its arrays by name."""

import itertools
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..kernels.libraries.library import to_host
from ..kernels.riders import NUMBERS
from ..kernels.system import memory_for
from ..updater.groups import Group
from ..updater.updater import Updater
from . import accumulated
from .converted import orders
from .file import write
from .plain import plain

FORMAT = 3


def arrays_of(updater: Updater) -> dict[str, tuple[Any, str]]:
    """Every array that is saved, with its name in messages, by slot/parameter: `m/layers.0.W`.

    The slot of the parameter itself is the rule's name for it. Raises ValueError for a parameter that its state does
    not fit.
    """
    named = {}
    updater.taken.check(arrays := updater.arrays, range(len(arrays)))
    for k, (key, parameter) in enumerate(zip(updater.parameters.keys, arrays, strict=True)):
        path = updater.parameters.paths[k]
        held = {updater.rule.arrays[0]: parameter, **updater.state[k]}
        for place, (slot, array) in enumerate(held.items()):
            trained = array if updater.averaged is None else updater.averaged.trained(array)
            named[f"{slot}/{key}"] = trained, f"state {slot!r} of params{path}" if place else f"params{path}"
    return named


def host_arrays(updater: Updater, params: bool) -> dict[str, Any]:
    """The arrays as NumPy arrays, which share memory with those of the optimizer where NumPy can."""
    prefix = updater.rule.arrays[0] + "/"
    named = (arrays_of(updater) | accumulated.sums(updater)).items()
    return {key: to_host(array, name) for key, (array, name) in named if params or not key.startswith(prefix)}


def described(updater: Updater, user: Any) -> dict[str, Any]:
    """The state without the arrays: numbers, strings, lists and dictionaries."""
    skipped = updater.skipped  # Settles an interrupted step first.
    histories = {key: row.history for key, row in zip(updater.parameters.keys, updater.rows, strict=True)}
    scaler, groups = updater.loss_scaler, named_groups(updater)
    return {
        "format": FORMAT,
        "rule": updater.rule.name,
        "rules": described_rules(updater),
        "options": options(updater),
        "formats": formats_of_groups(updater),
        "hyper": _plain(updater.hyper),
        "groups": {name: _plain(group.hyper) for name, group in groups},
        "applied": updater.journal.applied,
        "count": "optimizer" if updater.choices.together else "parameter",
        "steps": {key: own.steps for key, own in histories.items()},
        "means": {
            key: {name: mean.plain for name, mean in own.means.items()} for key, own in histories.items() if own.means
        },
        "uniform_states": {key: dict(own.states) for key, own in histories.items() if own.states},
        "skipped": skipped,
        "orders": orders(updater),
        "accumulated": accumulated.described(updater),
        "loss_scaler": scaler.state_dict() if scaler else None,
        "monitors": [
            {"place": place, "kind": type(monitor).__name__, "state": monitor.state_dict()}
            for place, monitor in updater.choices.every_monitor.items()
        ],
        "user": user,
    }


def named_groups(updater: Updater) -> list[tuple[str, Group]]:
    """The groups by what they are saved as: a pattern, or the names of the parameters that a function chose, with a
    number where another group is saved as these."""
    keys, chosen, groups = updater.parameters.keys, updater.taken.chosen, updater.groups.each
    names: list[str] = []
    given = {group.key for group in groups}
    for place, group in enumerate(groups):
        name = group.key
        if not isinstance(name, str):
            chose = ", ".join(key for key, own in zip(keys, chosen, strict=True) if own[place])
            numbered = (f"{chose} ({k})" for k in itertools.count(2))
            name = next(one for one in itertools.chain([chose], numbered) if one not in given)
            given.add(name)
        names.append(name)
    return list(zip(names, groups, strict=True))


def described_rules(updater: Updater) -> dict[str, str]:
    """The names of the rules of groups that have one, with the kind of decay where it is not that of all."""
    of_all = updater.definition.on["decay"]
    rules = [
        one.name
        + (f" with decay={one.on['decay']!r}" if "weight_decay" in one.riding and one.on["decay"] != of_all else "")
        for one in (ruled.definition for ruled in updater.choices.rules)
    ]
    return {name: rules[group.rule] for name, group in named_groups(updater) if group.rule is not None}


def formats_of_groups(updater: Updater) -> dict[str, str | None]:
    """The formats of state, as state_format names them, of the groups that have one."""
    return {name: group.formats[0] for name, group in named_groups(updater) if group.formats}


def options(updater: Updater) -> dict[str, Any]:
    return {name: value for name, value in updater.definition.on.items() if name not in (*NUMBERS, "accumulate")}


def _plain(hyper: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {"function": text(value)} if callable(value) else value for name, value in hyper.items()}


def text(function: Any) -> str:
    """A schedule as it prints; a function by its name, since its printed form has an address in it."""
    return getattr(function, "__qualname__", None) or repr(function)


def state_dict(updater: Updater) -> dict[str, Any]:
    """All that is needed to go on, of an updater that was flushed; under "arrays" copies, in C order."""
    with memory_for("a copy of all arrays", "Free some, or write them to a file: save() copies none"):
        arrays = {key: np.array(array, order="C") for key, array in host_arrays(updater, True).items()}
        return {**described(updater, None), "arrays": arrays}


def save(updater: Updater, path: str | os.PathLike[str], params: bool, user: Any) -> None:
    """Write a checkpoint of an updater that was flushed. params: with the parameters. user: a value for JSON."""
    state = {part: plain(value, part) for part, value in described(updater, user).items()}
    write(path, state, host_arrays(updater, params))
