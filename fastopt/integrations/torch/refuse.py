"""Refuses another optimizer's state, with the names that differ, before anything is changed."""

from collections.abc import Mapping
from typing import Any

import torch

from .kinds import KINDS, Kind, definition_of, read


def refuse_state(optimizer: torch.optim.Optimizer, like: str, kind: Kind, given: Mapping[str, Any]) -> None:
    """Raise ValueError if groups or state, as torch hands them to __setstate__, are of another optimizer class.

    like: the name of torch's own class. kind: its kind.

    Options and state that no class of torch's has are let through, as in torch.
    """
    name, groups = type(optimizer).__name__, given.get("param_groups", [])
    # Options of later versions of torch are absent in older ones; they are off or None by default.
    own = {key for key, value in optimizer.defaults.items() if not (value is None or isinstance(value, bool))}
    lacking = {key for group in groups for key in own - set(group)}
    foreign = {key for group in groups for key in group if key in _options() and key not in optimizer.defaults}
    _raise(name, "its options", foreign, lacking)
    states = {name for known_kind in KINDS.values() for name in known_kind.known}
    for group in groups:
        definition = definition_of([read(like, {**optimizer.defaults, **group}, optimizer.defaults)])
        needed = kind.needed((*definition.slots, *definition.states))
        for param in group["params"]:
            if state := given.get("state", {}).get(param):
                _raise(name, "its arrays", (set(state) & states) - kind.known, needed - set(state))


def _options() -> set[str]:
    """The names of the options of all these classes of torch's."""
    import inspect

    classes = [getattr(torch.optim, name) for name in KINDS]
    return {name for cls in classes for name in inspect.signature(cls).parameters} - {"params"}


def _raise(name: str, what: str, foreign: set[str], lacking: set[str]) -> None:
    parts = [f"{words} {', '.join(sorted(names))}" for words, names in (("have", foreign), ("lack", lacking)) if names]
    if parts:
        raise ValueError(
            f"{name} cannot go on from a state of another optimizer class: {what} {' and '.join(parts)}; load what "
            f"{name}.state_dict gave"
        )
