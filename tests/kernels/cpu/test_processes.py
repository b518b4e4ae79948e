"""Threads, forks and interrupts: every update is whole, whichever threading layer numba has."""

import os
import sys

import pytest
from examples import run_python
from threading_layers import WITH_TBB

# The one that numba chooses, OpenMP where the system has it, the one that is always there, and TBB where it is.
LAYERS = ["default", "workqueue", pytest.param("tbb", marks=WITH_TBB)]

RUN = """
import os, sys, threading, warnings, multiprocessing
import numpy as np, fastopt
SIZE = 200_000
def make():
    return fastopt.Adam({"a": np.ones(SIZE, "float32"), "b": np.ones(SIZE, "float64").astype("float32")}, lr=0.01)
def step(opt, k):
    opt.step({name: np.full(SIZE, k + 1.0, "float32") for name in opt.params})
def run(opt, first, last):
    for k in range(first, last):
        step(opt, k)
    return opt
def same(one, other):
    a, b = one.state_dict(), other.state_dict()
    return a["steps"] == b["steps"] and all(np.array_equal(a["arrays"][k], b["arrays"][k]) for k in a["arrays"])
"""

FORK = (
    RUN
    + """
opt = run(make(), 0, 3)
child = os.fork()
if child == 0:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        run(opt, 3, 6)
    whole = make()
    run(whole, 0, 6)
    # TBB starts threads anew.
    from numba import threading_layer
    told = [] if threading_layer() == "tbb" else [True]
    os._exit(0 if same(opt, whole) and ["spawn" in str(one.message) for one in said] == told else 1)
assert os.waitpid(child, 0)[1] == 0, "the child failed"
run(opt, 3, 6)
whole = run(make(), 0, 6)
assert same(opt, whole)
print("good")
"""
)

LOCKED = (
    RUN
    + """
opt = make()
with opt._updater.lock:
    started = threading.Thread(target=lambda: None)
    started.start(); started.join()
held, release = threading.Event(), threading.Event()
def hold():
    with opt._updater.lock:
        held.set(); release.wait()
holder = threading.Thread(target=hold); holder.start(); held.wait()
child = os.fork()
if child == 0:
    run(opt, 0, 1)
    os._exit(0)
release.set(); holder.join()
assert os.waitpid(child, 0)[1] == 0
print("good")
"""
)

SEVERAL = (
    RUN
    + """
opts = [make() for _ in range(4)]
threads = [threading.Thread(target=run, args=(opt, 0, 30)) for opt in opts]
[t.start() for t in threads]; [t.join() for t in threads]
whole = run(make(), 0, 30)
assert all(same(opt, whole) for opt in opts)
shared = make()
done = []
def look():
    # Whoever only asks changes nothing of a step that is on its way.
    while not done:
        shared.t, shared.skipped, shared.params, shared.state, shared.uniform_states
looking = threading.Thread(target=look); looking.start()
threads = [threading.Thread(target=lambda: [step(shared, 0) for _ in range(25)]) for _ in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
done.append(True); looking.join()
whole = make()
for _ in range(100):
    step(whole, 0)
assert shared.t == 100 and same(shared, whole)
print("good")
"""
)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("code", [FORK, LOCKED, SEVERAL], ids=["fork", "fork with a lock held", "several threads"])
def test_updates_are_whole(code: str, layer: str) -> None:
    done = run_python(
        "-W", "ignore::DeprecationWarning", "-c", code, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2"
    )
    assert (done.returncode, done.stdout) == (0, "good\n"), done.stderr


INTERRUPTED = """
import random, signal, sys
import ml_dtypes, numpy as np, fastopt
from fastopt import optimizer as module

class Stop(Exception): pass

def make():
    params = {"a": np.ones(40, "float32"), "b": np.ones(30, ml_dtypes.bfloat16), "c": np.ones(3, "float16")}
    scaler, groups = fastopt.LossScaler(4.0, interval=3), {"b": {"rule": "lamb"}}
    return fastopt.NAdam(params, lr=0.01, loss_scaler=scaler, zero_grads=True, groups=groups)

def grads(k):
    made = {n: np.full(a.shape, 0.1 * k + 0.1, a.dtype) for n, a in make_params.items()}
    if k % 5 == 4:
        made["c"][-1] = np.inf
    if k % 3 == 2:
        made["b"] = None
    return made

make_params = make().params

def fingerprint(opt):
    d = opt.state_dict()
    return repr([d["steps"], d["uniform_states"], d["skipped"], d["loss_scaler"]]) + "".join(
        a.tobytes().hex() for a in d["arrays"].values()
    )

whole, prints = make(), []
for k in range(12):
    prints.append(fingerprint(whole))
    whole.step(grads(k))

# Raise at every line, one after the other, that Python runs within a step: the first, on the same arrays, on others. In
# later steps at every third.
FILES = (
    "optimizer.py", "updater.py", "section.py", "side_by_side.py", "executors.py", "journal.py", "plans.py", "plan.py",
    "counts.py", "table.py", "loss_scale.py",
)
befores = afters = at = k = 0
while k < 5:
    at += 3 if k > 1 else 1
    opt, count = make(), 0
    for earlier in range(k):
        opt.step(grads(earlier))
    def trace(frame, event, arg):
        global count
        if not frame.f_code.co_filename.endswith(FILES):
            return None
        if event in ("line", "return"):
            count += 1
            if count == at:
                raise Stop
        return trace
    g = grads(k)
    sys.settrace(trace)
    try:
        opt.step(g)
        finished = True
    except Stop:
        finished = False
    finally:
        sys.settrace(None)
    now = fingerprint(opt)
    if finished:
        assert now == prints[k + 1]
        at, k = 0, k + 1
        continue
    if now not in prints[k : k + 2]:
        raise SystemExit(f"step {k} is half done when interrupted at line {at}")
    done = now == prints[k + 1]
    befores, afters = befores + (not done), afters + done
    for later in range(k + done, k + done + 2):
        opt.step(grads(later))
        if fingerprint(opt) != prints[later + 1]:
            raise SystemExit(f"step {later} goes wrong after step {k} was interrupted at line {at}")
print(befores > 20 and afters > 3)
"""


