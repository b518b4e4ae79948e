"""The generated CUDA C++ touches no byte outside of its arrays and does nothing undefined, as g++'s sanitizers see."""

import functools
import json
import os
import shutil
import subprocess

import pytest
from examples import DTYPES, ROOT, run_python
from own_rules import EVERY

# One of each shape: without state, with a uniform state, with norms of an array, with two stages of reductions.
SHAPES = ["sgd", "adamw", "nadam", "lamb", "in_two_waves", "clipped", "without_arithmetic"]


@functools.cache
def runtimes() -> list[str] | None:
    """The sanitizers' libraries of g++; None where they are not."""
    if not shutil.which("g++"):
        return None
    found = []
    for name in ("libasan.so", "libubsan.so"):
        path = subprocess.run(["g++", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout
        found.append(path.strip())
    # g++ answers with the bare name for what it does not have.
    return found if all(os.path.isabs(path) and os.path.exists(path) for path in found) else None


def sanitized(storage: str, *names: str, edits: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the kernels of these rules under the sanitizers, with mistakes made in their text."""
    libraries = runtimes()
    if libraries is None:
        pytest.skip("g++ with libasan and libubsan is not here; zig's compiler has neither")
    support = ROOT / "tests" / "support"
    return run_python(
        str(support / "sanitized_kernels.py"),
        storage,
        json.dumps(edits or {}),
        *names,
        PYTHONPATH=os.pathsep.join(map(str, (ROOT, support))),
        LD_PRELOAD=" ".join(libraries),
        # Python frees little at its end.
        ASAN_OPTIONS="detect_leaks=0",
        UBSAN_OPTIONS="print_stacktrace=1",
    )


@pytest.mark.ci
@pytest.mark.parametrize("storage", ["float32", "bfloat16"])
def test_kernels_of_every_shape_stay_within_their_arrays(storage: str) -> None:
    done = sanitized(storage, *SHAPES)
    assert done.returncode == 0, done.stderr[-5000:]
    assert int(done.stdout) > 1000


@pytest.mark.ci
def test_kernels_that_write_codes_stay_within_their_arrays() -> None:
    done = sanitized("codes", "adam", "lamb")
    assert done.returncode == 0, done.stderr[-5000:]
    assert int(done.stdout) > 200


@pytest.mark.ci
@pytest.mark.parametrize(
    ("right", "wrong"), [("lane == 0 && first_of_lane < n", "lane == 0"), ("first_of_lane < n ? load", "true ? load")]
)
def test_the_sanitizers_see_a_scale_of_no_block(right: str, wrong: str) -> None:
    done = sanitized("codes", "adam", edits={right: wrong})
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr, done.stderr[-3000:]


@pytest.mark.long
@pytest.mark.parametrize("storage", DTYPES)
def test_kernels_of_every_rule_stay_within_their_arrays(storage: str) -> None:
    done = sanitized(storage, *EVERY)
    assert done.returncode == 0, done.stderr[-5000:]
    assert int(done.stdout) > 5000


# Where it is made, what it is, what is said of it.
MISTAKES = {
    "one element more at the end": ("adam", "number < n; number +=", "number <= n; number +=", "heap-buffer-overflow"),
    "a pack over the end": ("adam", "n / 4 * 4 : 0", "(n + 3) / 4 * 4 : 0", "heap-buffer-overflow"),
    "a pack at no multiple of it": ("adam", "& 15) == 0", "& 3) == 0", "misaligned access"),
    "one element more in a norm": ("lamb", "(first + k < n) {", "(first + k <= n) {", "heap-buffer-overflow"),
    "a lane too many": ("lamb", "lanes[half + j]", "lanes[half + j + 1]", "out of bounds"),
}
SOME = ["one element more at the end", "a lane too many"]


@pytest.mark.parametrize(
    "what", [pytest.param(what, marks=pytest.mark.ci if what in SOME else pytest.mark.long) for what in MISTAKES]
)
def test_the_sanitizers_see_a_mistake(what: str) -> None:
    name, right, wrong, said = MISTAKES[what]
    done = sanitized("float32", name, edits={right: wrong})
    assert done.returncode != 0
    assert said in done.stderr, done.stderr[-3000:]
