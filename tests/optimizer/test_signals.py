"""Real signals at random moments: of a step, of compiling, of the end of the process."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from examples import ROOT, run_python

from fastopt.kernels import RULES

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")

# The handler raises while it is armed, as Ctrl-C does, and once.
ARMED = """
import gc, os, random, signal, sys, zlib
import ml_dtypes, numpy as np, fastopt

class Stop(Exception): pass

armed = False

def handler(*_):
    global armed
    if armed:
        armed = False
        raise Stop
"""

STORM = (
    ARMED
    + """
size, wanted, steps = int(sys.argv[1]), int(sys.argv[2]), 40
shapes = {"a": (np.float32, size), "b": (ml_dtypes.bfloat16, 30), "c": (np.float16, 3)}

def make():
    params = {name: np.ones(count, dtype) for name, (dtype, count) in shapes.items()}
    return fastopt.NAdam(params, lr=0.01, loss_scaler=fastopt.LossScaler(4.0, interval=3), zero_grads=True)

def grads(k):
    made = {name: np.full(count, 0.1 * k + 0.1, dtype) for name, (dtype, count) in shapes.items()}
    if k % 5 == 4:
        made["c"][-1] = np.inf
    return made

def fingerprint(opt):
    d = opt.state_dict()
    numbers = repr([d["steps"], d["uniform_states"], d["skipped"], d["loss_scaler"]])
    return numbers, *(zlib.crc32(array.tobytes()) for array in d["arrays"].values())

whole, prints = make(), []
for k in range(steps + 1):
    prints.append(fingerprint(whole))
    whole.step(grads(k))
assert len(set(prints)) == steps + 1

signal.signal(signal.SIGINT, handler)
print("ready", flush=True)
befores = afters = 0
# Python swallows what is raised while it collects.
gc.disable()
# Chance decides where they strike: until both have happened, as they do within some hundreds.
while befores + afters < wanted or (min(befores, afters) == 0 and befores + afters < 50 * wanted):
    opt = make()
    while (k := opt.t + opt.skipped) < steps:
        at = k
        try:
            armed = True
            for at in range(k, min(k + 10, steps)):
                opt.step(grads(at))
            armed = False
        except Stop:
            now = fingerprint(opt)
            befores += now == prints[at]
            afters += now == prints[at + 1]
            assert now in prints[at : at + 2], f"step {at} is half done"
    assert fingerprint(opt) == prints[steps]
    gc.collect()
print(befores > 0, afters > 0, flush=True)
os._exit(0)
"""
)


@pytest.mark.parametrize(
    ("size", "wanted", "layer"),
    [
        (40, 100, "default"),
        pytest.param(200_000, 60, "default", marks=pytest.mark.ci),
        pytest.param(200_000, 60, "workqueue", marks=pytest.mark.ci),
        pytest.param(40, 1000, "default", marks=pytest.mark.long),
        pytest.param(200_000, 500, "workqueue", marks=pytest.mark.long),
    ],
)
def test_a_storm_of_interrupts_leaves_states_from_before_or_after_a_step(size: int, wanted: int, layer: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2"}
    with subprocess.Popen(
        [sys.executable, "-c", STORM, str(size), str(wanted)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        moments = random.Random(wanted)
        if child.stdout.readline() == "ready\n":
            while child.poll() is None:
                child.send_signal(signal.SIGINT)
                time.sleep(moments.uniform(0, 0.002))
        # At the step itself, and in what makes its gradients.
        assert (child.stdout.read(), child.stderr.read()) == ("True True\n", "")


COMPILING = (
    ARMED
    + """
