"""`benchmarks.gpu_check` without a GPU: what is on disk at each moment, what a wrong bit does, every section once."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cuda_shim
import numpy as np
import pytest
from examples import ROOT
from fake_gpu import NUMBA_CUDA, FakeGpu, OnGpu, faked

import fastopt
from benchmarks.gpu_check import (
    __main__ as command,
)
from benchmarks.gpu_check import (
    bits,
    facts,
    huge,
    large,
    launch,
    marked,
    models,
    riders,
    sanitizer,
    tail,
    timing,
    torch_side,
    training,
    ways,
)
from benchmarks.gpu_check.runner import Section, run
from fastopt.kernels import RULES, numba_cuda

LISTS = {"two arrays": lambda: [(70,), (5, 3)], "one array": lambda: [(9,)]}
SIZES = (1, 7, 129)
CUPY = {name: way for name, way in ways.WAYS.items() if name != "numba-cuda"}


class Clock:
    """Goes on only when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def section(name: str, *rows: Any, seconds: float = 10.0) -> Section:
    """Yields rows, calls what is a function between them, and raises what is an exception."""

    def work(left: Callable[[], float]) -> Iterator[Any]:
        for number, row in enumerate(rows):
            if isinstance(row, Exception):
                raise row
            if callable(row):
                row()
            else:
                yield f"row {number}", row

    return Section(name, seconds, work)


def ran(path: Path, *sections: Section, seconds: float = 100.0, clock: Clock | None = None) -> tuple[int, Any]:
    code = run(sections, path, {"commit": "abc"}, seconds, say=lambda text: None, now=clock or Clock())
    return code, json.loads(path.read_text())


# The runner.


def test_everything_is_on_disk_after_each_row(tmp_path: Path) -> None:
    path, seen = tmp_path / "folder" / "found.json", []

    def look() -> None:
        seen.append(json.loads(path.read_text()))
        assert list(path.parent.iterdir()) == [path]

    code, found = ran(path, section("one", {"value": 1}, look, {"value": np.inf}, look), section("two", look, {}))
    assert code == 0
    assert [list(one["sections"]) for one in seen] == [["one"], ["one"], ["one", "two"]]
    assert [list(one["sections"]["one"]["rows"]) for one in seen] == [["row 0"], ["row 0", "row 2"], ["row 0", "row 2"]]
    assert [one["sections"]["one"]["outcome"] for one in seen] == ["running", "running", "passed"]
    assert not any(one["ended"] for one in seen)
    assert found["ended"]
    assert found["commit"] == "abc"
    assert found["sections"]["one"]["rows"]["row 2"] == {"value": None}


def test_a_section_that_fails_leaves_its_rows_and_the_others(tmp_path: Path) -> None:
    code, found = ran(tmp_path / "x", section("bad", {"value": 1}, ValueError("no such kernel")), section("good", {}))
    assert code == 1
    bad, good = found["sections"].values()
    assert (bad["outcome"], bad["error"]) == ("failed", "ValueError: no such kernel")
    assert bad["rows"] == {"row 0": {"value": 1}}
    assert "raise row" in " ".join(bad["traceback"])
    assert good["outcome"] == "passed"


@pytest.mark.parametrize(
    ("row", "outcome"),
    [({"wrong": ["1 of 7"]}, "wrong"), ({"wrong": []}, "passed"), ({"skipped": "no torch"}, "passed")],
)
def test_a_row_with_something_wrong_makes_the_exit_code(row: Any, outcome: str, tmp_path: Path) -> None:
    code, found = ran(tmp_path / "x", section("one", row, {}))
    assert (code, found["sections"]["one"]["outcome"]) == (int(outcome == "wrong"), outcome)


