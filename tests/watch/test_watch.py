"""opt.watch(): what it notes is what the step did, and the step does what it did without it."""

import contextlib
import json
import math
import threading
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from examples import run_python, same_bits

import fastopt
from fastopt.kernels.headers.numpy_headers import CHANGED, Headers
from fastopt.kernels.step.plan import Plan
from fastopt.updater.updater import Updater
from fastopt.watch import look as looking
from fastopt.watch import samples
from fastopt.watch import watch as watching

SHAPES = {"W": (12, 20), "b": (5,)}


def params(dtype: str = "float32") -> dict[str, Any]:
    generator = np.random.default_rng(1)
    return {name: generator.standard_normal(shape).astype(dtype) for name, shape in SHAPES.items()}


def gradients(seed: int, dtype: str = "float32") -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    grads = {name: generator.standard_normal(shape).astype(dtype) for name, shape in SHAPES.items()}
    grads["W"][:3] = 0.0
    return grads


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("zero_grads", [False, True])
def test_it_notes_what_numpy_finds(tmp_path: Path, dtype: str, zero_grads: bool) -> None:
    p = params(dtype)
    opt = fastopt.Adam(p, lr=0.01, zero_grads=zero_grads)
    with opt.watch(tmp_path / "run.jsonl", every=1) as watch:
        for seed in range(3):
            before = {name: array.astype("float64") for name, array in p.items()}
            grads = gradients(seed, dtype)
            kept = {name: array.astype("float64") for name, array in grads.items()}
            opt.step(grads)
            watch.flush()
            record = watching.read(tmp_path / "run.jsonl")[-1]
            assert (record["t"], record["applied"], list(record["arrays"])) == (seed + 1, True, list(SHAPES))
            for name, found in record["arrays"].items():
                change, g = p[name] - before[name], kept[name]
                assert found["zeros"] == pytest.approx((g == 0).mean(), rel=1e-5)
                assert found["grad_norm"] == pytest.approx(np.linalg.norm(g), rel=1e-5)
                ratio = np.linalg.norm(change) / np.linalg.norm(before[name])
                assert found["update_ratio"] == pytest.approx(ratio, rel=1e-5)
                rates = np.quantile(abs(change[g != 0] / g[g != 0]), looking.QUANTILES)
                assert found["rate"] == pytest.approx(rates, rel=1e-5)


def test_a_sample_stands_for_a_larger_array(tmp_path: Path) -> None:
    p = np.random.default_rng(0).standard_normal((300, 400))
    opt = fastopt.Adam(p, lr=0.01)
    with opt.watch(tmp_path / "run.jsonl"):
        g, before = np.random.default_rng(1).standard_normal(p.shape), p.copy()
        g[:30] = 0.0
        opt.step(g)
    found = watching.read(tmp_path / "run.jsonl")[0]["arrays"][""]
    assert found["zeros"] == pytest.approx(0.1)
    assert found["grad_norm"] == pytest.approx(np.linalg.norm(g), rel=1e-5)
    ratio = np.linalg.norm(p - before) / np.linalg.norm(before)
    assert found["update_ratio"] == pytest.approx(ratio, rel=0.2)
    rates = np.quantile(abs((p - before)[30:] / g[30:]), looking.QUANTILES)
    assert found["rate"] == pytest.approx(rates, rel=0.4)


def test_plain_descent_has_its_rate_for_effective_rate(tmp_path: Path) -> None:
    opt = fastopt.SGD(params("float64"), lr=0.125, grad_scale=0.5)
    with opt.watch(tmp_path / "run.jsonl", every=1):
        opt.step(gradients(0, "float64"))
    (record,) = watching.read(tmp_path / "run.jsonl")
    assert record["arrays"]["W"]["rate"] == pytest.approx([0.0625] * 5)


def test_every_kth_step_is_looked_at_and_none_is_changed(tmp_path: Path) -> None:
    p, q = params(), params()
    opt, plain = fastopt.AdamW(p, groups={"b": {"lr": 0.1}}), fastopt.AdamW(q, groups={"b": {"lr": 0.1}})
    with opt.watch(tmp_path / "run.jsonl", every=4):
        for seed in range(10):
            opt.step(gradients(seed))
            plain.step(gradients(seed))
    opt.step(gradients(10))
    plain.step(gradients(10))
    assert all(same_bits(p[name], q[name]) for name in SHAPES)
    assert [record["t"] for record in watching.read(tmp_path / "run.jsonl")] == [1, 5, 9]


