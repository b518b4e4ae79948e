"""The bit comparisons of `benchmarks.gpu_check` on a GPU that is none: right kernels pass, wrong ones are seen."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import ROOT
from fake_gpu import CUPY, NUMBA_CUDA, FakeGpu, compiler_or_skip, faked, gpu

from benchmarks.gpu_check import bits, huge, marked, riders, sanitizer, short_run, training, ways
from fastopt.kernels import RULES
from fastopt.kernels.numba_cuda import compiler
from fastopt.kernels.tasks.layout import Layout

__all__ = ["gpu"]

SIZES = (1, 7, 129)


@pytest.mark.parametrize(("name", "storage"), [("adamw", "float32"), ("momentum", "bfloat16"), ("adam_lp", "float16")])
def test_every_way_gives_the_bits_of_the_cpu(name: str, storage: str, gpu: FakeGpu) -> None:
    row = ways.compared(name, storage, gpu, SIZES)
    assert row["wrong"] == []
    arrays = (sum(SIZES) + SIZES[-1]) * (1 + len(RULES[name].slots)) * ways.STEPS
    assert row["elements"] == arrays * len(ways.WAYS) * (len(ways.KINDS) if RULES[name].exact else 1)


@pytest.mark.parametrize(("name", "storage"), [("clipped", "float32"), ("lamb", "float64"), ("nadam", "float32")])
def test_norms_and_numbers_that_are_carried_are_compared_too(
    name: str, storage: str, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A block of 1,024 emulated threads takes a second for each norm.
    monkeypatch.setattr(ways, "WAYS", CUPY)
    assert ways.compared(name, storage, gpu, SIZES)["wrong"] == []


def test_inputs_are_of_every_kind() -> None:
    ordinary, special, tiny = (ways.inputs(RULES["adam"], 10_000, "float32", kind, 1)[1] for kind in ways.KINDS)
    denormal = (special != 0) & (abs(special) < 2.0**-126)
    assert np.isfinite(ordinary).all()
    assert all(some.sum() > 100 for some in (np.isnan(special), np.isinf(special), denormal, special == 0))
    assert np.median(abs(tiny * np.float32(0.1))) < 2.0**-126 < np.median(abs(tiny))


MISTAKES = [
    ("adam", "float32", "beta1_ * m_", "beta1_ * 1.0000001f * m_"),
    ("adam", "float32", "number = whole + first", "number = whole + first + 1"),
    # Without it a NaN becomes zero.
    ("momentum", "bfloat16", "x != x ? bits >> 16 | 0x40u : ", ""),
]


@pytest.mark.parametrize(("name", "storage", "right", "wrong"), MISTAKES)
def test_a_wrong_kernel_is_seen(
    name: str, storage: str, right: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler_or_skip()
    monkeypatch.setattr(ways, "WAYS", CUPY)
    with faked(monkeypatch, {right: wrong}) as gpu:
        (row,) = (row for title, row in bits.rules(gpu, 1, lambda: 9.0, [name], SIZES) if storage in title.split(", "))
    assert row["wrong"]
    assert all(said.startswith("CuPy, ") and "expected" in said for said in row["wrong"])


@pytest.mark.skipif(not NUMBA_CUDA, reason="needs numba-cuda: pip install 'fastopt[cuda13]'")
def test_a_wrong_kernel_of_numba_cuda_is_seen(gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    source = compiler.source
    monkeypatch.setattr(compiler, "source", lambda *a, **k: source(*a, **k).replace("multiply(beta1", "add(beta1"))
    (stage,) = RULES["adam"].program(RULES["adam"].hyper).stages
    assert "multiply(beta1" in source("adam", stage, Layout(("float32",) * 4))
    wrong = ways.compared("adam", "float32", gpu, SIZES)["wrong"]
    assert wrong
    assert all(said.startswith("numba-cuda, ") for said in wrong)


def test_a_cpu_that_is_wrong_is_seen_too(gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = RULES["sgd"].reference
    monkeypatch.setattr(
        RULES["sgd"], "reference", lambda p, g, **given: (np.nextafter(reference(p, g, **given)[0], np.float32(0)),)
    )
    assert all(said.startswith("CPU, ") for said in ways.compared("sgd", "float32", gpu, SIZES)["wrong"])
    assert ways.compared("sgd", "float32", gpu, SIZES)["wrong"]


def test_processes_that_compare_fail_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(RuntimeError, match="a process that compares cannot use the GPU: CuPy"):
        list(bits.rules(FakeGpu(), 2, lambda: 60.0, ["sgd"], SIZES))


def test_what_rides_along_is_compared_and_a_difference_seen(gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(riders, "WAYS", CUPY)
    found = dict(riders.rows(gpu, SIZES))
    assert len(found) == len(riders.CASES) * len(CUPY)
    assert all(row["wrong"] == [] for row in found.values())
    run = riders.run

    def off(rule: str, options: Any, side: ways.Side, sizes: Any) -> Any:
        arrays, saved = run(rule, options, side, sizes)
        if side is ways.CPU:
            saved["skipped"] += 1
            next(iter(arrays.values()))[-1] += 1
        return arrays, saved

    monkeypatch.setattr(riders, "run", off)
    assert all(len(row["wrong"]) == 2 for _, row in riders.rows(gpu, SIZES))


def test_every_element_of_a_huge_array_is_compared(gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    if not NUMBA_CUDA:
        monkeypatch.setattr(gpu, "bare", lambda array: array)
    found = dict(huge.rows(gpu, 5_003, 101))
    assert len(found) == 6
    assert not any(row["wrong"] for row in found.values())
    array = huge.tiled(gpu, np.arange(101, dtype="float32"), 5_003)
    pattern = array[:101].copy()
    assert huge.differing(array, pattern, gpu) == 0
    for place in (0, 100, 2_500, 5_002):
        other = array.copy()
        other[place] = -1
        assert huge.differing(other, pattern, gpu) >= 1
    gpu.free = 1000
    assert all("0 GB are needed" in row["skipped"] for _, row in huge.rows(gpu, 5_003, 101))


def test_the_training_runs_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    *_, (name, row) = training.rows("cpu", epochs=1)
    assert (name, row["furthest"], row["wrong"]) == ("the two losses", 0.0, "")
    assert training.apart([1.0, 2.0], [1.0, 2.0001])["wrong"]
    # NaN is not close to anything.
    assert training.apart([1.0], [float("nan")])["wrong"]
    reference = RULES["adamw"].reference
    monkeypatch.setattr(
        RULES["adamw"], "reference", lambda *arrays, **given: reference(*arrays, **{**given, "lr": 0.5})
    )
    assert "from (1, " in next(training.rows("cpu", epochs=1))[1]["wrong"]


def test_marked_tests_run_in_bare_processes(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_other.py").write_text("import no_such_package")
    with pytest.raises(RuntimeError, match="found no tests marked gpu"):
        marked.collected("gpu", tmp_path)
    (tmp_path / "tests" / "test_some.py").write_text(
        "import pytest, sys\n"
        "def test_another(): pass\n"
        "@pytest.mark.gpu\ndef test_one(): assert 'xdist' not in sys.modules\n"
        "@pytest.mark.gpu\ndef test_two(): assert 1 == 2\n"
        "@pytest.mark.gpu\ndef test_three(): pytest.skip('no such library')\n"
    )
    rows = [row for _, row in marked.rows(3, lambda: 60.0, root=tmp_path)]
    assert [row["passed"] for row in rows] == [1, 0, 0]
    assert [bool(row["wrong"]) for row in rows] == [False, True, True]
    assert list(rows[1]["wrong"]) == ["tests.test_some::test_two"]
    # A process in which nothing ran has shown nothing.
    assert rows[2]["skipped_because"] == {"no such library": 1}


def test_a_process_of_tests_that_does_not_end_is_ended(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests").mkdir()
    text = "import pytest, time\n@pytest.mark.gpu\ndef test_one(): time.sleep(100)\n"
    (tmp_path / "tests" / "test_some.py").write_text(text)
    assert list(marked.rows(3, lambda: 0.0, root=tmp_path)) == [("part 1", {"wrong": "it did not end in time"})]


def test_the_tests_marked_gpu_are_found() -> None:
    files = {name.partition("::")[0] for name in marked.collected("gpu", ROOT)}
    assert files >= {"tests/kernels/cuda/test_cupy.py", "tests/bench/test_bench.py"}


def test_a_sanitizer_that_is_absent_or_finds_something_is_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sanitizer, "installed", lambda: None)
    assert [row["skipped"] for _, row in sanitizer.rows(lambda: 9.0)] == ["compute-sanitizer is not installed"] * 2
    program = tmp_path / "compute-sanitizer"
    monkeypatch.setattr(sanitizer, "installed", lambda: str(program))
    for text, wrong in (
        ("echo '= ERROR SUMMARY: 0 errors'", False),
        ("echo '= ERROR SUMMARY: 1 error'; exit 17", True),
        ("echo 'Device not supported'", True),
    ):
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        assert [bool(row["wrong"]) for _, row in sanitizer.rows(lambda: 9.0)] == [wrong] * 2


def test_the_short_run_ends_with_1_if_a_bit_differs(gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "WAYS", CUPY)
    monkeypatch.setattr(short_run, "Gpu", lambda: gpu)
    monkeypatch.setattr(short_run, "SIZES", SIZES)
    assert short_run.main() == 0
    host = gpu.host
    monkeypatch.setattr(gpu, "host", lambda array: np.nextafter(host(array), np.float32(0)))
    monkeypatch.setattr(short_run, "CASES", short_run.CASES[:1])
    assert short_run.main() == 1
