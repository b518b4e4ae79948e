"""An updater takes its parameters anew, after their container has changed."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from .taken import taken
from .updater import Updater


@dataclass(frozen=True)
class SyncReport:
    """What `sync` did: the names of parameters that kept their state, that began, and that were dropped."""

    kept: tuple[str, ...]
    begun: tuple[str, ...]
    dropped: tuple[str, ...]


def sync(updater: Updater, params: Any) -> SyncReport:
    """Take a tree of another structure, as Optimizer.sync says."""
    with updater.lock:
        updater.settle()
        updater.refuse_captured()
        if updater.watch is not None:
            raise RuntimeError(f"a watch writes of these parameters into {str(updater.watch.path)!r}; close it first")
        before = updater.taken
        new = taken(params, updater.choices, before)
        arrays = new.parameters.of(params, "params")
        for array, k in zip(arrays, new.kept, strict=True):
            if k in updater.rows_behind.by_parameter:
                updater.catch_up(k, array)
        histories = new.histories(updater.start, [row.history for row in updater.counts.each])
        # Noted before: an interrupt leaves the old parameters or the new.
        updater.journal.note(0, partial(updater.take, params, new, histories), ())
        updater.settle()
        updater.refresh()
    keys = new.parameters.keys
    kept = {k for k in new.kept if k is not None}
    return SyncReport(
        tuple(key for key, k in zip(keys, new.kept, strict=True) if k is not None),
        tuple(key for key, k in zip(keys, new.kept, strict=True) if k is None),
        tuple(key for k, key in enumerate(before.parameters.keys) if k not in kept),
    )