def test_without_a_watch_a_step_asks_one_attribute() -> None:
    class Asked(Updater):
        asked = 0

        def __getattribute__(self, name: str) -> Any:
            if name == "watch":
                type(self).asked += 1
            return super().__getattribute__(name)

    opt = fastopt.Optimizer(params(), "sgd")
    opt._updater.__class__ = Asked
    opt.step(gradients(0))
    assert Asked.asked == 1


def test_skipped_steps_and_absent_gradients(tmp_path: Path) -> None:
    opt = fastopt.Adam(params(), skip_nonfinite=True)
    with opt.watch(tmp_path / "run.jsonl", every=1):
        grads = gradients(0)
        opt.step({**grads, "b": None})
        opt.step({"W": None, "b": None})
        grads["W"][0, 0] = math.inf
        opt.step(grads)
    first, skipped = watching.read(tmp_path / "run.jsonl")
    assert list(first["arrays"]) == ["W"]
    assert first["applied"]
    assert (skipped["t"], skipped["applied"]) == (1, False)
    assert skipped["arrays"]["W"] == {"rate": [None] * 5, "update_ratio": None, "grad_norm": None, "zeros": 0.245833}
    assert skipped["arrays"]["b"]["grad_norm"] > 0


def test_odd_arrays(tmp_path: Path) -> None:
    p = [np.zeros((0, 3)), np.array(2.0), np.ones((64, 64), order="F")[::2], np.zeros(4)]
    opt = fastopt.SGD(p, lr=0.5)
    with opt.watch(tmp_path / "run.jsonl"):
        opt.step([np.zeros((0, 3)), np.array(1.0), np.ones((32, 64)), np.zeros(4)])
    (record,) = watching.read(tmp_path / "run.jsonl")
    empty, scalar, strided, zero = record["arrays"].values()
    assert empty == {"rate": [None] * 5, "update_ratio": None, "grad_norm": 0.0, "zeros": None}
    assert scalar == {"rate": [0.5] * 5, "update_ratio": 0.25, "grad_norm": 1.0, "zeros": 0.0}
    assert strided["rate"] == [0.5] * 5
    assert zero == {"rate": [None] * 5, "update_ratio": None, "grad_norm": 0.0, "zeros": 1.0}


def test_what_is_not_finite_is_null(tmp_path: Path) -> None:
    p = np.array([math.inf, 1.0, math.nan])
    opt = fastopt.SGD(p, lr=0.5)
    with opt.watch(tmp_path / "run.jsonl"):
        opt.step(np.array([math.inf, 1.0, math.nan]))
    (record,) = watching.read(tmp_path / "run.jsonl")
    assert record["arrays"][""] == {"rate": [0.5] * 5, "update_ratio": None, "grad_norm": None, "zeros": None}


def test_odd_names(tmp_path: Path) -> None:
    names = ["%s", 'a"b', "nan", "é\n"]
    opt = fastopt.SGD({name: np.ones(2) for name in names})
    with opt.watch(tmp_path / "run.jsonl"):
        opt.step({name: np.ones(2) for name in names})
    assert list(watching.read(tmp_path / "run.jsonl")[0]["arrays"]) == names


