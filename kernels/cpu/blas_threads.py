"""The threads of NumPy's BLAS, for updates right after a matrix product, when they are awake and in the way of others.

OpenBLAS's threads wait for the next product with their processors busy, for 0.1 s. Another thread would have to share a
processor with one of them. So an update goes to those threads themselves: OpenBLAS has a function that runs any other
side by side on them, `gotoblas_pthread`. Nothing of OpenBLAS is changed.
"""

import contextlib
import ctypes
import functools
import importlib
import math
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from . import threads

# OpenBLAS's threads stay awake for 2^28 ticks after a product, at most so many seconds where a tick is 1/1.8 GHz or
# less; after an update they do so as well.
STAY_AWAKE = 0.15
# After they were seen asleep it is this many seconds before they are looked at again: a look takes a microsecond.
UNTIL_NEXT_LOOK = 1e-3
# For how many seconds they are used before it is made sure that products, and not updates alone, keep them awake.
FIRST_LOAN, LONGEST_LOAN = 1.0, 64.0
# An update that takes longer, in seconds and in seconds an element, has waited for products of other threads.
SLOW, SLOW_ELEMENT = 5e-3, 2e-8


@functools.cache
def library() -> Any:
    """NumPy's OpenBLAS, if it can run updates and says how many threads it has; else None.

    Raises ValueError if FASTOPT_BLAS_THREADS is neither 0, which forbids it, nor 1.
    """
    chosen = os.environ.get("FASTOPT_BLAS_THREADS", "1")
    if chosen not in ("0", "1"):
        raise ValueError(
            f"FASTOPT_BLAS_THREADS is {chosen!r}: set it to 0, so that updates never use the threads of NumPy's BLAS, "
            "or to 1, which is the default"
        )
    if chosen == "0" or not hasattr(time, "pthread_getcpuclockid"):
        return None
    try:
        # The names of the functions are looked up in what NumPy's own module is linked to.
        found = ctypes.CDLL(importlib.import_module("numpy._core._multiarray_umath").__file__)
        found.gotoblas_pthread.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
        ctypes.c_int.in_dll(found, "blas_cpu_number")
    except (ImportError, OSError, AttributeError, ValueError):
        return None
    return found


def _number() -> int:
    """How many threads the BLAS uses now."""
    return ctypes.c_int.in_dll(library(), "blas_cpu_number").value


def _worker() -> int | None:
    """The processor-time clock of a thread of the BLAS; None if it uses the caller's alone."""
    if _number() < 2:
        return None
    found: list[int] = []
    caller, both = threading.get_ident(), threading.Barrier(2)

    def note(_: Any) -> None:
        # A thread that is done at once would be given the second part too.
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(1.0)
        if threading.get_ident() != caller:
            found.append(time.pthread_getcpuclockid(threading.get_ident()))

    library().gotoblas_pthread(2, ctypes.CFUNCTYPE(None, ctypes.c_void_p)(note), None, 0)
    return found[0] if found else None


class _Loan:
    """Whether the threads may be used now.

    worker: the processor-time clock of one of them, once it is known.
    """

    def __init__(self) -> None:
        self.worker: int | None = None
        self._used = self._ends = self._resumes = 0.0
        self._length, self._pause = FIRST_LOAN, FIRST_LOAN

    def usable(self) -> int:
        """How many threads an update may use: 0 if those of the BLAS sleep or cannot be asked."""
        now = time.monotonic()
        if now < self._resumes:
            return 0
        if library() is None:
            self._resumes = math.inf
            return 0
        return min(_number(), threads.wanted()) if self._granted(now) else 0

    def _granted(self, now: float) -> bool:
        """Whether one of the threads is awake, and not because of updates alone."""
        if self.worker is None:
            self.worker, self._used = _worker(), now
        if not self._awake():
            self._resumes = now + UNTIL_NEXT_LOOK
            if now > self._ends:
                self._length = FIRST_LOAN
            return False
        if now > self._ends:
            if now < self._used + STAY_AWAKE:
                self._resumes = self._used + STAY_AWAKE
                return False
            self._ends = now + self._length
            self._length = min(2 * self._length, LONGEST_LOAN)
        self._used = now
        return True

    def _awake(self) -> bool:
        """Whether the thread has run in between two looks at its clock."""
        if self.worker is None:
            return False
        try:
            return time.clock_gettime_ns(self.worker) != time.clock_gettime_ns(self.worker)
        except OSError:  # The thread has ended, as OpenBLAS's do before a fork.
            self.worker = None
            return False

    def give_up(self) -> None:
        """Leave the threads alone for some time, twice as long as the last time."""
        self._ends, self._resumes = 0.0, time.monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_LOAN)


_loan = _Loan()
usable = _loan.usable


def side_by_side(code: int, shares: int, number: int, width: int) -> Callable[[], Any]:
    """As `threads.side_by_side`, on the threads of the BLAS."""
    return functools.partial(library().gotoblas_pthread, number, code, shares, 8 * width)


class _Watch:
    """Sees whether an update had to wait for products of other threads of this process."""

    def __init__(self, work: int) -> None:
        self._longest = SLOW + SLOW_ELEMENT * work

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        if time.perf_counter() - self._began > self._longest:
            _loan.give_up()


def held(work: int) -> Any:
    """As `threads.held`: nothing is locked, but an update that takes too long is the last for a while."""
    return _Watch(work)


def _forget() -> None:
    _loan.worker = None


if hasattr(os, "register_at_fork"):
    # OpenBLAS ends its threads before a fork; both processes start others.
    os.register_at_fork(after_in_parent=_forget, after_in_child=_forget)
