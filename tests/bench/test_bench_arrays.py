"""`fastopt bench` on several arrays: checked like one, reported apart, and launched as it is told on CuPy's backend."""

import json
from pathlib import Path
from typing import Any

import cuda_shim
import numpy as np
import pytest
from bench_command import said
from bench_gpu import BLOCKS, numpy_as_cupy
from fake_gpu import FakeGpu, gpu
from own_rules import OWN

from fastopt import Optimizer
from fastopt.bench import Case, WrongResult, cases, device, measured
from fastopt.bench.contenders import prepared
from fastopt.bench.devices import DEVICES
from fastopt.bench.gpu_kernels import Kernel, kernels
from fastopt.inspection.formats import Formats
from fastopt.kernels import RULES, Rule
from fastopt.kernels.cuda import launch_size
from fastopt.kernels.definition import Definition

__all__ = ["gpu"]


class Shimmed(FakeGpu):
    """A device for the bench whose steps are the real ones of backend cupy, run on the CPU."""

    peak = None

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def controls(self, rule: Rule) -> dict[str, Any]:
        return {}

    def kernels(self, case: Case) -> list[Kernel]:
        return kernels(numpy_as_cupy(self._folder, []), case, 2048)


@pytest.fixture
def launches(gpu: FakeGpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Blocks and threads of every launch of a kernel over a task table."""
    found: list[tuple[int, int]] = []
    call = cuda_shim._RawKernel.__call__

    def noted(kernel: Any, grid: Any, block: Any, arguments: Any) -> None:
        found.append((*grid, *block))
        call(kernel, grid, block, arguments)

    monkeypatch.setattr(cuda_shim._RawKernel, "__call__", noted)
    monkeypatch.setitem(DEVICES, "cupy", lambda: Shimmed(tmp_path))
    return found


def test_each_number_of_arrays_is_a_row_and_a_case(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("adam", "--size", "1K,16K", "--arrays", "1,7", "--rounds", "3")
    code, out, err = said(capsys, *arguments)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    first = lines.index("cpu, float32")
    assert lines[first + 1].split()[:4] == ["rule", "elements", "arrays", "time"]
    found = [line.split()[1:3] for line in lines[first + 2 : first + 6]]
    assert found == [["1,000", "1"], ["1,000", "7"], ["16,000", "1"], ["16,000", "7"]]
    assert max(map(len, lines)) <= 80
    code, out, _ = said(capsys, *arguments, "--json")
    results = json.loads(out)["results"]
    assert [row["arrays"] for row in results] == [1, 7, 1, 7]
    moved = [{name: one["bytes"] for name, one in row["contenders"].items()} for row in results]
    assert moved[0] == moved[1]
    assert moved[2] == moved[3]


def test_arrays_are_of_about_equal_length_and_have_allocations_of_their_own() -> None:
    (case,) = cases(["adam"], [1000], arrays=[7])
    assert case.lengths == [143] * 6 + [142]
    setup = prepared(case, device("cpu"))
    step = setup.contenders["rule"].calls[0]
    optimizer, gradients = step.func.__self__, step.args[0]
    assert [array.size for array in optimizer.params] == [array.size for array in gradients] == case.lengths
    assert all(array.base is None for array in (*optimizer.params, *gradients))


@pytest.mark.parametrize(
    ("name", "elements", "dtype"),
    [
        ("adam", 70_000, "float32"),  # on several threads
        ("adam", 7_000, "float16"),
        ("nadam", 7_000, "float32"),
        ("lamb", 7_000, "float16"),
        ("adam_max_norm", 7_000, "float32"),
        ("adam_hypergradient", 7_000, "float16"),
        ("adam_lp", 7_000, "float32"),
        ("clipped", 7_000, "float16"),
    ],
)
def test_rules_are_checked_and_timed_on_several_arrays(name: str, elements: int, dtype: str) -> None:
    rule = OWN.get(name) or RULES[name]
    (found,) = measured(Case(rule, elements, dtype, "cpu", 3), device("cpu"), 3)
    assert found.timings.keys() >= {"rule", "copy", "bare rule", "NumPy"}


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("adam", lambda opt: opt.state[6]["m"].view("u4").__ixor__(1), "m of array 6 in step 1 is "),
        ("adam", lambda opt: opt.params[3][-1:].view("u4").__ixor__(1), "p of array 3 in step 1 is .* at element 142,"),
        ("nadam", lambda opt: opt.uniform_states[0].update(mu_product=0.5), "mu_product of array 0 in step 1 is 0.5"),
        ("adam_lp", lambda opt: opt.params[5].__imul__(np.float32(1.001)), "p of array 5 in step 1 is "),
        ("lamb", lambda opt: opt.params[6].view("u4").__ixor__(1), "p of array 6 in step 1 is .* 142 of 142 elements"),
    ],
)
def test_one_wrong_array_of_several_is_not_timed(
    name: str, spoil: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Optimizer.step
    monkeypatch.setattr(Optimizer, "step", lambda self, grads: (step(self, grads), spoil(self)))
    with pytest.raises(WrongResult, match=f"{name} on cpu, float32, 1,000 elements, 7 arrays: {message}"):
        prepared(*cases([name], [1000], arrays=[7]), device("cpu"))


def test_a_number_of_the_whole_model_that_is_of_one_array_alone_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def each_alone(self: Any, sets: Any, *, t: int, given: Any) -> Any:
        return [self.reference(*arrays, t=t, **own) for arrays, own in zip(sets, given, strict=True)]

    case = Case(RULES["sgd_hypergradient"], 1000, "float32", "cpu", 7)
    prepared(case, device("cpu"))
    monkeypatch.setattr(Definition, "references", each_alone)
    with pytest.raises(WrongResult, match="p of array 0 in step 2"):
        prepared(case, device("cpu"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--threads", "128"],
            "kernel for several arrays of backend cupy, as with --backend cupy --arrays 100; got cpu",
        ),
        (["--rounds-per-thread", "2", "--backend", "cupy,cpu", "--arrays", "9"], "got cupy, cpu and 9 arrays"),
        (["--threads", "128", "--backend", "cupy", "--arrays", "1,9"], "got cupy and 1 array\n"),
        (
            ["--threads", "96", "--backend", "cupy", "--arrays", "9"],
            "threads must be a power of two from 32 to 1024; got",
        ),
        (["--rounds-per-thread", "0"], "rounds_per_thread must be 1 or more; got 0"),
        (["--threads", ""], "threads must be whole numbers, with commas between them; got ''"),
    ],
)
def test_a_launch_that_cannot_be_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = said(capsys, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_every_launch_is_a_case_that_is_launched_so(
    launches: list[tuple[int, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("adam", "--size", "70K", "--backend", "cupy", "--arrays", "7", "--rounds", "3")
    swept = ("--threads", "64,128", "--rounds-per-thread", "1,2")
    code, out, err = said(capsys, *arguments, *swept)
    assert (code, err) == (0, "")
    # A thread takes 4 elements in each of its rounds, and each of the 7 arrays has 10,000.
    assert set(launches) == {(7 * 40, 64), (7 * 20, 64), (7 * 20, 128), (7 * 10, 128)}
    lines = out.splitlines()
    assert max(map(len, lines)) <= 120
    (heading,) = [line for line in lines if line.startswith("rule")]
    assert heading.split()[:6] == ["rule", "elements", "arrays", "threads", "rounds", "cache"]
    found = [line.split()[2:5] for line in lines if line.startswith("adam") and " hot " in line]
    assert found == [["7", "64", "1"], ["7", "64", "2"], ["7", "128", "1"], ["7", "128", "2"]]
    assert [line.rpartition(" of ")[2] for line in lines if "occupancy" in line] == ["64", "128"]
    launches.clear()
    code, out, _ = said(capsys, *arguments, *swept, "--json")
    for row in json.loads(out)["results"]:
        (kernel,) = row["kernels"]
        assert kernel["threads"] == row["threads"]
        assert kernel["occupancy"] == row["threads"] * BLOCKS / 2048
    launches.clear()
    code, out, _ = said(capsys, *arguments, "--json")
    assert set(launches) == {(7 * 3, 256)}
    for row in json.loads(out)["results"]:
        assert (row["threads"], row["kernels"][0]["threads"]) == (None, 256)


@pytest.mark.parametrize("arrays", [1, 3])
def test_what_is_rounded_at_random_is_checked_on_backend_cupy(arrays: int, gpu: FakeGpu, tmp_path: Path) -> None:
    formats = Formats(state_format="bfloat16", param_rounding="stochastic", reciprocals=True)
    found = measured(Case(RULES["adam"], 999, "bfloat16", "cupy", arrays, formats=formats), Shimmed(tmp_path), 3)
    assert [(one.bytes, one.kernels[0].threads) for one in found] == [(14, launch_size.now.threads)] * 2


def test_a_wrong_kernel_for_several_arrays_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fake_gpu import compiler_or_skip, faked

    compiler_or_skip()
    with (
        faked(monkeypatch, {"number = whole + first": "number = whole + first + 1"}),
        pytest.raises(WrongResult, match="adam on cupy, float32, 1,001 elements, 7 arrays: p of array 0 in step 1"),
    ):
        prepared(Case(RULES["adam"], 1_001, "float32", "cupy", 7), Shimmed(tmp_path))


def test_files_tell_arrays_and_launches_apart(
    launches: list[tuple[int, int]], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastopt.bench import roofline, size_plot

    texts: list[str] = []
    titles: list[str] = []

    def noted(figure: Any, axes: Any, lines: Any, points: Any) -> None:
        texts.extend(label.text for label in lines)
        titles.append(axes.get_title("left"))

    for module in (roofline, size_plot):
        monkeypatch.setattr(module, "place", noted)
    files = [str(tmp_path / name) for name in ("roof.png", "sizes.png", "nvbench.json")]
    options = ("--plot", files[0], "--plot-sizes", files[1], "--nvbench", files[2])
    shared = ("sgd", "--size", "1K,2K", "--backend", "cupy", "--rounds", "3")
    code, _, err = said(capsys, *shared, "--arrays", "2", "--threads", "64,128", *options)
    assert (code, err) == (0, "")
    roof, *panels = titles
    layouts = {"2 arrays, 64 threads a block", "2 arrays, 128 threads a block"}
    assert "Optimizer.step on none, cupy, float32\n" in roof
    assert {text.partition(", 1K")[0] for text in texts if ", 1K elements" in text} == layouts
    assert {panel.partition(" cache, ")[2] for panel in panels} == layouts
    (bench,) = json.loads(Path(files[2]).read_text())["benchmarks"]
    axes = {axis["name"]: (axis["type"], [value["value"] for value in axis["values"]]) for axis in bench["axes"]}
    assert axes["Arrays"] == ("int64", [2])
    assert axes["Threads"] == ("string", ["64", "128"])
    assert "RoundsPerThread" not in axes
