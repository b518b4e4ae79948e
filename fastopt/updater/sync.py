"""An updater takes its parameters anew, after their container has changed."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from .groups import matches
from .taken import taken
from .updater import Updater


@dataclass(frozen=True)
class SyncReport:
    """What `sync` did: the names of parameters that kept their state, that began, and that were dropped.

    unmatched: the patterns of groups and of lr_scale that now match no parameter; a function by its place in groups.
    """

    kept: tuple[str, ...]
    begun: tuple[str, ...]
    dropped: tuple[str, ...]
    unmatched: tuple[str, ...]


def sync(updater: Updater, params: Any) -> SyncReport:
    """Take a tree of another structure, as Optimizer.sync says."""
    with updater.lock:
        updater.settle()
        updater.refuse_captured()
        updater.refuse_averaged("leave its with block before opt.sync()")
        if updater.watch is not None:
            raise RuntimeError(
                f"this optimizer is watched, into {str(updater.watch.path)!r}; close that watch before opt.sync()"
            )
        before = updater.taken
        new = taken(params, updater.choices, before, updater.latest)
        arrays = new.parameters.of(params, "params")
        places = {k: place for place, k in enumerate(new.kept) if k is not None}
        same = {place for k, place in places.items() if arrays[place] is updater.latest[k]}
        gradients = updater.gradients
        if gradients is not None:
            # Of those that begin they are made when they are asked for.
            gradients = [None if k is None else gradients[k] for k in new.kept]
        # Of what is dropped too: nothing else could bring its rows up later.
        updater.catch_up_all({k: arrays[places[k]] if k in places else array for k, array in enumerate(updater.latest)})
        each, begun = [row.history for row in updater.rows], updater.begun(new)
        histories = [start if k is None else each[k] for k, start in zip(new.kept, begun, strict=True)]
        # Noted before: an interrupt leaves the old parameters or the new.
        updater.journal.note(0, partial(updater.take, params, new, arrays, histories, gradients), ())
        updater.settle()
        updater.refresh(same)
    keys, names = new.parameters.keys, new.parameters.names
    patterns = [*(updater.choices.lr_scale or {})]
    unmatched = [
        str(group.key) for place, group in enumerate(updater.groups.each) if not any(own[place] for own in new.chosen)
    ]
    return SyncReport(
        tuple(key for key, k in zip(keys, new.kept, strict=True) if k is not None),
        tuple(key for key, k in zip(keys, new.kept, strict=True) if k is None),
        tuple(key for k, key in enumerate(before.parameters.keys) if k not in places),
        tuple(dict.fromkeys([*unmatched, *(p for p in patterns if not any(matches(name, p) for name in names))])),
    )
