"""Restoring what is saved beside the arrays and has a state of its own: monitors and the loss scaler."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ..updater.updater import Updater


def short(value: Any) -> str:
    """A value as messages show it."""
    shown = repr(value)
    return shown if len(shown) < 80 else f"{shown[:77]}..."


def load_stateful(updater: Updater, state: Mapping[str, Any], some: bool, undo: list[Callable[[], Any]]) -> list[str]:
    """Load the monitors and the loss scaler; functions that undo it are appended to `undo`.

    some: leave those that do not fit. Returns why some were left.
    """
    left = []
    found = _matched(updater.choices.every_monitor, list(state["monitors"]))
    if isinstance(found, str):
        if not some:
            raise ValueError(
                f"{found}; use the same monitors in the same places (one that no function of the step has called yet "
                "is named by monitors=), or pass partial=True to leave these as they are"
            )
        left.append(found)
        found = []
    pairs = [(monitor, entry.get("state")) for monitor, entry in found]
    scale = state.get("loss_scaler")
    if (scale is None) == (updater.loss_scaler is None):
        pairs += [(updater.loss_scaler, scale)] if scale is not None else []
    else:
        have = ("the state", "the optimizer") if updater.loss_scaler is None else ("the optimizer", "the state")
        left.append("{} has a loss_scaler, {} has none".format(*have))
        if not some:
            raise ValueError(left[-1])
    for stateful, values in pairs:
        if not isinstance(values, Mapping):
            raise ValueError(f"the state of a {type(stateful).__name__} must be a dict; got {short(values)}")
        undo.append(partial(stateful.load_state_dict, stateful.state_dict()))
        stateful.load_state_dict(values)
    return left


def _matched(own: Mapping[str, Any], saved: Sequence[Any]) -> list[tuple[Any, Any]] | str:
    """The monitors with their saved entries: of the same place, else the only others of their kind. Else a reason."""
    kinds = [entry.get("kind") if isinstance(entry, dict) else None for entry in saved]
    own_kinds = [type(monitor).__name__ for monitor in own.values()]
    if sorted(map(str, kinds)) != sorted(own_kinds):
        return f"the state has the monitors {kinds}, the optimizer {own_kinds}"
    pairs: list[tuple[Any, Any]] = []
    left, rest = dict(own), []
    for entry, kind in zip(saved, kinds, strict=True):
        place = entry.get("place")
        if place in left and type(left[place]).__name__ == kind:
            pairs.append((left.pop(place), entry))
        else:
            rest.append(entry)
    for entry in rest:
        alike = [place for place, monitor in left.items() if type(monitor).__name__ == entry["kind"]]
        if len(alike) > 1 or [other["kind"] for other in rest].count(entry["kind"]) > 1:
            where = ", ".join(alike)
            return f"the state has several monitors {entry['kind']}, and does not say which of them is at {where}"
        pairs.append((left.pop(alike[0]), entry))
    return pairs
