"""Processes beside the one that trains: spawned, forked by a loader, and many that compile at the same moment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from examples import ROOT, run_python
from threading_layers import WITH_TBB

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="fork is POSIX, and so are the cache folder's modes")


# Workers that start after a parallel update, draw batches with NumPy, matrix products included, and step themselves.
LOADER = """
import multiprocessing, sys
import numpy as np, fastopt

SIZE = 200_000

def make():
    return fastopt.Adam({"a": np.ones(SIZE, "float32"), "b": np.ones((40, 50), "float32")}, lr=0.01)

def batch(k):
    generator = np.random.default_rng(k)
    square = generator.standard_normal((300, 300)).astype("float32")
    return {"a": np.resize(square @ square, SIZE), "b": np.full((40, 50), k, "float32")}

def product(k):
    return float(np.linalg.norm(batch(k)["a"]))

def bits(opt):
    return [array.tobytes() for array in opt.state_dict()["arrays"].values()]

def trained(k):
    # A model of its own in the worker.
    opt = make()
    for step in range(3):
        opt.step(batch(k + step))
    return bits(opt)

if __name__ == "__main__":
    opt, whole = make(), make()
    for k in range(2):
        opt.step(batch(k))
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        # The main process steps while the workers load what comes next.
        for k, grads in enumerate(pool.imap(batch, range(2, 10)), 2):
            opt.step(grads)
        theirs = pool.map(trained, range(3))
    for k in range(10):
        whole.step(batch(k))
    assert bits(opt) == bits(whole)
    assert theirs == [trained(k) for k in range(3)]
    print("good")
"""


@pytest.mark.parametrize(
    ("method", "layer"),
    [
        ("fork", "default"),
        ("fork", "workqueue"),
        ("spawn", "default"),
        pytest.param("forkserver", "workqueue", marks=pytest.mark.long),
        pytest.param("fork", "tbb", marks=WITH_TBB),
        pytest.param("spawn", "tbb", marks=WITH_TBB),
    ],
)
def test_workers_of_a_loader_run_beside_and_step_with_the_same_bits(method: str, layer: str, tmp_path: Path) -> None:
    # A file, as spawned processes import it.
    (tmp_path / "loader.py").write_text(LOADER)
    environment = {"NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2", "PYTHONWARNINGS": "ignore"}
    done = run_python(str(tmp_path / "loader.py"), method, **environment)
    assert (done.returncode, done.stdout) == (0, "good\n"), done.stderr


AT_ONCE = """
import sys, warnings
warnings.simplefilter("error")
import numpy as np
from fastopt.kernels import RULES
arrays = [np.full(70_000, k + 1, "float32") for k in range(4)]
print("ready", flush=True)
sys.stdin.readline()
wanted = RULES["adam"].reference(*arrays, t=1)
RULES["adam"](*arrays, t=1)
assert all(np.array_equal(a, b) for a, b in zip([arrays[0], *arrays[2:]], wanted))
"""


@pytest.mark.parametrize("count", [4, pytest.param(20, marks=pytest.mark.long)])
def test_many_processes_compile_the_same_kernel_at_once(count: int, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FASTOPT_CACHE_DIR": str(folder)}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", AT_ONCE],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    assert not folder.exists()
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    for child in children:
        said = child.communicate()[1]
        assert (child.returncode, said) == (0, "")
    files = sorted(path.name for path in folder.iterdir())
    assert [name for name in files if name.startswith("new-")] == []
    # Each kernel once, and the next process compiles none.
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    done = run_python("-c", AT_ONCE, given="\n", FASTOPT_CACHE_DIR=str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
