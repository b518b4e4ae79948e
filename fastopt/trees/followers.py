"""Whoever keeps what follows from the values of arrays, such as a copy in 16 bits, and hears when they are put back."""

import weakref
from collections.abc import Collection
from contextlib import ExitStack
from typing import Any, Protocol

from ..kernels.system import lock


class Follower(Protocol):
    """Keeps something that follows from the values of arrays."""

    def follow(self, arrays: Collection[Any]) -> None:
        """Follow the new values of its own arrays among these."""


_FOLLOWERS: "weakref.WeakSet[Any]" = weakref.WeakSet()
_LOCK = lock()


def register(follower: Follower) -> None:
    """Have a follower hear of all arrays that are put back, for as long as it lives."""
    with _LOCK:
        _FOLLOWERS.add(follower)


def announce(arrays: Collection[Any]) -> None:
    """Tell all followers that arrays have other values, which no step gave them.

    What a follower raises is raised once all have been told.
    """
    with _LOCK:
        followers = list(_FOLLOWERS)
    with ExitStack() as each:
        for follower in followers:
            each.callback(follower.follow, arrays)