def test_a_section_that_would_not_fit_is_skipped_and_a_shorter_one_is_not(tmp_path: Path) -> None:
    clock = Clock()
    first = section("first", lambda: setattr(clock, "seconds", 60.0), {}, seconds=70)
    code, found = ran(tmp_path / "x", first, section("long", {}, seconds=50), section("short", {}), clock=clock)
    assert code == 0
    assert [one["outcome"] for one in found["sections"].values()] == ["passed", "skipped", "passed"]
    assert found["sections"]["long"]["reason"] == "it may take 50 s, and 40 s are left"


def test_a_section_is_stopped_after_the_row_in_which_its_time_ended(tmp_path: Path) -> None:
    clock, after = Clock(), []
    rows = ({}, lambda: setattr(clock, "seconds", 11.0), {"wrong": "late"}, lambda: after.append(1), {})
    code, found = ran(tmp_path / "x", section("slow", *rows), clock=clock)
    assert (code, found["sections"]["slow"]["outcome"], after) == (1, "wrong", [])
    assert list(found["sections"]["slow"]["rows"]) == ["row 0", "row 2"]
    clock.seconds = 0.0
    code, found = ran(tmp_path / "x", section("slow", rows[1], {}, {}), clock=clock)
    assert (code, found["sections"]["slow"]["outcome"]) == (0, "stopped: out of time")


# The commands.


def test_without_a_gpu_both_commands_say_so_in_a_line_and_write_nothing(tmp_path: Path) -> None:
    for name in command.COMMANDS:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.gpu_check", name, "--out", str(tmp_path / "found.json")],
            cwd=ROOT, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
        assert f"gpu_check {name}: CuPy" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_command_writes_what_its_sections_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "Gpu", FakeGpu)
    some = [section("one", {"wrong": "a bit"}), section("two", {}), section("three", {})]
    monkeypatch.setitem(command.COMMANDS, "bits", lambda gpu, jobs: some)
    path = tmp_path / "found.json"
    monkeypatch.setenv("FASTOPT_COMMIT", "def")
    assert command.main(["bits", "--out", str(path), "--only", "two", "one"]) == 1
    found = json.loads(path.read_text())
    assert (found["commit"], list(found["sections"])) == ("def", ["two", "one"])
    assert found["machine"]["gpu"] == {"gpu": "none"}
    assert command.main(["bits", "--out", str(path), "--only", "two", "--commit", "0123"]) == 0
    assert json.loads(path.read_text())["commit"] == "0123"
    assert "two: passed" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        command.main(["bits", "--out", str(path), "--only", "four"])
    assert stopped.value.code == 2
    assert "there is no section 'four'; there are 'one', 'two', 'three'" in capsys.readouterr().err


def test_the_sections_fit_into_nine_minutes_or_say_that_they_do_not() -> None:
    for sections in command.COMMANDS.values():
        made = sections(FakeGpu(), 1)
        assert len({one.name for one in made}) == len(made)
        assert max(one.seconds for one in made) < command.SECONDS < 540


def test_the_commit_is_what_was_said_or_what_git_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FASTOPT_COMMIT", raising=False)
    assert facts.header("bits", FakeGpu(), "given")["commit"] == "given"
    known = facts.header("bits", FakeGpu(), None)["commit"]
    assert known == "unknown" or len(known.removesuffix("-dirty")) == 40
    monkeypatch.setattr(facts.shutil, "which", lambda name: None)
    assert facts.header("bits", FakeGpu(), None)["commit"] == "unknown"
    assert facts.clocks() == {}


# The bits.


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGpu]:
    if cuda_shim.compiler() is None:
        pytest.skip("there is no C++ compiler: neither g++ nor the package ziglang")
    if not NUMBA_CUDA:
        monkeypatch.setattr(ways, "WAYS", CUPY)
    with faked(tmp_path, monkeypatch) as gpu:
        yield gpu


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
    ("adam", "float32", "i = whole + first", "i = whole + first + 1"),
    # Without it a NaN becomes zero.
    ("momentum", "bfloat16", "x != x ? bits >> 16 | 0x40u : ", ""),
]


