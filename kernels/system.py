"""Signals, forks and short memory: work that no handler breaks off, locks that a child finds open, what errors say."""

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


def uninterrupted(work: Callable[..., T], *arguments: Any) -> T:
    """What `work(*arguments)` returns or raises; no signal's handler breaks it off.

    numba keeps half-made entries if compiling, or importing it, ends early.
    Python runs handlers in the main thread alone, so that one waits while another works. If a handler raises, as Ctrl-C
    does, the waiting ends at once; the work is done to its end behind, unless the process ends before.
    """
    if threading.current_thread() is not threading.main_thread():
        return work(*arguments)
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work(*arguments))
        except BaseException as error:
            errors.append(error)

    # A daemon, for which the end of the process does not wait.
    thread = threading.Thread(target=run, name="fastopt compiles", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors.pop()
    return results[0]


# A forked child finds them open: the thread that held one at the fork does not exist there.
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


@contextmanager
def memory_for(what: str, remedy: str) -> Iterator[None]:
    """Within it, a MemoryError names what there was no memory for, and the remedy."""
    try:
        yield
    except MemoryError as error:
        raise MemoryError(f"there is no memory for {what}: {error}; nothing has been changed. {remedy}") from error
