"""An optimizer's state as a dictionary of plain values, and its arrays by name."""

import os
from typing import Any

import numpy as np

from ..kernels.libraries.library import to_host
from ..kernels.riders import NUMBERS
from ..kernels.system import memory_for
from ..updater.hyper import Hyper
from ..updater.updater import Updater
from .file import write
from .plain import plain

FORMAT = 3


def arrays_of(updater: Updater) -> dict[str, tuple[Any, str]]:
    """Every array that is saved, with its name in messages, by slot/parameter: `m/layers.0.W`.

    The slot of the parameter itself is the rule's name for it. Raises ValueError for a parameter that its state does
    not fit.
    """
    named = {}
    slots = updater.rule.arrays[0], *updater.definition.slots
    updater.taken.check(arrays := updater.arrays, range(len(arrays)))
    for k, (key, parameter) in enumerate(zip(updater.parameters.keys, arrays, strict=True)):
        path = updater.parameters.paths[k]
        held = (parameter, *updater.state[k].values())
        if updater.averaged is not None:
            held = tuple(map(updater.averaged.trained, held))
        for place, (slot, array) in enumerate(zip(slots, held, strict=True)):
            named[f"{slot}/{key}"] = array, f"state {slot!r} of params{path}" if place else f"params{path}"
    return named


def host_arrays(updater: Updater, params: bool) -> dict[str, Any]:
    """The arrays as NumPy arrays, which share memory with those of the optimizer where NumPy can."""
    prefix = updater.rule.arrays[0] + "/"
    named = arrays_of(updater).items()
    return {key: to_host(array, name) for key, (array, name) in named if params or not key.startswith(prefix)}


def described(updater: Updater, user: Any) -> dict[str, Any]:
    """The state without the arrays: numbers, strings, lists and dictionaries."""
    skipped = updater.skipped  # Settles an interrupted step first.
    keys, rows = updater.parameters.keys, updater.counts.each
    scaler = updater.loss_scaler
    return {
        "format": FORMAT,
        "rule": updater.rule.name,
        "options": options(updater),
        "hyper": _plain(updater.hyper),
        "groups": {pattern: _plain(hyper) for pattern, hyper in updater.groups.items()},
        "applied": updater.journal.applied,
        "count": "optimizer" if updater.choices.together else "parameter",
        "steps": {key: row.count for key, row in zip(keys, rows, strict=True)},
        "means": {
            key: {name: own.plain for name, own in row.means.items()}
            for key, row in zip(keys, rows, strict=True)
            if row.means
        },
        "uniform_states": {key: dict(row.states) for key, row in zip(keys, rows, strict=True) if row.states},
        "skipped": skipped,
        "loss_scaler": scaler.state_dict() if scaler else None,
        "monitors": [
            {"place": place, "kind": type(monitor).__name__, "state": monitor.state_dict()}
            for place, monitor in updater.choices.every_monitor.items()
        ],
        "user": user,
    }


def options(updater: Updater) -> dict[str, Any]:
    return {name: value for name, value in updater.definition.on.items() if name not in NUMBERS}


def _plain(hyper: Hyper) -> dict[str, Any]:
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
