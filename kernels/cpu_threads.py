"""numba's threads: when they may be used, and by how many callers at once. Importing this module imports numba."""

import functools
import os
import warnings
from typing import Any

import numba
from numba.np.ufunc import parallel

from .locks import lock

_ONE_CALLER = lock()
_lost = False  # Whether this process was forked from one that had threads.


@functools.cache
def start() -> None:
    """Start numba's threads so that they sleep when idle, unless OMP_WAIT_POLICY says otherwise.

    By default those of OpenMP spin. Where NumPy's own threads ran just before, as in any training step, the two kinds
    then wait for each other's time slices, and an update took a hundred times as long (docs/design.md).
    """
    if "OMP_WAIT_POLICY" in os.environ:
        return
    os.environ["OMP_WAIT_POLICY"] = "passive"  # read when the library is loaded, and by nobody else meant
    try:
        numba.get_num_threads()
    finally:
        del os.environ["OMP_WAIT_POLICY"]


def usable() -> int:
    """How many threads an update may use: one in a child that was forked after they were started."""
    if _lost:
        _warn()
        return 1
    # Only now: a child forked before can still start its own.
    start()
    return int(numba.get_num_threads())


def guard() -> Any:
    """The lock to hold while parallel kernels run, where the layer that numba found takes one caller at a time."""
    return _ONE_CALLER if parallel.threading_layer() == "workqueue" else None


@functools.cache
def _warn() -> None:
    warnings.warn(
        "this process was forked after its parent had updated arrays with several threads, which do not survive a "
        "fork: updates use one thread here, with the same results. Fork before the first update, or start processes "
        "with multiprocessing.get_context('spawn')",
        RuntimeWarning,
        stacklevel=2,
    )


def _note_fork() -> None:
    global _lost
    # Whoever started them: OpenMP ends a child that goes on with them, workqueue waits for them for ever. TBB may.
    if parallel._is_initialized and parallel.threading_layer() != "tbb":
        _lost = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
