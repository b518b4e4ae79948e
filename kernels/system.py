"""Work that no signal's handler breaks off: numba keeps half-made entries if compiling, or importing it, ends early."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def uninterrupted(work: Callable[..., T], *arguments: Any) -> T:
    """What `work(*arguments)` returns or raises.

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
