"""Signals, forks and lack of memory: uninterrupted work, locks that a forked child finds open, MemoryError's text."""

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


def uninterrupted(work: Callable[..., T], *arguments: Any) -> T:
    """Call `work(*arguments)` so that no signal's handler breaks it off; returns or raises what the call does.

    numba keeps half-made entries if compiling, or importing it, ends early.
    Python runs handlers in the main thread alone, so the main thread waits while another thread works. If a handler
    raises, as Ctrl-C does, the waiting ends at once; the other thread finishes the work, unless the process ends first.
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

    # A daemon: the process does not wait for it at its end.
    thread = threading.Thread(target=run, name="fastopt compiles", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors.pop()
    return results[0]


# A forked child finds these locks open: the thread that held one at the fork does not exist there.
_LOCKS: "weakref.WeakSet[Any]" = weakref.WeakSet()


def lock() -> Any:
    """A new reentrant lock.

    `with` on it is safe against signals: Python looks for signals between bytecodes, and takes this lock within one.
    """
    rlock = threading.RLock()
    _LOCKS.add(rlock)
    return rlock


def _open_in_child() -> None:
    for rlock in list(_LOCKS):
        rlock._at_fork_reinit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_open_in_child)


@contextmanager
def memory_for(what: str, remedy: str) -> Iterator[None]:
    """A context in which a MemoryError names what there was no memory for, and the remedy."""
    try:
        yield
    except MemoryError as error:
        raise MemoryError(f"there is no memory for {what}: {error}; nothing has been changed. {remedy}") from error
