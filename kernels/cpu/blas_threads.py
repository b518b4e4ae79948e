"""Updates on the threads of NumPy's OpenBLAS, right after a matrix product, when these are awake and in the way.

They wait for the next product with their processors busy, for 0.1 s. Another thread would have to share a processor
with one of them. So an update goes to those threads themselves.
"""

import contextlib
import functools
import math
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from . import openblas, threads

# OpenBLAS's threads stay awake for 2^28 ticks after a product, 0.13 s at 2 GHz, and after an update they do so as well.
STAY_AWAKE = 0.25
# After they were seen asleep it is this many seconds before they are looked at again: a look takes a microsecond.
UNTIL_NEXT_LOOK = 1e-3
# While they are not known: so often it is seen whether other threads of this process have worked, for so many seconds
# or for half of the time.
UNTIL_KNOWN, WORKED = 0.02, 0.05
# For how many seconds they are used before it is made sure again that products keep them awake, and not updates alone,
# and that these are of the thread that updates: then no other works for so large a part of the time.
FIRST_LOAN, LONGEST_LOAN = 1.0, 16.0
BUSY = 0.1
# An update that takes longer, in nanoseconds and in those for an element, has waited for a product of another thread of
# Python, or for a processor. Then they are left alone for so many times as long.
SLOW, SLOW_ELEMENT, PAUSE = 100_000, 5, 100


def _in_background(work: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # There are too many threads.
        threading.Thread(target=work, name="fastopt", daemon=True).start()


def _work_of_others() -> dict[int, float]:
    """For how many seconds each other thread of the module threading has worked."""
    found = {}
    for other in threading.enumerate():
        number = other.native_id
        if number is not None and number != threading.get_native_id():
            with contextlib.suppress(OSError):
                found[number] = time.clock_gettime(openblas.clock(number))
    return found


class _Loan:
    """Whether the threads may be used now.

    workers: their processor-time clocks, once they are known; the first is of the thread that every product uses.
    times: room for those of an update. late: nanoseconds that the last update took, if it took too long, else 0.
    """

    def __init__(self) -> None:
        self.times = np.zeros(5, np.int64)
        self.late = self.times[4:]
        self._length = FIRST_LOAN
        self.forget()

    def forget(self) -> None:
        """Know no thread, as after a fork."""
        self.workers: list[int] = []
        self._ends = self._resumes = 0.0
        self._looked: tuple[float, float] | None = None
        self._trial: tuple[float, dict[int, float]] | None = None
        self._awake_ones = self._of_python = 0

    def usable(self) -> int:
        """How many threads an update may use: 0 if those of the BLAS sleep, or cannot be asked."""
        now = time.monotonic()
        if now < self._resumes:
            return 0
        if openblas.library() is None:
            self._resumes = math.inf
        elif self.late[0]:
            self._resumes = now + PAUSE * 1e-9 * float(self.late[0])
            self.late[0] = 0
        elif not self.workers:
            self._look_for_workers(now)
        elif not self._awake(self.workers[0]):
            self._trial, self._resumes = None, now + UNTIL_NEXT_LOOK
            if now > self._ends:
                self._length = FIRST_LOAN
        elif (now < self._ends and threading.active_count() == self._of_python) or self._passes(now):
            number = min(1 + self._awake_ones, openblas.in_use(), threads.wanted())
            return number if number > 1 else 0
        return 0

    def _look_for_workers(self, now: float) -> None:
        """Come to know the threads. They are waked for that, so only if others than this one have been at work."""
        others = time.process_time() - time.thread_time()
        (began, before), self._looked = self._looked or (now, others), (now, others)
        self._resumes = now + UNTIL_KNOWN
        if others - before > min(WORKED, (now - began) / 2) and openblas.in_use() > 1:
            # Compiled here: a fork while another thread compiles ends badly.
            openblas.on_the_blas()
            openblas.note_thread()
            self._resumes = now + LONGEST_LOAN
            _in_background(self._know_workers)

    def _know_workers(self) -> None:
        self.workers = openblas.clocks()
        if self.workers:
            self._resumes = 0.0

    def _awake(self, worker: int) -> bool:
        """Whether a thread of the BLAS has run in between two looks at its clock."""
        try:
            return time.clock_gettime_ns(worker) != time.clock_gettime_ns(worker)
        except OSError:  # The thread has ended, as OpenBLAS's do before a fork.
            self.forget()
            return False

    def _passes(self, now: float) -> bool:
        """Whether they stay awake for a while without updates, by products of this thread of Python alone."""
        if self._trial is None:
            self._trial = now, _work_of_others()
        began, before = self._trial
        if now < began + STAY_AWAKE:
            return False
        self._trial = None
        after = _work_of_others()
        if sum(seconds - before.get(thread, 0.0) for thread, seconds in after.items()) > BUSY * (now - began):
            self._resumes = now + FIRST_LOAN
            return False
        self._awake_ones = max(1, sum(self._awake(worker) for worker in list(self.workers)))
        self._of_python = threading.active_count()
        self._ends = now + self._length
        self._length = min(2 * self._length, LONGEST_LOAN)
        return True


_loan = _Loan()
usable = _loan.usable


def side_by_side(code: int, shares: int, number: int, width: int, work: int) -> Callable[[], Any]:
    """As `threads.side_by_side`, on the threads of the BLAS.

    Raises ValueError if it has fewer: it would wait for them for ever.
    """
    if number > openblas.most():
        raise ValueError(f"{number} threads of a BLAS that has {openblas.most()}")
    longest = SLOW + SLOW_ELEMENT * work
    return functools.partial(openblas.on_the_blas(), _loan.times.ctypes.data, code, shares, number, width, longest)


def one_caller_lock() -> Any:
    """The lock to hold while the threads of the BLAS compute: Python's forks wait for it."""
    return threads.ONE_CALLER


def _release() -> None:
    with contextlib.suppress(RuntimeError):  # A signal's handler broke off the waiting.
        threads.ONE_CALLER.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=threads.ONE_CALLER.acquire, after_in_parent=_release)
    os.register_at_fork(after_in_parent=_loan.forget, after_in_child=_loan.forget)
