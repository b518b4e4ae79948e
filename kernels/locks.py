"""Locks that a forked child finds open: the thread that held one at the fork does not exist there."""

import os
import threading
import weakref
from typing import Any

_LOCKS: "weakref.WeakSet[Any]" = weakref.WeakSet()


def lock() -> Any:
    """A new reentrant lock.

    `with` on it is safe against signals: Python looks for them between bytecodes, and takes this lock within one.
    """
    made = threading.RLock()
    _LOCKS.add(made)
    return made


def _open_in_child() -> None:
    for one in list(_LOCKS):
        one._at_fork_reinit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_open_in_child)