@pytest.mark.parametrize(("name", "storage", "right", "wrong"), MISTAKES)
def test_a_wrong_kernel_is_seen(
    name: str, storage: str, right: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if cuda_shim.compiler() is None:
        pytest.skip("there is no C++ compiler: neither g++ nor the package ziglang")
    monkeypatch.setattr(ways, "WAYS", CUPY)
    with faked(tmp_path, monkeypatch, {right: wrong}) as gpu:
        (row,) = (row for title, row in bits.rules(gpu, 1, lambda: 9.0, [name], SIZES) if storage in title.split(", "))
    assert row["wrong"]
    assert all(said.startswith("CuPy, ") and "expected" in said for said in row["wrong"])


@pytest.mark.skipif(not NUMBA_CUDA, reason="needs numba-cuda: pip install 'fastopt[cuda13]'")
def test_a_wrong_kernel_of_numba_cuda_is_seen(gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    source = numba_cuda.source
    monkeypatch.setattr(numba_cuda, "source", lambda *a, **k: source(*a, **k).replace("multiply(beta1", "add(beta1"))
    assert source("adam", RULES["adam"].program(RULES["adam"].hyper).stages[0], ["float32"] * 4, None).count(
        "multiply(beta1"
    )
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
    with pytest.raises((ImportError, RuntimeError), match="CuPy"):
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
    assert files >= {"tests/test_cupy.py", "tests/test_bench.py"}


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


# The times.


@pytest.fixture
def with_torch(monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether torch, on the CPU, stands for torch on a GPU."""
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    monkeypatch.setattr(torch_side, "absent", lambda: None)

    def captured(step: Callable[[], Any]) -> Callable[[], Any]:
        for _ in range(torch_side.WARM_UP):
            step()
        return step

    monkeypatch.setattr(torch_side, "captured", captured)
    return True


def test_the_device_is_held_back_until_the_calls_are_issued() -> None:
    gpu = FakeGpu()
    contenders = {"one": timing.Contender([lambda: gpu.log.append("call")] * 2, 8)}
    times = timing.timed(gpu, contenders, 3, ("device",))
    assert len(times["device"]["one"]) == 3
    last = gpu.log[-2 - 20 :]
    assert last == ["event", *["call"] * 20, "event"]
    assert gpu.log[-24:-22] == ["synchronize", "hold"]


def test_models_are_checked_and_timed_beside_torch(with_torch: bool, gpu: FakeGpu) -> None:
    found = dict(models.models(gpu, LISTS, 3))
    assert list(found) == list(LISTS)
    for row in found.values():
        assert row["wrong"] == []
        assert (row["torch"] == "measured") is with_torch
        assert list(row["milliseconds"]) == list(timing.CLOCKS)
        assert set(row["milliseconds"]["whole"]) == {"fastopt", *["torch fused"] * with_torch}
    for _, row in launch.rows(gpu, LISTS, (1, 2), (128,), (64,), 3):
        assert row["wrong"] == []
    tails = dict(tail.rows(gpu, LISTS, 3))
    assert all(row["wrong"] == [] for row in tails.values())
    assert all(len(row["milliseconds"]["whole"]) == (4 if with_torch else 1) for row in tails.values())


def test_wrong_results_are_said_beside_their_times(
    with_torch: bool, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong_for_the_cpu(given: Any, steps: int = 3) -> Any:
        return [p + np.float32(1) for p in given.start]

    monkeypatch.setattr(models, "by_the_cpu", wrong_for_the_cpu)
    monkeypatch.setattr(launch, "by_the_cpu", wrong_for_the_cpu)
    monkeypatch.setattr(large, "ends_by_the_cpu", lambda gpu, rule, p, g: large.ends(gpu, p) + np.float32(1))
    assert all(len(row["wrong"]) == 1 + with_torch for _, row in models.models(gpu, LISTS, 3))
    assert all(row["wrong"] for _, row in launch.rows(gpu, LISTS, (1,), (128,), (64,), 3))
    rows = [row for name, row in large.adamw(gpu, (4_099,), 3) if "4,099" in name]
    # Of each copy.
    assert [len(row["wrong"]) for row in rows] == [2 * (1 + with_torch)] * 2


def test_launch_parameters_reach_the_launch_and_are_put_back(gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    launches = []
    call = cuda_shim._RawKernel.__call__

    def noted(kernel: Any, grid: Any, block: Any, arguments: Any) -> None:
        launches.append((grid, block))
        call(kernel, grid, block, arguments)

    monkeypatch.setattr(cuda_shim._RawKernel, "__call__", noted)
    given = models.step_peers.problem([(20_000,), (10,)])
    for values in ((4, 256, 65_536), (1, 256, 65_536), (4, 128, 65_536), (4, 256, 8_192), (4, 256, 65_536)):
        with launch.constants(*values):
            opt, _, grads = models.ours(gpu, given)
            opt.step(grads)
    # A thread takes 4 elements in each of its rounds; 20,000 elements are three chunks of 8,192.
    wanted = [(2 * 5, 256), (2 * 20, 256), (2 * 10, 128), (4 * 2, 256), (2 * 5, 256)]
    assert launches == [((grid,), (block,)) for grid, block in wanted]


def test_a_captured_step_is_timed_once_there_is_one(
    with_torch: bool, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not hasattr(fastopt.Optimizer, "captured"):
        assert {row["skipped"] for _, row in models.captured(gpu, LISTS, 3)} == {
            "not available: an optimizer has no `captured` yet"
        }
        monkeypatch.setattr(
            fastopt.Optimizer, "captured", lambda self, grads, steps: partial(self.step, grads), raising=False
        )
    for _, row in models.captured(gpu, LISTS, 3):
        assert row["wrong"] == []
        assert {"fastopt", "fastopt, not captured"} <= row["milliseconds"]["device"].keys()


def test_large_arrays_are_timed_cold_and_hot_as_far_as_they_fit(with_torch: bool, gpu: FakeGpu) -> None:
    found = dict(large.adamw(gpu, (4_099,), 3))
    assert [name for name in found if name != "torch"] == ["4,099, cold", "4,099, hot"]
    assert all(
        row["wrong"] == [] and row["share_of_copy"]["median"] > 0 for name, row in found.items() if name != "torch"
    )
    gpu.free = 4 * 4_099 * 10
    assert [name for name in dict(large.adamw(gpu, (4_099,), 3)) if name != "torch"] == ["4,099, hot", "4,099, cold"]
    gpu.free = 1000
    assert "0 are free" in list(large.adamw(gpu, (4_099,), 3))[-1][1]["skipped"]


def test_rules_and_kernels_are_timed_beside_each_other(gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "RULES", {name: RULES[name] for name in ("sgd", "momentum", "adamw", "lion", "lamb")})
    if not NUMBA_CUDA:
        monkeypatch.setattr(gpu, "bare", lambda array: array)
    found = dict(large.every_rule(gpu, 501, 3, 101))
    assert list(found) == list(large.RULES)
    assert all(row["share_of"].keys() == {"copy", "bare rule"} for row in found.values())
    for _, row in large.side_by_side(gpu, 256, 3, 4):
        assert len(row["milliseconds"]["host"]) == 5


def test_arrays_of_the_fake_gpu_go_to_the_gpus_kernels(gpu: FakeGpu) -> None:
    from fastopt.kernels import dispatch

    assert dispatch.view_of(gpu.array(np.ones(3)), "p")[0] == "cupy"
    assert dispatch.view_of(np.ones(3), "p")[0] == "cpu"
    assert isinstance(fastopt.Optimizer(gpu.array(np.ones(3, "float32")), "adam").state[0]["m"], OnGpu)
    if NUMBA_CUDA:
        assert dispatch.view_of(gpu.bare(np.ones(3)), "p")[0] == "cuda"
