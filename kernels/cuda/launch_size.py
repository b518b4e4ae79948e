"""The launch size of the kernel that updates many sets of arrays at once, and a context that changes it for a while.

The results do not depend on the launch size.
"""

import contextlib
from collections.abc import Iterator
from typing import NamedTuple


class Launch(NamedTuple):
    """threads: of a block. rounds_per_thread: how many packs of 128 bits a thread takes of each array, where there are
    enough of them."""

    threads: int = 256
    rounds_per_thread: int = 4


THREADS = Launch().threads
# Read at every launch.
now = Launch()


def check_launch(threads: int | None = None, rounds_per_thread: int | None = None) -> None:
    """Raise ValueError for numbers that `launching` does not take."""
    if threads is not None and (not 32 <= threads <= 1024 or threads & (threads - 1)):
        raise ValueError(f"threads must be a power of two from 32 to 1024; got {threads}")
    if rounds_per_thread is not None and rounds_per_thread < 1:
        raise ValueError(f"rounds_per_thread must be 1 or more; got {rounds_per_thread}")


@contextlib.contextmanager
def launching(threads: int | None = None, rounds_per_thread: int | None = None) -> Iterator[None]:
    """A context in which all threads of the process launch the kernel with these numbers: for benchmarks.

    threads: a power of two from 32 to 1024. rounds_per_thread: 1 or more. None leaves a number as it is.
    Raises ValueError for other numbers.
    """
    global now
    check_launch(threads, rounds_per_thread)
    before = now
    now = Launch(
        before.threads if threads is None else threads,
        before.rounds_per_thread if rounds_per_thread is None else rounds_per_thread,
    )
    try:
        yield
    finally:
        now = before
