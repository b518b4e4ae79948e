"""numba's threads: when they may be used, and by how many callers at once. Importing this module imports numba."""

import _thread
import contextlib
import ctypes
import functools
import os
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numba
from numba.core import config
from numba.np.ufunc import parallel

from ..jit.compiler import compiled, entry_point
from ..system import lock

_SIDE_BY_SIDE = """
def side_by_side(code, shares, number, width):
    for k in prange(number):
        call(code, shares + 8 * width * k, 0)
"""

# Held while threads compute that take one caller at a time, whosever they are.
ONE_CALLER = lock()
_STARTING = lock()
_lost = False  # Whether this process was forked from one that had threads.


def start() -> None:
    """Start numba's threads so that they sleep when idle, unless OMP_WAIT_POLICY or GOMP_SPINCOUNT is set.

    By default OpenMP's threads spin. Where NumPy's own threads ran just before, as in any training step, the two kinds
    then wait for each other's time slices, and an update took a hundred times as long
    (docs/decisions/sleeping-threads.md).
    """
    with _STARTING:
        _start()


@functools.cache
def _start() -> None:
    if {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ):
        return
    shared = _openmp()
    os.environ["OMP_WAIT_POLICY"] = "passive"  # read when the library is loaded; meant for it alone
    try:
        number = numba.get_num_threads()
    finally:
        del os.environ["OMP_WAIT_POLICY"]
    if shared and number > 1 and parallel.threading_layer() == "omp":
        # If the library is not as expected here, such as another one of that name, it costs time and no more.
        with contextlib.suppress(OSError, AttributeError, RuntimeError):
            _rest(ctypes.CDLL(shared), number)


def _openmp() -> str | None:
    """The file of GNU's OpenMP library if another library, such as torch, has loaded it: then its threads spin."""
    try:
        with open("/proc/self/maps", encoding="utf-8") as maps:
            return next((line.split(maxsplit=5)[5].strip() for line in maps if "/libgomp.so" in line), None)
    except OSError:
        return None


def _threads() -> set[str]:
    """The numbers of this process's threads."""
    return set(os.listdir("/proc/self/task"))


def _rest(library: Any, number: int) -> None:
    """Make `number` threads of an OpenMP library sleep when idle, if no other library computes with them.

    There is no call for that. But where a process has more OpenMP threads than processors, idle ones sleep after some
    microseconds. So an extra thread, which never does anything, holds as many threads as that takes.
    """
    nothing = ctypes.cast(library.omp_get_level, ctypes.c_void_p)
    before = _threads()
    library.GOMP_parallel(nothing, None, number, 0)
    if not _threads() - before:
        return  # The threads were there: another library computes with them, and they are awake for us too.
    more = max(1, len(os.sched_getaffinity(0)) - number + 1)
    if more > number:
        return  # There are processors to spare.
    done, never = threading.Lock(), threading.Lock()
    done.acquire()
    never.acquire()

    def hold() -> None:
        library.GOMP_parallel(nothing, None, more + 1, 0)
        done.release()
        never.acquire()

    _thread.start_new_thread(hold, ())
    done.acquire()


def usable() -> int:
    """How many threads an update may use: one in a child that was forked after they were started."""
    if _lost:
        _warn()
        return 1
    # Only now: a child forked before can still start its own.
    start()
    _runner()
    return int(numba.get_num_threads())


def wanted() -> int:
    """How many threads numba is to use; they need not have been started."""
    return int(numba.get_num_threads() if parallel._is_initialized else config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]


@functools.cache
def _runner() -> Callable[..., Any]:
    return entry_point(compiled("side_by_side", _SIDE_BY_SIDE, f"void({', '.join(['int64'] * 4)})", parallel=True))


def side_by_side(code: int, shares: int, number: int, width: int, work: int) -> Callable[[], Any]:
    """A function that calls machine code on each of several shares, side by side.

    code: the address of a C function of one pointer. shares: the address of the first share. number: how many there
    are. width: how many integers each has. work: how many elements they compute.
    """
    return functools.partial(_runner(), code, shares, number, width)


def one_caller_lock() -> Any:
    """The lock to hold while threads compute, if numba's threading layer takes one caller at a time."""
    return ONE_CALLER if parallel.threading_layer() == "workqueue" else None


@functools.cache
def _warn() -> None:
    warnings.warn(
        "this process was forked after its parent had updated arrays with several threads, which do not survive a "
        "fork: updates use one thread of their own here, with the same results. Fork before the first update, or start "
        "processes with multiprocessing.get_context('spawn')",
        RuntimeWarning,
        stacklevel=2,
    )


def _note_fork() -> None:
    global _lost
    # Whoever started the threads: OpenMP ends a child that uses them, workqueue waits for them for ever. TBB allows it.
    if parallel._is_initialized and parallel.threading_layer() != "tbb":
        _lost = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
