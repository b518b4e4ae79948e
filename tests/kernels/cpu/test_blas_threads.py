"""Updates on the threads of NumPy's BLAS: when they are taken, and when they are left alone."""

import ctypes
import functools
import math
import threading
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from examples import run_python

from fastopt.kernels.cpu import blas_threads, openblas
from fastopt.kernels.cpu import threads as cpu_threads
from fastopt.kernels.cpu.blas_threads import FIRST_LOAN, LONGEST_LOAN, STAY_AWAKE, UNTIL_KNOWN, UNTIL_NEXT_LOOK

WITH_THEM = pytest.mark.skipif(
    openblas.library() is None or openblas.in_use() < 2, reason="NumPy's BLAS has no threads to be asked"
)


class Simulated:
    """A BLAS of four threads, and time.

    until: when its threads go to sleep. worked: for how many seconds others than the caller's thread have; of_python:
    and those of Python. busy: the part of the time for which one of Python works. in_use: how many threads the BLAS
    uses. woken: how many of them products wake.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.until, self.looks, self.worked = 1000.0, 0.0, 0, 5.0
        self.of_python = self.busy = 0.0
        self.in_use, self.woken = 4, 3
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "clock_gettime_ns", self.clock)
        monkeypatch.setattr(time, "process_time", lambda: 2.0 + self.worked)
        monkeypatch.setattr(time, "thread_time", lambda: 2.0)
        monkeypatch.setattr(openblas, "library", object)
        monkeypatch.setattr(openblas, "clocks", self.wake)
        monkeypatch.setattr(openblas, "on_the_blas", lambda: None)
        monkeypatch.setattr(openblas, "note_thread", lambda: 0)
        monkeypatch.setattr(openblas, "in_use", lambda: self.in_use)
        monkeypatch.setattr(blas_threads, "_in_background", lambda work: work())
        monkeypatch.setattr(blas_threads, "_work_of_others", lambda: {1: self.of_python})
        monkeypatch.setattr(cpu_threads, "wanted", lambda: 3)
        self.loan = blas_threads._Loan()

    def wake(self) -> list[int]:
        self.until = self.now + 0.1
        return [7, 8, 9][: self.woken]

    def clock(self, number: int) -> int:
        assert number in (7, 8, 9)
        self.looks += 1
        return self.looks if self.now < self.until else 0

    def steps(self, seconds: float, products: bool, pause: float = 0.005) -> list[int]:
        """How many threads each of the steps of some seconds may use; if it uses them they stay awake."""
        found = []
        for _ in range(round(seconds / pause)):
            if products:
                self.wake()
            found.append(self.loan.usable())
            if found[-1]:
                self.wake()
            self.worked += max(0.0, min(pause, self.until - self.now))
            self.of_python += self.busy * pause
            self.now += pause
        return found


@pytest.fixture
def unknown(monkeypatch: pytest.MonkeyPatch) -> Simulated:
    """A process that has not multiplied yet."""
    return Simulated(monkeypatch)


@pytest.fixture
def simulated(unknown: Simulated) -> Simulated:
    """A process that has multiplied, and whose BLAS sleeps again."""
    unknown.steps(2.0, True)
    unknown.now += 100.0
    assert unknown.loan.usable() == 0
    unknown.now += 1.0
    unknown.looks = 0
    return unknown


TRIAL = round(STAY_AWAKE / 0.005)


def test_threads_that_never_worked_are_not_waked(unknown: Simulated) -> None:
    for in_use, worked in ((4, 0.0), (4, 0.4), (1, 1.0), (0, 1.0)):
        unknown.in_use = in_use
        for _ in range(1000):
            assert not unknown.loan.usable()
            unknown.worked += worked * 0.005  # threads of another kind, or of before a fork
            unknown.now += 0.005
    assert unknown.until == 0.0


def test_as_many_are_used_as_are_awake(unknown: Simulated) -> None:
    unknown.woken = 1
    assert set(unknown.steps(1.0, True)[-10:]) == {2}


def test_another_thread_of_python_ends_a_loan(simulated: Simulated) -> None:
    assert all(simulated.steps(STAY_AWAKE + 0.1, True)[-10:])
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert not any(simulated.steps(STAY_AWAKE - 0.01, True))
        assert all(simulated.steps(0.1, True)[-10:])
    finally:
        stop.set()
        thread.join()


def test_threads_that_work_are_known_and_used_soon(unknown: Simulated) -> None:
    assert all(unknown.steps(2 * UNTIL_KNOWN + STAY_AWAKE + 0.1, True)[-10:])


def test_threads_that_sleep_are_left_alone_and_not_looked_at_all_the_time(simulated: Simulated) -> None:
    assert simulated.steps(0.1, False, UNTIL_NEXT_LOOK / 10) == [0] * 1000
    assert simulated.looks <= 2 * 102


def test_threads_that_products_keep_awake_are_used_but_for_moments(simulated: Simulated) -> None:
    found = simulated.steps(FIRST_LOAN, True)
    assert not any(found[:TRIAL])
    assert set(found[TRIAL + 1 :]) == {3}  # as many as numba may use
    found = simulated.steps(200.0, True)
    assert 0.97 < found.count(3) / len(found) < 0.99
    # After products have stopped it begins as at first.
    assert not any(simulated.steps(LONGEST_LOAN + 1, False)[-10:])
    early = simulated.steps(3.0, True)
    assert 0.7 < early.count(3) / len(early) < 0.9


def test_threads_that_updates_alone_keep_awake_are_given_back(simulated: Simulated) -> None:
    simulated.steps(STAY_AWAKE + 0.1, True)
    found = simulated.steps(FIRST_LOAN + STAY_AWAKE, False)
    last = len(found) - found[::-1].index(3)
    assert last * 0.005 <= FIRST_LOAN
    assert not any(simulated.steps(20.0, False))


def test_steps_far_apart_use_what_the_products_before_each_keep_awake(simulated: Simulated) -> None:
    found = simulated.steps(200.0, True, pause=2 * STAY_AWAKE)
    assert 0.95 < found.count(3) / len(found) < 1


def test_threads_that_another_thread_of_python_may_use_are_left_alone(simulated: Simulated) -> None:
    simulated.busy = 0.3
    assert not any(simulated.steps(20.0, True))
    simulated.busy = 0.05
    assert all(simulated.steps(FIRST_LOAN + 2 * STAY_AWAKE + 0.1, True)[-10:])


def test_after_an_update_that_had_to_wait_they_are_left_alone_a_hundred_times_as_long(simulated: Simulated) -> None:
    assert all(simulated.steps(STAY_AWAKE + 0.1, True)[-10:])
    for seconds in (0.001, 0.004):
        simulated.loan.late[0] = 1e9 * seconds
        assert not any(simulated.steps(99 * seconds, True))
        assert all(simulated.steps(0.05 + 2 * seconds, True)[-5:])


def test_a_thread_that_has_ended_is_looked_for_anew(simulated: Simulated, monkeypatch: Any) -> None:
    def gone(number: int) -> int:
        raise OSError

    monkeypatch.setattr(time, "clock_gettime_ns", gone)
    assert simulated.loan.usable() == 0
    monkeypatch.setattr(time, "clock_gettime_ns", simulated.clock)
    assert sum(simulated.steps(1.0, True)) > 0


@pytest.mark.long  # Threads that others leave no time are seen asleep for a minute.
@WITH_THEM
def test_a_product_wakes_them_and_they_go_to_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_threads, "wanted", lambda: 2)
    loan = blas_threads._Loan()
    a = np.ones((300, 300), "float32")
    end = time.monotonic() + 60
    while not loan.usable():
        a @ a
        assert time.monotonic() < end, "never seen awake"
    # At most 0.13 s by the clock of a processor of 2 GHz; others of this machine may be at work too.
    end = time.monotonic() + 60
    while loan.usable():
        time.sleep(0.3)
        assert time.monotonic() < end, "never seen asleep"


def test_the_work_of_other_threads_of_python_is_seen() -> None:
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            pass

    busy, waiting = threading.Thread(target=work), threading.Thread(target=stop.wait)
    busy.start()
    waiting.start()
    before = blas_threads._work_of_others()
    time.sleep(0.3)
    after = blas_threads._work_of_others()
    stop.set()
    busy.join()
    waiting.join()
    assert threading.get_native_id() not in after
    worked = {thread.native_id: after[thread.native_id] - before[thread.native_id] for thread in (busy, waiting)}
    assert worked[busy.native_id] > 0.02  # of 0.3 s
    assert worked[waiting.native_id] < 0.01


@WITH_THEM
def test_an_update_that_had_to_wait_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    loan = blas_threads._Loan()
    monkeypatch.setattr(blas_threads, "_loan", loan)
    # A share is for how many microseconds its part sleeps.
    shares = np.array([[100], [20_000]])
    usleep = ctypes.cast(ctypes.CDLL(None).usleep, ctypes.c_void_p).value
    sleep = openblas.address(openblas.compiled("sleep", _SLEEP.format(usleep), "void(int64)"))
    blas_threads.side_by_side(sleep, shares.ctypes.data, *shares.shape, 10**11)()
    assert loan.late[0] == 0
    blas_threads.side_by_side(sleep, shares.ctypes.data, *shares.shape, 0)()
    assert loan.late[0] >= 20_000_000
    assert loan.usable() == 0
    assert loan.late[0] == 0


def test_threads_that_come_first_together_have_one_word_that_forks_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Updates write it by its address, which would be of an engine that is gone."""

    @functools.cache
    def made() -> object:
        time.sleep(0.01)
        return object()

    monkeypatch.setattr(openblas, "_made_to_wait", made)
    found: list[Any] = []
    workers = [threading.Thread(target=lambda: found.append(openblas._forks_wait())) for _ in range(4)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    assert found == 4 * [made()]


@WITH_THEM
def test_more_threads_than_it_has_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^65 threads of a BLAS that has \d+$"):
        blas_threads.side_by_side(0, 0, 65, 6, 1000)


@WITH_THEM
def test_threads_that_other_code_gives_the_blas_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert openblas.in_use() > 1
    monkeypatch.setattr(openblas, "_callback", lambda: ctypes.c_void_p(1))
    assert openblas.in_use() == 0
    assert openblas.clocks() == []


_SLEEP = """
def sleep(share):
    call({}, word(share, 0), 0)
"""


def library(*lacks: str) -> Any:
    """A library with the names of OpenBLAS but for some."""
    names = {"gotoblas_pthread", "gettid", "clock_gettime", "usleep", "__register_atfork"} - {*lacks}
    return type("Library", (), dict.fromkeys(names))()


CANNOT = {
    "not loaded": {"CDLL": OSError()},
    "no OpenBLAS": {"CDLL": library("gotoblas_pthread")},
    "an unknown number of threads": {"in_dll": ValueError()},
    "another processor": {"machine": "aarch64"},
    "awake for longer": {"OPENBLAS_THREAD_TIMEOUT": "29"},
}


@pytest.mark.parametrize("differs", [{}, *CANNOT.values()], ids=["can be asked", *CANNOT])
def test_a_blas_that_cannot_be_asked_is_left_alone(differs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"CDLL": library(), "in_dll": ctypes.c_int(2), "machine": "x86_64", **differs}

    def answer(key: str) -> Any:
        if isinstance(given[key], Exception):
            raise given[key]
        return given[key]

    monkeypatch.setenv("OPENBLAS_THREAD_TIMEOUT", given.get("OPENBLAS_THREAD_TIMEOUT", ""))
    monkeypatch.setenv("FASTOPT_BLAS_THREADS", "1")
    monkeypatch.setattr(openblas.platform, "machine", lambda: answer("machine"))
    integer = SimpleNamespace(in_dll=lambda *_: answer("in_dll"))
    monkeypatch.setattr(openblas, "ctypes", SimpleNamespace(CDLL=lambda _: answer("CDLL"), c_int=integer))
    found = openblas.library.__wrapped__()
    assert (found is None) == bool(differs)
    if differs:
        monkeypatch.setattr(openblas, "library", lambda: None)
        loan = blas_threads._Loan()
        assert loan.usable() == 0
        assert loan._resumes == math.inf


@pytest.mark.parametrize("value", ["", "no", "2"])
def test_the_variable_is_zero_or_one(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTOPT_BLAS_THREADS", value)
    with pytest.raises(ValueError, match=rf"^FASTOPT_BLAS_THREADS is '{value}': set it to 0, so that .* or to 1"):
        openblas.library.__wrapped__()
    monkeypatch.setenv("FASTOPT_BLAS_THREADS", "0")
    assert openblas.library.__wrapped__() is None


RUN = """
import ctypes, os, sys, threading, time, warnings
import numpy as np, fastopt
from fastopt.kernels.cpu import backend, blas_threads, openblas, threads
SIZE = 200_000
runs = []
def counted(*arguments):
    call = side_by_side(*arguments)
    return lambda: (runs.append(arguments[2]), call())
side_by_side, blas_threads.side_by_side = blas_threads.side_by_side, counted
def take():
    blas_threads.usable = lambda: min(openblas.most(), openblas.in_use() or 2, threads.wanted())
def run(opt, first, last, products=0):
    product = np.ones((300, 300), "float32")
    for k in range(first, last):
        for _ in range(products):
            product @ product
        opt.step(np.full(SIZE, k + 1.0, "float32"))
    return opt
def make():
    return fastopt.Adam(np.ones(SIZE, "float32"), lr=0.01, clip_norm=1.0)
def same(one, other):
    a, b = one.state_dict(), other.state_dict()
    return a["steps"] == b["steps"] and all(np.array_equal(a["arrays"][k], b["arrays"][k]) for k in a["arrays"])
whole = run(make(), 0, 6)
assert not runs
"""

FORKED = """
take()
opt = run(make(), 0, 3, 1)
assert runs == 3 * [2, 2]  # the norm and the update
child = os.fork()
if child == 0:
    # numba's threads are lost here, and a warning would say so.
    warnings.simplefilter("error")
    run(opt, 3, 6, 1)
    os._exit(not (same(opt, whole) and runs == 6 * [2, 2]))
assert os.waitpid(child, 0)[1] == 0, "the child failed"
run(opt, 3, 6, 1)
assert same(opt, whole)
print("good")
"""

# Forks while another thread updates. OpenBLAS would end its threads under that.
FORKS = """
import faulthandler, subprocess
faulthandler.dump_traceback_later(100, exit=True)
subprocess._USE_VFORK = False  # a fork of which Python's hooks are not told
whole = run(whole, 6, 1000)
take()
opt = make()
worker = threading.Thread(target=run, args=(opt, 0, 1000))
worker.start()
forks = 0
while worker.is_alive():
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    subprocess.run([sys.executable, "-S", "-c", ""], check=True)
    forks += 1
assert forks > 5 and runs == 1000 * [2, 2]
assert same(opt, whole)
print("good")
"""

# Products of four threads, and their updates: each product has its right value too.
AT_ONCE = """
take()
opts, wrong = [make() for _ in range(4)], []
def work(opt):
    a = np.arange(300 * 300, dtype="float64").reshape(300, 300)
    expected = [a @ a[:, :1], a @ a]
    for k in range(60):
        wrong.extend(k for b, e in zip((a[:, :1], a), expected) if not np.array_equal(a @ b, e))
        if k < 6:
            run(opt, k, k + 1)
workers = [threading.Thread(target=work, args=(opt,)) for opt in opts]
[w.start() for w in workers]; [w.join() for w in workers]
assert not wrong and all(same(opt, whole) for opt in opts)
assert runs == 24 * [2, 2]
print("good")
"""

# Other code gives the BLAS one thread, and all again.
CHANGED = """
setting = next(getattr(openblas.library(), name) for name in (
    "scipy_openblas_set_num_threads64_", "scipy_openblas_set_num_threads", "openblas_set_num_threads64_",
    "openblas_set_num_threads") if hasattr(openblas.library(), name))
take()
opt = run(make(), 0, 2, 1)
assert runs == 2 * [2, 2]
setting(1)
assert openblas.in_use() == 1
run(opt, 2, 4, 1)
assert runs == 2 * [2, 2]
setting(2)
run(opt, 4, 6, 1)
assert same(opt, whole) and runs == 4 * [2, 2]
print("good")
"""

ONE = """
assert openblas.in_use() == 1
take()
assert same(run(make(), 0, 6, 1), whole) and not runs
loan = blas_threads._Loan()
blas_threads.usable = loan.usable
end = time.monotonic() + 1
while time.monotonic() < end:
    assert same(run(make(), 0, 6, 1), whole) and not runs and not loan.workers
print("good")
"""

# As it comes: products, and updates that use the threads after a while.
ITSELF = """
end = time.monotonic() + 90  # while other tests keep both processors busy they are left alone
while not runs and time.monotonic() < end:
    assert same(run(make(), 0, 6, 3), whole)
assert runs
print("good")
"""


@WITH_THEM
@pytest.mark.parametrize(
    ("code", "environment"),
    [
        (FORKED, {}),
        (FORKS, {}),
        (AT_ONCE, {}),
        (CHANGED, {}),
        (ONE, {"OPENBLAS_NUM_THREADS": "1"}),
        pytest.param(ITSELF, {}, marks=pytest.mark.long),
    ],
    ids=[
        "fork",
        "forks meanwhile",
        "several threads",
        "another number of threads",
        "one thread from the start",
        "itself",
    ],
)
def test_updates_run_on_its_threads_and_are_whole(code: str, environment: dict[str, str]) -> None:
    options = ("-W", "ignore::DeprecationWarning")
    threads = {"OPENBLAS_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2", "FASTOPT_BLAS_THREADS": "1"}
    done = run_python(*options, "-c", RUN + code, **{**threads, **environment})
    assert (done.returncode, done.stdout) == (0, "good\n"), done.stderr