def test_arrays_of_another_library(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    p = torch.ones(20, 30)
    opt = fastopt.SGD(p, lr=0.5)
    with opt.watch(tmp_path / "run.jsonl"):
        opt.step(torch.full((20, 30), 0.5))
    (record,) = watching.read(tmp_path / "run.jsonl")
    found = record["arrays"][""]
    assert (found["rate"], found["update_ratio"], found["zeros"]) == ([0.5] * 5, 0.25, 0.0)
    assert found["grad_norm"] == pytest.approx(0.5 * 600**0.5, rel=1e-5)


def test_arrays_that_have_to_be_copied_are_copied_again_after_the_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(file: Path) -> str:
        opt = fastopt.Adam(params(), lr=0.01)
        with opt.watch(file, every=2):
            for seed in range(5):
                opt.step(gradients(seed))
        return file.read_text()

    here = run(tmp_path / "here.jsonl")
    monkeypatch.setattr(samples, "library_of", lambda array: SimpleNamespace(BACKEND="cupy"))
    monkeypatch.setattr(samples, "to_host", lambda array, name: array.copy())
    monkeypatch.setattr(Headers, "look", lambda *_: CHANGED)
    assert run(tmp_path / "elsewhere.jsonl") == here


def test_gradients_are_not_kept_alive(tmp_path: Path) -> None:
    opt = fastopt.Adam(params())
    with opt.watch(tmp_path / "run.jsonl", every=1):
        for seed in range(3):
            grads = gradients(seed)
            kept = weakref.ref(grads["W"])
            opt.step(grads)
            del grads
            assert kept() is None


def test_a_step_that_is_refused_leaves_no_line(tmp_path: Path) -> None:
    opt = fastopt.SGD(params())
    with opt.watch(tmp_path / "run.jsonl", every=5) as watch:
        with pytest.raises(ValueError, match=r"grads\['W'\] has shape \(3,\)"):
            opt.step({**gradients(0), "W": np.ones(3, "float32")})
        assert watching.read(tmp_path / "run.jsonl") == []
        opt.step(gradients(0))
        watch.flush()
        assert [record["t"] for record in watching.read(tmp_path / "run.jsonl")] == [1]


def test_bad_arguments_are_named(tmp_path: Path) -> None:
    opt = fastopt.SGD(params())
    for every, error in ((0, ValueError), (-3, ValueError), (2.0, TypeError), (True, TypeError), ("9", TypeError)):
        with pytest.raises(error, match=r"every must be .*got"):
            opt.watch(tmp_path / "run.jsonl", every=every)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match="nowhere"):
        opt.watch(tmp_path / "nowhere" / "run.jsonl")
    assert not list(tmp_path.iterdir())
    watch = opt.watch(tmp_path / "run.jsonl")
    with pytest.raises(ValueError, match=r"already watched, into .*run\.jsonl"):
        opt.watch(tmp_path / "other.jsonl")
    watch.close()
    watch.close()
    opt.watch(tmp_path / "other.jsonl").close()
    (tmp_path / "notes.txt").write_text("hello\n")
    with pytest.raises(ValueError, match=r"notes\.txt' is not a file that Optimizer\.watch wrote"):
        watching.read(tmp_path / "notes.txt")


# How a process ends, and the steps that its file then has.
ENDINGS = [
    ("", [1, 2, 3, 4]),
    ("raise MemoryError", [1, 2, 3, 4]),
    ("del opt, watch; import gc; gc.collect(); os._exit(1)", [1, 2, 3, 4]),
    # Killed: what was written more than a second ago is there.
    ("os._exit(1)", [1, 2, 3]),
    # A copy of the process leaves what it has not noted itself.
    ("if os.fork() == 0: sys.exit()\nos.wait()", [1, 2, 3, 4]),
    ("if os.fork() == 0:\n    opt.step(p * 1); watch.close(); os._exit(0)\nos.wait()", [1, 2, 3, 5, 4]),
    ("if os.fork() == 0: watch.flush(); os._exit(0)\nos.wait()", [1, 2, 3, 4]),
]
# A process for each, forked from one that has loaded everything.
ENDING = f"""
import os, sys, time, numpy, fastopt
opt = fastopt.SGD(numpy.ones(3))
with opt.watch(os.path.join(sys.argv[1], "loaded"), every=1):
    opt.step(numpy.ones(3))
now, time.monotonic = time.monotonic(), lambda: now
for number, (ending, _) in enumerate({ENDINGS!r}):
    if child := os.fork():
        os.waitpid(child, 0)
        continue
    p = numpy.ones(3)
    opt = fastopt.SGD(p)
    watch = opt.watch(os.path.join(sys.argv[1], str(number)), every=1)
    for k in range(4):
        now += 1.1 * (k == 2)
        opt.step(p * 1)
    exec(ending)
    break
"""


def test_a_process_that_ends_loses_no_line(tmp_path: Path) -> None:
    run_python("-W", "ignore::DeprecationWarning", "-c", ENDING, str(tmp_path))
    found = [[record["t"] for record in watching.read(tmp_path / str(k))] for k in range(len(ENDINGS))]
    assert found == [kept for _, kept in ENDINGS]


def test_a_line_that_was_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    for cut in ('{"t":4,"appl', ""):
        opt = fastopt.SGD(params())
        with opt.watch(file):
            opt.step(gradients(0))
        with file.open("a") as end:
            end.write(cut)
    assert [record["t"] for record in watching.read(file)] == [1, 1]


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    opt = fastopt.SGD(params(), lr=0.5)
    with pytest.raises(OSError, match="No space left"):
        opt.watch("/dev/full")
    assert opt._updater.watch is None
    watch = opt.watch(tmp_path / "run.jsonl")
    watch._lines._file.close()
    watch._lines._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115
    opt.step(gradients(0))
    with pytest.raises(OSError, match="No space left"):
        watch.close()
    watch.close()
    assert opt._updater.watch is None


