"""Runs side by side, each in a process of its own with one thread."""

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

# Read by numba, OpenMP and the libraries behind NumPy's matrix products when they are loaded.
THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side(
    function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]], workers: int
) -> Iterator[tuple[int, Any, str | None]]:
    """Call function(*job) for each job in new processes; yields, as they end, a job's number, result and error.

    The error is the exception in words, or how the process ended; other jobs go on. Raises TypeError if the function
    or a job cannot be sent to another process, RuntimeError if a process cannot begin. The processes end with the
    iteration.
    """
    pool = _Pool(_pickled(function))
    _check_jobs(jobs)
    waiting = list(enumerate(jobs))[::-1]
    # The job of each process; None until it has said that it is ready.
    running: dict[Any, int | None] = {}
    try:
        for _ in range(min(workers, len(jobs))):
            running[pool.start()] = None
        while running:
            connection: Any
            for connection in wait(list(running)):
                number = running.pop(connection)
                try:
                    result, error = connection.recv()
                except (EOFError, OSError):
                    result, error = None, pool.bury(connection, ready=number is not None)
                    if waiting:
                        running[pool.start()] = None
                else:
                    if waiting:
                        following, job = waiting.pop()
                        with contextlib.suppress(OSError):  # The next wait notices a process that has ended.
                            connection.send(job)
                        running[connection] = following
                if number is not None:
                    yield number, result, error
    finally:
        pool.end()


class _Pool:
    """Processes that wait for jobs; each answers once when it is ready."""

    def __init__(self, function: bytes) -> None:
        self._function = function
        self._processes: dict[Any, Any] = {}

    def start(self) -> Any:
        """The connection to a new process."""
        context = multiprocessing.get_context("spawn")  # after fork, a child with OpenMP's threads dies
        connection, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._function))
        with _one_thread(), _held_back():
            process.start()
        theirs.close()
        self._processes[connection] = process
        return connection

    def bury(self, connection: Any, ready: bool) -> str:
        """How a process ended, in words. Raises RuntimeError if the process never was ready."""
        process = self._processes.pop(connection)
        process.join()
        code = process.exitcode
        if not ready:
            raise RuntimeError(
                f"a process ended before it could begin, with exit code {code}; stderr says why. In a script the call "
                'stands under `if __name__ == "__main__":`, since each process imports the script'
            )
        if code is not None and code < 0:
            return f"the process was ended by signal {signal.Signals(-code).name}; perhaps there was no memory left"
        return f"the process ended with exit code {code}"

    def end(self) -> None:
        for connection, process in self._processes.items():
            connection.close()
            process.terminate()
        for process in self._processes.values():
            process.join()


def _serve(connection: Connection, function: bytes) -> None:
    """Do jobs in a new process, until the other end of the connection is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as _held_back, where there are no masks
    threading.Thread(target=_end_with_parent, daemon=True).start()
    call = None
    connection.send((None, None))  # ready
    while True:
        try:
            job = connection.recv()
        except (EOFError, OSError):
            return
        answer: tuple[Any, str | None]
        try:
            # Loaded within the try, so that a function that cannot be found is an error like any other.
            call = call or pickle.loads(function)
            answer = call(*job), None
            pickle.dumps(answer)
        except Exception as error:
            print(traceback.format_exc(), file=sys.stderr)
            answer = None, " ".join(f"{type(error).__name__}: {error}".split())
        connection.send(answer)


def _end_with_parent() -> None:
    """End this process, also in the middle of a job, when the one that started it has been killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _pickled(function: Callable[..., Any]) -> bytes:
    # New processes import the function from its file, which a notebook and an interpreter do not have.
    file = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    bare = getattr(function, "__module__", None) == "__main__" and not os.path.isfile(file)
    with contextlib.suppress(Exception):
        if not bare:
            return pickle.dumps(function)
    raise TypeError(
        f"{function!r} cannot be sent to another process; write a function at the top level of a module (a file, not a "
        "notebook or an interpreter), without closures"
    )


def _check_jobs(jobs: Sequence[tuple[Any, ...]]) -> None:
    for job in jobs:
        try:
            pickle.dumps(job)
        except Exception as error:
            raise TypeError(f"{job!r} cannot be sent to another process: {error}") from error


@contextlib.contextmanager
def _held_back() -> Iterator[None]:
    """Hold back Ctrl-C within the block; processes started there never get it, not even while they import."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Else the first process that is started starts this one, and lets SIGINT through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Give processes started within the block one thread in every library: the processes keep the cores busy."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
