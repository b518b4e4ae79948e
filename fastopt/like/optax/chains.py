"""optax's states as what they are made of: chains of named tuples, with their parts by a key."""

from collections.abc import Callable, Collection, Hashable, Iterator
from typing import Any

from .places import COUNTS, FLAGS, GIVEN, NUMBERS, STATE

# Where a state has trees in the structure of the parameters, with arrays in them; and where it may have numbers.
TREES = {key for names in STATE.values() for key in names}
KNOWN = TREES | {key for names in NUMBERS.values() for key in names}


def field(key: str) -> str:
    """The name of a part within its tuple."""
    return key.rpartition(".")[2]


def is_part(key: str) -> bool:
    """Whether a part is not to be taken apart."""
    return key in KNOWN or key in GIVEN or field(key) in (*COUNTS, *FLAGS)


def parts(state: Any, labels: Collection[Hashable] = ()) -> Iterator[tuple[str, Any]]:
    """Every count and every tree of arrays within a chain, by a key such as ScaleByAdamState.mu.

    labels: of optax.partition, whose states to look into.
    """
    if has_labels(state):
        for label in labels:
            yield from parts(state.inner_states[label], labels)
    elif hasattr(state, "_fields"):
        for name in state._fields:
            key, value = f"{type(state).__name__}.{name}", getattr(state, name)
            if is_part(key) or not isinstance(value, tuple):
                yield key, value
            else:
                yield from parts(value, labels)
    elif isinstance(state, tuple | list):
        for part in state:
            yield from parts(part, labels)


def replaced(state: Any, value: Callable[[str, Any], Any], labels: Collection[Hashable] = ()) -> Any:
    """A chain of the same structure with other values in the places of its parts. labels: as in `parts`."""
    if has_labels(state):
        inner = state.inner_states.items()
        return state._replace(inner_states={n: replaced(s, value, labels) if n in labels else s for n, s in inner})
    if hasattr(state, "_fields"):
        new = {}
        for name in state._fields:
            key, old = f"{type(state).__name__}.{name}", getattr(state, name)
            new[name] = value(key, old) if is_part(key) else replaced(old, value, labels)
        return state._replace(**new)
    if isinstance(state, tuple | list):
        return type(state)(replaced(part, value, labels) for part in state)
    return state


def has_labels(state: Any) -> bool:
    """Whether it is the state of optax.partition: a state for each label."""
    return hasattr(state, "inner_states")


def labelled(state: Any) -> list[Any]:
    """The states of optax.partition within a chain."""
    if has_labels(state):
        return [state]
    return [one for part in state for one in labelled(part)] if isinstance(state, tuple | list) else []