@pytest.mark.parametrize("count", [2, 200])
def test_lines_that_could_not_be_written_are_written_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    arrays = [np.ones(3) for _ in range(count)]
    opt = fastopt.SGD(arrays, lr=0.5)
    with opt.watch(tmp_path / "run.jsonl", every=1) as watch:
        file, short = watch._lines._file, [7, 0]

        class Full:
            """Takes a few bytes, and then none."""

            def write(self, text: bytes) -> int:
                if not (room := short.pop(0) if short else 0):
                    raise OSError(28, "No space left on device")
                return int(file.write(text[:room]))

        monkeypatch.setattr(watch._lines, "_file", Full())
        for k, given in enumerate(([np.ones(3)] * count, [None] + [np.ones(3)] * (count - 1), [np.ones(3)] * count)):
            with contextlib.suppress(OSError):
                opt.step(given)
                watch.flush()
            assert opt.t == k + 1
            assert arrays[-1].tolist() == [1 - 0.5 * (k + 1)] * 3
        monkeypatch.setattr(watch._lines, "_file", file)
        opt.step([np.ones(3)] * count)
    assert [record["t"] for record in watching.read(tmp_path / "run.jsonl")] == [1, 2, 3, 4]


@pytest.mark.parametrize("where", ["located", "reduced", "compared"])
@pytest.mark.parametrize("count", [2, 200])
def test_an_interrupt_leaves_no_stale_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, count: int
) -> None:
    def grads(k: int) -> list[Any]:
        # Broadcast ones have other strides.
        value = np.full(600, k + 1.0) if k % 2 else np.broadcast_to(np.float64(k + 1), 600)
        return [value] * count

    opt = fastopt.SGD([np.ones(600) for _ in range(count)], lr=0.5)
    with opt.watch(tmp_path / "run.jsonl", every=1) as watch:
        for k in range(6):
            owner = {"located": samples.Samples, "reduced": Plan, "compared": looking}[where]

            def interrupted(*_: Any) -> Any:
                raise KeyboardInterrupt

            with monkeypatch.context() as patched:
                patched.setattr(owner, where, interrupted)
                with contextlib.suppress(KeyboardInterrupt):
                    opt.step(grads(k))
                    watch.flush()
            opt.step(grads(k))
    records = watching.read(tmp_path / "run.jsonl")
    assert len(records) >= 6
    assert all(found["rate"] == [0.5] * 5 for record in records for found in record["arrays"].values())


def test_every_line_is_json_and_the_first_says_what_it_is(tmp_path: Path) -> None:
    opt = fastopt.Adam(params())
    with opt.watch(tmp_path / "run.jsonl", every=2):
        opt.step(gradients(0))
    head, line = (json.loads(text) for text in (tmp_path / "run.jsonl").read_text().splitlines())
    assert head == {
        **{"watch": 1, "rule": "adam", "every": 2, "quantiles": list(looking.QUANTILES), "sample": watching.SAMPLE},
        "shapes": {name: list(shape) for name, shape in SHAPES.items()},
    }
    assert set(line) == {"t", "applied", "arrays"}


def test_threads_that_share_an_optimizer(tmp_path: Path) -> None:
    opt = fastopt.Adam(params())
    with opt.watch(tmp_path / "run.jsonl", every=3):
        threads = [threading.Thread(target=lambda: [opt.step(gradients(seed)) for seed in range(15)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [record["t"] for record in watching.read(tmp_path / "run.jsonl")] == list(range(1, 61, 3))


@pytest.mark.parametrize(("ending", "count"), [(".png", 2), (".svg", 9)])
def test_the_picture_is_drawn(tmp_path: Path, ending: str, count: int) -> None:
    arrays = [np.ones(3) * k for k in range(count)]
    opt = fastopt.Adam(arrays)
    with opt.watch(tmp_path / "run.jsonl", every=1) as watch:
        with pytest.raises(ValueError, match="has no step to draw yet"):
            watch.plot(tmp_path / f"run{ending}")
        for _ in range(3):
            opt.step([array * 1 for array in arrays])
        with pytest.raises(ValueError, match=r"must end in \.png or \.svg"):
            watch.plot(tmp_path / "run.pdf")
        watch.plot(tmp_path / f"run{ending}")
    assert (tmp_path / f"run{ending}").stat().st_size > 10_000
