"""An optimizer's state as a dictionary of plain values, and its arrays by name."""

from typing import TYPE_CHECKING, Any

from ..kernels.libraries.library import to_host
from ..kernels.riders import NUMBERS
from ..updater.hyper import Hyper

if TYPE_CHECKING:
    from ..optimizer.optimizer import Optimizer

FORMAT = 1


def arrays_of(optimizer: "Optimizer") -> dict[str, tuple[Any, str]]:
    """Every array that is saved, with how messages name it, by slot/parameter: `m/layers.0.W`.

    The slot of the parameter itself is the rule's name for it.
    """
    found = {}
    slots = optimizer.rule.arrays[0], *optimizer._step.slots
    for k, (key, parameter) in enumerate(zip(optimizer._parameters.keys, optimizer._arrays, strict=True)):
        arrays = parameter, *optimizer._state[k].values()
        path = optimizer._parameters.paths[k]
        for place, (slot, array) in enumerate(zip(slots, arrays, strict=True)):
            found[f"{slot}/{key}"] = array, f"state {slot!r} of params{path}" if place else f"params{path}"
    return found


def host_arrays(optimizer: "Optimizer", params: bool) -> dict[str, Any]:
    """The arrays in NumPy: those of the optimizer itself where NumPy can share them."""
    prefix = optimizer.rule.arrays[0] + "/"
    named = arrays_of(optimizer).items()
    return {key: to_host(array, name) for key, (array, name) in named if params or not key.startswith(prefix)}


def described(optimizer: "Optimizer", user: Any) -> dict[str, Any]:
    """All but the arrays: numbers, strings, lists and dictionaries."""
    skipped = optimizer.skipped  # Settles an interrupted step first.
    keys, rows = optimizer._parameters.keys, optimizer._counts.each
    scaler = optimizer.loss_scaler
    return {
        "format": FORMAT,
        "rule": optimizer.rule.name,
        "options": options(optimizer),
        "hyper": _plain(optimizer.hyper),
        "groups": {pattern: _plain(hyper) for pattern, hyper in optimizer.groups.items()},
        "steps": {key: row.count for key, row in zip(keys, rows, strict=True)},
        "uniform_states": {key: dict(row.states) for key, row in zip(keys, rows, strict=True) if row.states},
        "skipped": skipped,
        "loss_scaler": scaler.state_dict() if scaler else None,
        "monitors": [{"kind": type(one).__name__, "state": one.state_dict()} for one in optimizer.monitors],
        "user": user,
    }


def options(optimizer: "Optimizer") -> dict[str, Any]:
    return {name: value for name, value in optimizer._step.on.items() if name not in NUMBERS}


def _plain(hyper: Hyper) -> dict[str, Any]:
    return {name: {"function": text(value)} if callable(value) else value for name, value in hyper.items()}


def text(function: Any) -> str:
    """A schedule as it prints; of a function its name, since how it prints has its address in it."""
    return getattr(function, "__qualname__", None) or repr(function)
