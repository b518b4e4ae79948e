"""Memory that is short; folders that vanish, are damaged or may not be written: a remedy is said, nothing half done."""

import sys

import pytest
from examples import run_python

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits and users are Linux's")

SHORT = """
import gc, os, resource, sys, zlib
import numpy as np, fastopt
# Arrays so large that the C library takes memory for each anew, and gives it back.
folder, count = sys.argv[1], 10_000_000

def limited(work, more):
    '''What it raises where the process may have so many bytes more.'''
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    # Tracebacks hold what failed before.
    gc.collect()
    pages = int(open("/proc/self/statm").read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, hard))
    try:
        work()
    except MemoryError as error:
        return str(error)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    raise AssertionError("there was memory enough")

def bits(opt):
    d = opt.state_dict()
    arrays = {name: zlib.crc32(array.tobytes()) for name, array in d.pop("arrays").items()}
    return repr((d, arrays))

# One is not C-contiguous.
params = {"a": np.ones(count, "float32"), "b": np.ones((count // 4, 4), "float32").T}
opt = fastopt.SGD(params, momentum=0.9)
opt.step({name: np.full_like(array, 0.5) for name, array in params.items()})
opt.save(os.path.join(folder, "s"))
other = fastopt.SGD({name: np.zeros_like(array) for name, array in params.items()}, momentum=0.9)
before, others, file = bits(opt), bits(other), os.stat(os.path.join(folder, "s"))

# Room for a part of an array, for one, for three.
for more in (2 * count, 5 * count, 13 * count):
    said = limited(lambda: fastopt.Adam(params), more)
    assert "an array of float32 like params['" in said and "fewer arrays" in said, said
    said = limited(lambda: other.load(os.path.join(folder, "s")), more)
    assert folder in said and "free" in said, said
    assert bits(other) == others
    said = limited(opt.state_dict, more)
    assert "a copy of all arrays" in said and "save()" in said, said
said = limited(lambda: opt.save(os.path.join(folder, "s")), 5 * count)
assert "not C-contiguous" in said, said
assert os.listdir(folder) == ["s"] and os.stat(os.path.join(folder, "s")).st_mtime_ns == file.st_mtime_ns
assert bits(opt) == before

# With memory again all of it goes on.
fastopt.Adam(params)
other.load(os.path.join(folder, "s"))
assert bits(other) == before
print("good")
"""


def test_without_memory_an_error_says_for_what_and_nothing_is_changed(tmp_path: object) -> None:
    # A thread's arena has room that is reserved already.
    done = run_python("-c", SHORT, str(tmp_path), MALLOC_ARENA_MAX="1")
    assert (done.returncode, done.stdout) == (0, "good\n"), done.stderr


CACHE = """
import os, shutil, sys, tempfile, warnings
import numpy as np
from fastopt.kernels import RULES

def update(name):
    arrays = [np.ones(70_000, "float32") for _ in RULES[name].arrays]
    wanted = RULES[name].reference(*arrays, t=1)
    RULES[name](*arrays, t=1)
    assert all(np.array_equal(a, b) for a, b in zip([arrays[0], *arrays[2:]], wanted))

def said(name):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        update(name)
    return [str(one.message) for one in caught]

with tempfile.TemporaryDirectory() as first:
    os.environ["FASTOPT_CACHE_DIR"] = first
    update("lion")
if os.geteuid() == 0:
    # root may write anywhere; whoever it becomes may not import everything.
    os.setuid(65534)
place = os.path.join(tempfile.mkdtemp(), "cache")
os.environ["FASTOPT_CACHE_DIR"] = place
try:
    assert said("sgd") == []
    assert os.listdir(place)
    what(place)
finally:
    os.chmod(os.path.dirname(place), 0o700)
    if os.path.isdir(place):
        os.chmod(place, 0o700)
    shutil.rmtree(os.path.dirname(place))
print("good")
"""

WHILE_RUNNING = {
    "deleted": """
    shutil.rmtree(place)
    assert said("momentum") == [] and said("sgd") == []
    assert [name.split("_")[0] for name in os.listdir(place)] == ["momentum"]
""",
    "corrupted": """
    for name in os.listdir(place):
        with open(os.path.join(place, name), "r+b") as file:
            file.write(b"x" * 100)
    assert said("sgd") == [] and said("momentum") == []
    from fastopt.kernels.jit import cache
    key = [name for name in os.listdir(place) if name.startswith("sgd_")][0]
    assert cache._usable() and cache.read(key) is None
""",
    "replaced by a file": """
    shutil.rmtree(place)
    open(place, "w").close()
    (one,) = said("momentum")
    assert "cannot be made" in one and "set FASTOPT_CACHE_DIR" in one, one
    assert said("nesterov") == [] and os.path.getsize(place) == 0
""",
    "made read-only": """
    before = sorted(os.listdir(place))
    os.chmod(place, 0o500)
    (one,) = said("momentum")
    assert "cannot be written (Permission denied)" in one and "set FASTOPT_CACHE_DIR" in one, one
    assert said("nesterov") == [] and sorted(os.listdir(place)) == before
""",
    "unreadable": """
    os.chmod(place, 0o000)
    (one, *rest) = said("momentum")
    assert "cannot be read (Permission denied)" in one, one
    assert len(rest) == 1 and "cannot be written" in rest[0], rest
""",
}


@pytest.mark.parametrize(
    "what", ["deleted", *(pytest.param(what, marks=pytest.mark.long) for what in WHILE_RUNNING if what != "deleted")]
)
def test_a_cache_folder_may_change_while_running(what: str) -> None:
    code = "def what(place):\n" + WHILE_RUNNING[what] + CACHE
    done = run_python("-W", "ignore::RuntimeWarning", "-c", code)
    assert (done.returncode, done.stdout) == (0, "good\n"), done.stderr


READ_ONLY = """
import os, shutil, sys, tempfile
import numpy as np, fastopt
opt = fastopt.SGD(np.ones(3, "float32"), momentum=0.9)
with tempfile.TemporaryDirectory() as first:
    opt.save(first + "/s")
    opt.load(first + "/s")
if os.geteuid() == 0:
    # root may write anywhere; whoever it becomes may not import everything.
    os.setuid(65534)
folder = tempfile.mkdtemp()
opt.save(folder + "/s")
whole = open(folder + "/s", "rb").read()
os.chmod(folder, 0o500)
try:
    opt.params[:] = 2
    for name in ("s", "new"):
        try:
            opt.save(f"{folder}/{name}")
        except OSError as error:
            assert "may be written" in str(error), error
        else:
            raise SystemExit("it was written")
    assert os.listdir(folder) == ["s"] and open(folder + "/s", "rb").read() == whole
    other = fastopt.SGD(np.zeros(3, "float32"), momentum=0.9)
    other.load(folder + "/s")
    assert other.params.tolist() == [1, 1, 1]
finally:
    os.chmod(folder, 0o700)
    shutil.rmtree(folder)
print("good")
"""


def test_a_checkpoint_in_a_read_only_folder_is_not_replaced_and_is_read() -> None:
    done = run_python("-c", READ_ONLY)
    assert (done.returncode, done.stdout) == (0, "good\n"), done.stderr
