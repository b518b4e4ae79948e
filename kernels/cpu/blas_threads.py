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

import numpy as np

from ..jit.compiler import address, compiled, entry_point
from . import threads

# OpenBLAS's threads stay awake for 2^28 ticks after a product, 0.13 s at 2 GHz, and after an update they do so as well.
STAY_AWAKE = 0.25
# After they were seen asleep it is this many seconds before they are looked at again: a look takes a microsecond.
UNTIL_NEXT_LOOK = 1e-3
# While they are not known: so often it is seen whether other threads of this process have worked, and for how long.
UNTIL_KNOWN, WORKED = 0.02, 0.005
# For how many seconds they are used before it is made sure again that products keep them awake, and not updates alone,
# and that these are of the thread that updates: then no other works for so large a part of the time.
FIRST_LOAN, LONGEST_LOAN = 1.0, 64.0
BUSY = 0.1
# An update that takes longer, in nanoseconds and in those for an element, has waited for a product of another thread of
# Python, or for a processor. Then they are left alone for so many times as long.
SLOW, SLOW_ELEMENT, PAUSE = 200_000, 8, 100

_CALLING = """
def on_the_blas(run, code, shares, number, width, clock, times, longest):
    call(clock, 1, times)
    call_with_four(run, number, code, shares, 8 * width)
    call(clock, 1, times + 16)
    took = (word(times, 2) - word(times, 0)) * 1_000_000_000 + word(times, 3) - word(times, 1)
    if took > longest:
        set_word(times, 4, took)
"""
# Three words: this thread's number, a function that says it, and where those of both threads are. It waits for the
# other for a while: a thread that is done at once would be given the second part too.
_NOTING = """
def note_thread(own):
    set_word(own, 0, call(word(own, 1), 0, 0))
    for _ in range(10_000):
        call(word(own, 1), 0, 0)
        if word(word(own, 2), 0) and word(word(own, 2), 3):
            break
"""


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
    if chosen == "0":
        return None
    try:
        # Names are looked up in what NumPy's own module is linked to, and in the C library.
        found = ctypes.CDLL(importlib.import_module("numpy._core._multiarray_umath").__file__)
        for name in ("gotoblas_pthread", "gettid", "clock_gettime"):
            getattr(found, name)
        ctypes.c_int.in_dll(found, "blas_cpu_number")
    except (ImportError, OSError, AttributeError, ValueError):
        return None
    return found


def _function(name: str) -> int:
    """The address of a function of the library."""
    return int(ctypes.cast(getattr(library(), name), ctypes.c_void_p).value or 0)


def _number() -> int:
    """How many threads the BLAS uses now; 1 if other code has given it threads of its own."""
    try:
        if ctypes.c_void_p.in_dll(library(), "openblas_threads_callback_").value:
            return 1
    except ValueError:  # OpenBLAS has this since version 0.3.27.
        pass
    return ctypes.c_int.in_dll(library(), "blas_cpu_number").value


@functools.cache
def _noting() -> int:
    return address(compiled("note_thread", _NOTING, "void(int64)"))


def _worker(noting: int) -> int | None:
    """The processor-time clock of a thread of the BLAS, or None; waits for products of other threads.

    noting: the address of `note_thread`.
    """
    notes = np.zeros((2, 3), np.int64)
    notes[:, 1], notes[:, 2] = _function("gettid"), notes.ctypes.data
    with threads.ONE_CALLER:
        library().gotoblas_pthread(2, ctypes.c_void_p(noting), ctypes.c_void_p(notes.ctypes.data), notes.strides[0])
    caller, other = notes[:, 0].tolist()
    return None if other == caller else _clock(other)


def _clock(thread: int) -> int:
    """The processor-time clock of the thread with this number of Linux's, as the C library makes it."""
    return ~thread << 3 | 6


def _in_background(work: Callable[..., None], *arguments: Any) -> None:
    with contextlib.suppress(RuntimeError):  # There are too many threads.
        threading.Thread(target=work, args=arguments, name="fastopt", daemon=True).start()


def _work_of_others() -> dict[int, float]:
    """For how many seconds each other thread of Python has worked: only those can multiply matrices."""
    found = {}
    for other in threading.enumerate():
        number = other.native_id
        if number is not None and number != threading.get_native_id():
            with contextlib.suppress(OSError):
                found[number] = time.clock_gettime(_clock(number))
    return found


class _Loan:
    """Whether the threads may be used now.

    worker: the processor-time clock of one of them, once it is known. times: room for those of an update. late:
    nanoseconds that the last update took, if it took too long, else 0.
    """

    def __init__(self) -> None:
        self.times = np.zeros(5, np.int64)
        self.late = self.times[4:]
        self._length = FIRST_LOAN
        self.forget()

    def forget(self) -> None:
        """Know no thread, as after a fork."""
        self.worker: int | None = None
        self._ends = self._resumes = 0.0
        self._others = math.inf
        self._trial: tuple[float, dict[int, float]] | None = None

    def usable(self) -> int:
        """How many threads an update may use: 0 if those of the BLAS sleep, or cannot be asked."""
        now = time.monotonic()
        if now < self._resumes:
            return 0
        if library() is None:
            self._resumes = math.inf
        elif self.late[0]:
            self._ends, self._trial, self._resumes = 0.0, None, now + PAUSE * 1e-9 * float(self.late[0])
            self.late[0] = 0
        elif self.worker is None:
            self._look_for_worker(now)
        elif not self._awake(self.worker):
            self._trial, self._resumes = None, now + UNTIL_NEXT_LOOK
            if now > self._ends:
                self._length = FIRST_LOAN
        elif now < self._ends or self._passes(now):
            number = min(_number(), threads.wanted())
            return number if number > 1 else 0
        return 0

    def _look_for_worker(self, now: float) -> None:
        """Come to know one of the threads. It is waked for that, so only if others than this one have been at work."""
        others = time.process_time() - time.thread_time()
        worked, self._others = others - self._others > WORKED, others
        self._resumes = now + UNTIL_KNOWN
        if worked and _number() > 1:
            self._resumes = math.inf
            _in_background(self._know_worker, _noting())

    def _know_worker(self, noting: int) -> None:
        self.worker = _worker(noting)
        self._resumes = 0.0 if self.worker is not None else time.monotonic() + LONGEST_LOAN

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
        self._ends = now + self._length
        self._length = min(2 * self._length, LONGEST_LOAN)
        return True


_loan = _Loan()
usable = _loan.usable


@functools.cache
def _calling() -> tuple[Callable[..., Any], int, int]:
    signature = f"void({', '.join(['int64'] * 8)})"
    function = entry_point(compiled("on_the_blas", _CALLING, signature))
    return function, _function("gotoblas_pthread"), _function("clock_gettime")


def side_by_side(code: int, shares: int, number: int, width: int, work: int) -> Callable[[], Any]:
    """As `threads.side_by_side`, on the threads of the BLAS."""
    function, run, clock = _calling()
    longest = SLOW + SLOW_ELEMENT * work
    return functools.partial(function, run, code, shares, number, width, clock, _loan.times.ctypes.data, longest)


def held() -> Any:
    """The lock to hold while the threads of the BLAS compute: a fork waits for it."""
    return threads.ONE_CALLER


if hasattr(os, "register_at_fork"):
    # OpenBLAS ends its threads before a fork, which with work under way never ends; both processes start others. The
    # child finds the lock open.
    os.register_at_fork(before=threads.ONE_CALLER.acquire, after_in_parent=threads.ONE_CALLER.release)
    os.register_at_fork(after_in_parent=_loan.forget, after_in_child=_loan.forget)