def test_an_interrupt_leaves_a_state_from_before_or_after_the_step() -> None:
    done = run_python("-c", INTERRUPTED)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


LOADED = """
import os, sys, tempfile
import ml_dtypes, numpy as np, fastopt

class Stop(Exception): pass

def make():
    params = {"a": np.ones(40, "float32"), "b": np.ones((5, 6), ml_dtypes.bfloat16).T, "c": np.ones(3, "float16")}
    plateau = fastopt.ReduceOnPlateau(patience=0)
    scaler = fastopt.LossScaler(4.0, interval=3)
    return fastopt.NAdam(params, lr=plateau * 0.01, beta1=0.9, groups={"c": {"lr": 0.1}}, loss_scaler=scaler)

def run(opt, steps):
    for k in range(steps):
        opt.step({name: np.full_like(array, 0.25 * k + 1) for name, array in opt.params.items()})
        for monitor in opt.monitors:
            monitor.update(1.0)
    return opt

def arrays(opt):
    everything = [*opt.params.values(), *(array for slots in opt.state for array in slots.values())]
    return [array.tobytes() for array in everything]

def fingerprint(opt):
    d = opt.state_dict()
    d["arrays"] = {name: array.tobytes() for name, array in d["arrays"].items()}
    return repr(d)

saved = run(make(), 7)
saved.beta1 = 0.8
path = os.path.join(tempfile.mkdtemp(), "s")
saved.save(path)
after, arrays_after = fingerprint(saved), arrays(saved)
opt, counts = run(make(), 2), [0, 0]
state, before, arrays_before = opt.state_dict(), fingerprint(opt), arrays(opt)
FILES = ("optimizer.py", "journal.py", "restore.py", "groups.py", "loss_scale.py", "monitor.py", "checkpoint.py")
at, finished = 0, False
while not finished:
    at, count = at + 1, 0
    def trace(frame, event, arg):
        global count
        if not frame.f_code.co_filename.endswith(FILES):
            return None
        if event in ("line", "return"):
            count += 1
            if count == at:
                raise Stop
        return trace
    sys.settrace(trace)
    try:
        opt.load(path)
        # Python swallows what is raised while it closes a generator.
        finished = count < at
    except Stop:
        pass
    finally:
        sys.settrace(None)
    # The arrays are all of one moment, even before anyone asks the optimizer.
    held, now = arrays(opt), fingerprint(opt)
    assert (held, now) in ((arrays_before, before), (arrays_after, after)), f"half loaded when interrupted at line {at}"
    counts[now == after] += 1
    opt.load_state_dict(state)
    assert fingerprint(opt) == before
os.unlink(path)
print(counts[0] > 100 and counts[1] > 5)
"""


def test_an_interrupt_of_a_load_leaves_a_state_from_before_or_after_it() -> None:
    done = run_python("-c", LOADED)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


SHARED = """
import os, time
import torch
import numpy as np, fastopt
torch.set_num_threads({threads})
fastopt.SGD(np.ones(3)).step(np.ones(3))  # loads what has threads of its own
def threads():
    time.sleep(0.3)  # Threads that have been joined take a while to go.
    return len(os.listdir("/proc/self/task"))
if {computes}:
    torch.ones(10**7).add_(1)
before = threads()
for _ in range(2):
    fastopt.SGD(np.ones(200_000)).step(np.ones(200_000))
print(threads() - before)
"""


PROCESSORS = max(2, len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else 2


@pytest.mark.peers
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads as Linux lists them")
@pytest.mark.parametrize(
    ("computes", "environment", "expected"),
    [
        # Ours, one that holds idle ones, and so many of those that there are more than processors: one.
        (False, {}, PROCESSORS - 1 + 1 + 1),
        (True, {}, 0),
        (False, {"OMP_WAIT_POLICY": "active"}, PROCESSORS - 1),
        (False, {"GOMP_SPINCOUNT": "10"}, PROCESSORS - 1),
    ],
)
def test_threads_of_a_library_that_torch_loaded_sleep_unless_torch_uses_them(
    computes: bool, environment: dict[str, str], expected: int
) -> None:
    pytest.importorskip("torch")
    own = {"NUMBA_NUM_THREADS": str(PROCESSORS), "NUMBA_THREADING_LAYER": "omp", **environment}
    done = run_python("-c", SHARED.format(computes=computes, threads=PROCESSORS), **own)
    assert (done.stdout, done.stderr) == (f"{expected}\n", "")
