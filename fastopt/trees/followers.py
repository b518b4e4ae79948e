"""Whoever keeps what follows from the values of arrays, such as a copy in 16 bits, and hears when they are put back."""

import weakref
from collections.abc import Collection
from typing import Any, Protocol


class Follower(Protocol):
    """Keeps something that follows from the values of arrays."""

    def follow(self, arrays: Collection[Any]) -> None:
        """Follow the new values of its own arrays among these."""


_FOLLOWERS: "weakref.WeakSet[Any]" = weakref.WeakSet()


def follows(follower: Follower) -> None:
    """Have a follower hear of all arrays that are put back, for as long as it lives."""
    _FOLLOWERS.add(follower)


def put_back(arrays: Collection[Any]) -> None:
    """Tell all followers that arrays have other values, which no step gave them."""
    for follower in list(_FOLLOWERS):
        follower.follow(arrays)