from fastopt.kernels import RULES
signal.signal(signal.SIGALRM, handler)
moments, interrupts = random.Random(int(sys.argv[1])), 0
for name in sys.argv[2:]:
    rule = RULES[name]
    for size in (5, 200_000):
        p, g = np.ones(size, "float32"), np.full(size, 0.5, "float32")
        opt = fastopt.Optimizer(p, rule)
        before = [p.copy(), *(a.copy() for a in opt.state[0].values())]
        for attempt in range(5):
            signal.setitimer(signal.ITIMER_REAL, moments.uniform(0.001, 0.3) if attempt < 4 else 0)
            try:
                armed = True
                opt.step(g, **rule.told(0.5))
                armed = False
                break
            except Stop:
                interrupts += 1
                if opt.t == 1:
                    break  # It came after the arrays were written.
                assert opt.t == 0 and p[0] == 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert opt.t == 1
        wanted = rule.reference(before[0], g, *before[1:], t=1, **rule.told(0.5))
        assert all(np.array_equal(a, b) for a, b in zip([p, *opt.state[0].values()], wanted))
print(interrupts > 1)
"""
)


@pytest.mark.parametrize(
    ("seed", "rules"),
    [(1, ["momentum"]), pytest.param(2, ["adam", "adam_max_norm", "lamb", "yogi"], marks=pytest.mark.long)],
)
def test_an_interrupt_while_compiling_leaves_what_compiles_afterwards(
    seed: int, rules: list[str], tmp_path: Path
) -> None:
    done = run_python("-c", COMPILING, str(seed), *rules, FASTOPT_CACHE_DIR=str(tmp_path / "cache"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


# The thread goes from one kernel to the next; the main one leaves after a while.
LEAVING = """
import sys, threading, time
import numpy as np, fastopt
from fastopt.kernels import RULES

def work():
    for name in RULES:
        loss = RULES[name].told(0.5)
        fastopt.Optimizer(np.ones(200_000, "float32"), name).step(np.ones(200_000, "float32"), **loss)

threading.Thread(target=work, daemon=True).start()
time.sleep(float(sys.argv[1]))
"""
USING = """
import sys, warnings
warnings.simplefilter("error")
import numpy as np
from fastopt.kernels import RULES
for name in sys.argv[1:]:
    arrays = [np.ones(200_000, "float32") for _ in RULES[name].arrays]
    loss = RULES[name].told(0.5)
    wanted = RULES[name].reference(*arrays, t=1, **loss)
    RULES[name](*arrays, t=1, **loss)
    assert all(np.array_equal(a, b) for a, b in zip([arrays[0], *arrays[2:]], wanted))
"""


@pytest.mark.parametrize("seconds", [1.0, *(pytest.param(0.3 * k, marks=pytest.mark.long) for k in range(1, 10))])
def test_a_process_that_ends_while_it_compiles_ends_at_once_and_leaves_a_whole_cache(
    seconds: float, tmp_path: Path
) -> None:
    folder = str(tmp_path / "cache")
    done = run_python("-c", LEAVING, str(seconds), FASTOPT_CACHE_DIR=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    # It has not waited for the rest.
    assert len(list((tmp_path / "cache").glob("*"))) < len(RULES)
    done = run_python("-c", USING, "adabelief", "adadelta", FASTOPT_CACHE_DIR=folder)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_ctrl_c_while_compiling_ends_the_process_at_once(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FASTOPT_CACHE_DIR": str(tmp_path / "cache")}
    code = LEAVING.replace("threading.Thread(target=work, daemon=True).start()", "print(0, flush=True)\nwork()")
    heeding: dict[str, Any] = {
        # Whoever runs the tests in the background ignores the signal, and children would too.
        "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        "env": environment,
    }
    for wait in (0.5, 1.5):
        with subprocess.Popen(
            [sys.executable, "-c", code, "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **heeding
        ) as child:
            assert child.stdout is not None
            assert child.stderr is not None
            child.stdout.readline()
            time.sleep(wait)
            child.send_signal(signal.SIGINT)
            said = child.stderr.read()
        assert child.returncode in (-signal.SIGINT, 1)
        assert said.rstrip().endswith(b"KeyboardInterrupt")
    done = run_python("-c", USING, "adabelief", "adadelta", FASTOPT_CACHE_DIR=str(tmp_path / "cache"))
    assert (done.returncode, done.stderr) == (0, "")
