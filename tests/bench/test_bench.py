"""`fastopt bench`: a wrong result is not timed, what is reported is whole, and bad input is one line."""

import dataclasses
import importlib.util
import json
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_command import said
from examples import ROOT
from own_rules import EVERY

from fastopt import Optimizer, measure
from fastopt.bench import WrongResult, cases, count, counts, device, measured
from fastopt.bench.clocks import LEAST, EventClock, HostClock, Took, repeats
from fastopt.bench.devices import DEVICES, Cpu
from fastopt.bench.streams import bare_numba, bare_rule, copier, passes
from fastopt.inspection.formats import OPTIONS
from fastopt.kernels import RULES, exp, rule
from fastopt.kernels.backends import BACKENDS
from fastopt.kernels.cuda import compiler as cupy
from fastopt.kernels.numba_cuda import compiler as nvidia
from fastopt.measure import environment

ROW = {
    "rule", "elements", "dtype", "backend", "cache", "checked", "bytes_per_element", "operations_per_element",
    "seconds", "host_seconds", "gigabytes_per_second", "gigaflops", "operations_per_byte", "share_of_copy",
    "same_streams", "share_of_same_streams", "share_of_peak", "plain", "speedup_over_plain", "contenders",
    "left_out", "kernels", "arrays", "threads", "rounds_per_thread", *OPTIONS,
}  # fmt: skip

QUARTILES = ("low", "median", "high")


@rule(require="lr >= 0")
def mine(p, g, h, *, lr=0.1):  # type: ignore[no-untyped-def]
    """A rule of a module of one's own."""
    h = h + g * g
    return p - lr * g * exp(-h), h


@rule
def copied(p, g):  # type: ignore[no-untyped-def]
    return g


def finite(value: Any) -> bool:
    """Whether every number in plain data is finite."""
    if isinstance(value, dict | list):
        return all(map(finite, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or bool(np.isfinite(value))


def test_the_table_has_a_row_for_each_case_under_its_backend_and_type(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "adam", "sgd", "--size", "1,7K", "--dtype", "float32,float16", "--rounds", "3")
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    lines = out.splitlines()
    for title in ("cpu, float32", "cpu, float16"):
        first = lines.index(title)
        assert lines[first + 1].split()[:5] == ["rule", "elements", "time", "(quartiles)", "GB/s"]
        found = [line.split()[:2] for line in lines[first + 2 : first + 6]]
        assert found == [["adam", "1"], ["adam", "7,000"], ["sgd", "1"], ["sgd", "7,000"]]
    assert max(map(len, lines)) <= 80


def test_a_checkout_that_is_not_installed_has_a_table_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environment, "PACKAGES", [name for name in environment.PACKAGES if name != "fastopt"])
    code, out, _ = said(capsys, "sgd", "--size", "1K", "--rounds", "3")
    assert code == 0
    assert f"fastopt ?, numpy {np.__version__}" in out


def test_json_is_one_object_with_hardware_versions_and_every_number(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "nadam", "adam_lp", "--size", "1K", "--dtype", "bfloat16", "--rounds", "3", "--json")
    assert (code, err) == (0, "")
    record = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert record["machine"]["versions"].keys() >= {"fastopt", "numpy", "numba"}
    assert record["machine"]["cores"] >= 1
    assert record["machine"]["backends"]["cpu"]["threads"] >= 1
    assert [row["checked"] for row in record["results"]] == ["bits", "tolerance"]
    assert record["rounds"] == 3
    for row in record["results"]:
        assert row.keys() == ROW
        assert finite(row)
        assert (row["arrays"], row["threads"], row["rounds_per_thread"]) == (1, None, None)
        assert row["contenders"].keys() == {"rule", "copy", "bare rule", "NumPy"}
        assert row["contenders"]["rule"]["bytes"] == 1000 * row["bytes_per_element"] == 22_000
        assert row["host_seconds"] == row["seconds"]
        assert sorted(row["contenders"]["rule"]["samples"]) == pytest.approx([row["seconds"][key] for key in QUARTILES])
        assert row["seconds"]["low"] <= row["seconds"]["median"] <= row["seconds"]["high"]
        assert row["gigaflops"] == pytest.approx(row["gigabytes_per_second"] * row["operations_per_byte"])


@pytest.mark.parametrize("name", ["test_bench:mine", "adam_max_norm"])
def test_a_rule_of_ones_own_and_one_with_a_norm(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, name, "--size", "7K", "--dtype", "float64", "--rounds", "3")
    assert code == 0
    assert f"\n{name.split(':')[-1]} " in out


def never(*_: Any) -> float:
    raise AssertionError("it was timed")


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("adam", lambda opt: opt.state[0]["m"].view("u4").__ixor__(1), "m in step 1 is "),
        ("adam", lambda opt: opt.params[-1:].view("u4").__ixor__(1), "at element 1,499,999, where the reference gives"),
        ("nadam", lambda opt: opt.uniform_states[0].update(mu_product=0.5), "mu_product in step 1 is 0.5 at element 0"),
        ("adam_lp", lambda opt: opt.params.__imul__(np.float32(1.001)), "p in step 1 is "),
        ("adam_max_norm", lambda opt: opt.params.view("u4").__ixor__(1), "1,500,000 of 1,500,000 elements are wrong"),
    ],
)
def test_a_wrong_kernel_is_not_timed(
    name: str, spoil: Any, message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Optimizer.step
    monkeypatch.setattr(Optimizer, "step", lambda self, grads: (step(self, grads), spoil(self)))
    monkeypatch.setattr(HostClock, "took", never)
    code, out, err = said(capsys, name, "--size", "1.5M", "--rounds", "3")
    assert code == 1
    assert err.startswith(f"fastopt: {name} on cpu, float32, 1,500,000 elements: ")
    assert message in err
    assert err.endswith("it is not timed\n")
    assert err.count("\n") == 1
    assert "GB/s" not in out


def test_a_difference_in_the_second_step_is_found_too(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Optimizer.step

    def spoilt(self: Any, grads: Any) -> None:
        step(self, grads)
        self.params *= np.float32(1 + (self.t == 2))

    monkeypatch.setattr(Optimizer, "step", spoilt)
    with pytest.raises(WrongResult, match="p in step 2"):
        measured(*cases(["sgd"], [3]), device("cpu"), 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["adm"], "there is no rule 'adm'; did you mean 'adam'?"),
        (["nowhere:adam"], "there is no rule 'nowhere:adam': No module named 'nowhere'"),
        (["--size", "0"], "size must be a whole number of elements, as in 1000, 1e6, 64K, 64Ki or 20M; got '0'"),
        (["--size", "1K,"], "size must be a whole number of elements, as in 1000, 1e6, 64K, 64Ki or 20M; got ''"),
        (["--size", "0.5"], "size must be a whole number of elements, as in 1000, 1e6, 64K, 64Ki or 20M; got '0.5'"),
        (["--size", "-1"], "size must be a whole number of elements, as in 1000, 1e6, 64K, 64Ki or 20M; got '-1'"),
        (["--size", "1K..1M"], "size must say how many in a sweep, 2 to 1000, as in 1K..1M:7; got '1K..1M'"),
        (["--size", "1K..1M:1"], "size must say how many in a sweep, 2 to 1000, as in 1K..1M:7; got '1K..1M:1'"),
        (["--size", "1K..1M:1001"], "size must say how many in a sweep, 2 to 1000"),
        (["--size", "1K..1M:³"], "size must say how many in a sweep, 2 to 1000"),
        (["--size", "1M..1K:7"], "size must rise in a sweep, as in 1K..1M:7; got '1M..1K:7'"),
        (["--size", "1K..2K..3K:7"], "size must be a whole number of elements, as in 1000, 1e6, 64K, 64Ki or 20M"),
        (["--size", "..1K:7"], "size must be a whole number of elements, as in 1000, 1e6, 64K, 64Ki or 20M; got ''"),
        (["--dtype", "int8"], "dtype must be one of float16, bfloat16, float32, float64; got 'int8'"),
        (["--backend", "cpu,gpu"], "backend must be one of cpu, cupy, cuda; got 'gpu'"),
        (["--arrays", "0"], "arrays must be 1 or more; got 0"),
        (["--arrays", "1,many"], "arrays must be whole numbers, with commas between them; got '1,many'"),
        (
            ["--size", "9,1K", "--arrays", "10"],
            "arrays must be as many as the elements at most; got 10 for a size of 9",
        ),
        (["--rounds", "2"], "rounds must be 3 or more, for a median and quartiles; got 2"),
        (["--plot", "roof.jpg"], "plot must end in .png or .svg; got 'roof.jpg'"),
        (["--plot-sizes", "sizes.jpg"], "plot-sizes must end in .png or .svg; got 'sizes.jpg'"),
        (["--plot", "no/where/roof.png"], "no folder that one may write to"),
        (["--sizes", "1"], "No such option: --sizes"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("fastopt: ")
    assert message in err


def test_a_size_beyond_the_memory_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cpu, "free_bytes", lambda self: 10**6)
    code, _, err = said(capsys, "sgd", "--size", "1M")
    message = "sgd on cpu, float32, 1,000,000 elements needs about 0.032 GB of memory; 0.001 GB are free"
    assert (code, err) == (2, f"fastopt: {message}\n")


@pytest.mark.parametrize("name", ["cupy", "cuda"])
def test_a_backend_that_is_not_installed_says_what_to_install(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for module, name_of in ((cupy, "cupy"), (nvidia, "library")):
        monkeypatch.setattr(module, name_of, getattr(module, name_of).__wrapped__)
    code, out, err = said(capsys, "--backend", name)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "pip install 'fastopt[cuda13]'" in err


def test_numba_cuda_without_a_gpu_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoGpu:
        @staticmethod
        def is_available() -> bool:
            return False

    monkeypatch.setattr(nvidia, "library", NoGpu)
    code, out, err = said(capsys, "--backend", "cuda")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "numba-cuda finds no usable GPU" in err


def test_a_plot_without_matplotlib_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "fastopt.bench.roofline", raising=False)
    monkeypatch.delitem(sys.modules, "fastopt.bench.labels", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    code, out, err = said(capsys, "--plot", "roof.png")
    message = "fastopt: matplotlib is not installed; pip install 'fastopt[plot]' brings it\n"
    assert (code, out, err) == (2, "", message)


def test_the_plot_is_a_picture_and_the_only_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from matplotlib.image import imread

    for name in ("roof.png", "roof.svg"):
        path = tmp_path / name
        code, out, err = said(capsys, "adam", "lion", "--size", "1K,7K", "--rounds", "3", "--plot", str(path))
        assert (code, err) == (0, "")
        assert out.endswith(f"roofline in {path}\n")
    pixels = imread(tmp_path / "roof.png")
    assert pixels.shape == (900, 1500, 4)
    assert len(np.unique(pixels.reshape(-1, 4), axis=0)) > 100
    svg = (tmp_path / "roof.svg").read_text()
    assert ET.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert "GFLOP/s" in svg
    assert "flop/byte" in svg
    assert sorted(path.name for path in tmp_path.iterdir()) == ["roof.png", "roof.svg"]


@pytest.mark.parametrize(
    ("rules", "names"),
    [(["adam"], {"adam", "copy", "bare rule", "bare numba", "NumPy"}), (["adam", "lion"], {"adam", "lion", "copy"})],
)
def test_bandwidth_is_drawn_over_the_size(
    rules: list[str], names: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastopt.bench import size_plot

    panels: list[tuple[Any, Any]] = []
    place = size_plot.place
    monkeypatch.setattr(size_plot, "place", lambda *given: (panels.append((given[1], given[2])), place(*given)))
    on = device("cpu")
    results = [r for case in cases(rules, ["7K", "1K"], ["float32", "float64"]) for r in measured(case, on, 3)]
    on_paper = [dataclasses.replace(result, peak=1e12) for result in results]
    size_plot.draw(on_paper, tmp_path / "sizes.svg", "a processor")
    titles = [axes.get_title("left") for axes, _ in panels]
    assert titles == ["cpu, float32, hot cache", "cpu, float64, hot cache"]
    for (axes, labels), dtype in zip(panels, ("float32", "float64"), strict=True):
        lines = axes.get_lines()
        assert {label.text.rpartition(" ")[0] for label in labels} == {*names, "datasheet"}
        ours = [result for result in results if (result.case.rule.name, result.case.dtype) == ("adam", dtype)]
        rates = [result.step.gigabytes_per_second for result in ours]
        assert list(lines[0].get_ydata()) == rates[::-1]
        assert list(lines[0].get_xdata()) == [1000, 7_000]
        assert list(lines[-1].get_ydata()) == [1000, 1000]
        assert axes.get_ylim()[1] > 1000
        assert {text.get_text() for text in axes.texts} >= {label.text for label in labels}
    assert [one.name for one in tmp_path.iterdir()] == ["sizes.svg"]


def test_the_command_draws_bandwidth_over_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "sizes.png"
    code, out, err = said(capsys, "sgd", "--size", "1,1K", "--rounds", "3", "--plot-sizes", str(path))
    assert (code, err) == (0, "")
    assert out.endswith(f"bandwidth by size in {path}\n")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_one_size_makes_no_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "sgd", "--size", "1K", "--plot-sizes", str(tmp_path / "sizes.png"))
    assert (code, out) == (2, "")
    assert err == "fastopt: plot-sizes needs two sizes or more, as in --size 1K..64M:9; got one\n"


def test_labels_are_all_written_and_none_on_another() -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    from fastopt.bench.labels import Label, place

    figure = Figure()
    axes = figure.add_axes((0.1, 0.1, 0.6, 0.8))
    points = [Label(0.5 + 0.01 * k, 0.5, f"point {k}", "black") for k in range(20)]
    lines = [Label(1.0, 0.5 + 0.01 * k, f"line {k}", "black") for k in range(5)]
    place(figure, axes, lines, points)
    renderer = FigureCanvasAgg(figure).get_renderer()
    texts = list(axes.texts)
    assert {text.get_text() for text in texts} == {label.text for label in (*points, *lines)}
    figure.draw_without_rendering()  # puts the texts in their places
    boxes = [Text.get_window_extent(text, renderer) for text in texts]
    assert not any(box.count_overlaps(boxes[:k]) for k, box in enumerate(boxes))


def test_a_rule_that_computes_nothing_has_no_place_in_a_plot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = said(
        capsys, "test_bench:copied", "--size", "1K", "--rounds", "3", "--plot", str(tmp_path / "roof.png")
    )
    assert (code, err) == (2, "fastopt: there is nothing to draw: the rules compute nothing\n")
    assert not list(tmp_path.iterdir())


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    path.write_text("before")

    def fail() -> None:
        with measure.whole(path) as file:
            file.write(b"half")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("figures.json", "before")]
    measure.write(path, {"figures": [1, 2]})
    assert json.loads(path.read_text())["figures"] == [1, 2]


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("1", 1),
        ("1e6", 10**6),
        ("64K", 64_000),
        ("64Ki", 65_536),
        ("20M", 20 * 10**6),
        ("1.5m", 1_500_000),
        ("2G", 2 * 10**9),
    ],
)
def test_sizes(text: str, elements: int) -> None:
    assert count(text) == elements


def test_a_sweep_has_its_ends_and_equal_ratios() -> None:
    assert counts("1Ki..64Mi:17") == [2**k for k in range(10, 27)]
    assert counts("1K..1M:4") == [1000, 10_000, 100_000, 1_000_000]
    assert counts("1.5M..20M:2") == [1_500_000, 20_000_000]
    assert counts("1..4:9") == [1, 2, 3, 4]
    assert counts("64K") == [64_000]
    ratios = np.divide(*(np.array(counts("1K..100M:16"))[part] for part in (slice(1, None), slice(-1))))
    assert np.ptp(ratios) < 2e-3 * ratios.mean()
    assert [case.elements for case in cases(["sgd"], ["1K..1M:4", "1M", 7])] == [1000, 10_000, 100_000, 1_000_000, 7]


def test_cases_are_every_combination_once() -> None:
    found = cases(["all", "adam"], ["1K", 1000, "2K"], ["float32", "float64"])
    assert len(found) == len(set(found)) == len(RULES) * 2 * 2
    assert {case.bytes for case in found if case.rule.name == "adam"} == {16_000, 32_000, 64_000}


def test_every_backend_has_a_device() -> None:
    assert DEVICES.keys() == BACKENDS.keys()


@pytest.mark.parametrize("subject", [*EVERY.values(), RULES["adam_lp"], mine, copied], ids=lambda subject: subject.name)
def test_the_limits_read_and_write_what_the_rule_does(subject: Any) -> None:
    assert passes(bare_rule(subject)) == passes(subject)
    arrays = [np.full(5, k + 1.0) for k, _ in enumerate(subject.arrays)]
    before = [array.copy() for array in arrays]
    bare_numba(subject, arrays)()
    written = [k for k, (a, b) in enumerate(zip(arrays, before, strict=True)) if (a != b).any()]
    assert written == sorted(passes(subject)[-1][1])


@pytest.mark.parametrize("nbytes", [8, 4000, 1 << 20])
def test_the_copy_copies_everything(nbytes: int) -> None:
    copy = copier(nbytes)
    copy()
    target, source = copy.args
    assert target.nbytes == source.nbytes == nbytes
    assert np.array_equal(target, source)
    assert target.all()


def test_a_sample_is_long_enough_for_the_clock() -> None:
    class Slow(HostClock):
        def took(self, calls: Any, repeats: int) -> Took:
            return Took(1e-6 if repeats > 3 else 0.0, 0.0)

    assert LEAST <= repeats(Slow(), [int]) * 1e-6 <= 3 * LEAST


def test_the_clock_of_events_times_all_copies_and_waits_for_the_last() -> None:
    log: list[Any] = []

    def record() -> int:
        log.append("event")
        return len(log)

    clock = EventClock(record, lambda began, ended: float(ended - began), 1000)
    calls = [lambda k=k: log.append(k) for k in range(3)]
    # The untimed call is the last one's: the first copy is then the one that was out of use the longest.
    assert clock.took(calls, 2).device == 7 / 6
    assert log == [2, "event", 0, 1, 2, 0, 1, 2, "event"]
    assert clock.copies(100) == {"cold": 31, "hot": 1}
    assert clock.copies(10**6) == {"cold": 2, "hot": 1}
    # So small that as many copies as one would make do not leave the cache.
    assert clock.copies(1) == {"hot": 1}


def test_the_host_is_timed_apart_from_the_device_and_does_not_wait_for_it() -> None:
    def elapsed(began: float, ended: float) -> float:
        time.sleep(0.05)
        return 3.0

    clock = EventClock(time.perf_counter, elapsed, 1000)
    took = clock.took([lambda: time.sleep(1e-3)], 2)
    assert took.device == 1.5
    assert 1e-3 <= took.host < 0.02


def test_cold_and_hot_are_reported_apart(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    class Fake(Cpu):
        def __init__(self) -> None:
            self.clock = EventClock(time.perf_counter, lambda began, ended: ended - began, 10_000)

    monkeypatch.setitem(DEVICES, "cpu", Fake)
    code, out, err = said(capsys, "adam", "--size", "1,1K", "--rounds", "3")
    assert (code, err) == (0, "")
    found = [line.split()[1:3] for line in out.splitlines() if line.startswith("adam")]
    assert found == [["1", "hot"], ["1,000", "cold"], ["1,000", "hot"]]


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", ["cupy", "cuda"])
def test_a_gpu_is_checked_and_timed(name: str, dtype: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(
        capsys, "adam", "adam_max_norm", "--size", "1M", "--backend", name, "--dtype", dtype, "--rounds", "3", "--json"
    )
    assert (code, err) == (0, "")
    record = json.loads(out)
    assert record["machine"]["backends"][name]["gpu"]
    assert [row["cache"] for row in record["results"]] == ["cold", "hot"] * 2
    assert finite(record["results"])


def test_help_imports_neither_numba_nor_matplotlib() -> None:
    code = (
        "import atexit, sys\n"
        "from fastopt.cli import main\n"
        "heavy = {'numba', 'matplotlib', 'cupy'}\n"
        "atexit.register(lambda: print(heavy & sys.modules.keys(), file=sys.stderr))\n"
        "main(['bench', '--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "set()\n")


def test_the_benchmark_of_the_rules_writes_what_the_readme_is_made_of() -> None:
    spec = importlib.util.spec_from_file_location("rules_benchmark", ROOT / "benchmarks" / "rules.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    committed = json.loads((ROOT / "benchmarks" / "results" / "rules-cpu.json").read_text())["rules"]
    for name in ("sgd", "adam_lp"):
        row = module.measured(RULES[name], 2000, 3, {})
        assert row.keys() == committed[name].keys()
        assert row["milliseconds"].keys() == committed[name]["milliseconds"].keys()
        assert row["limit"] in row["milliseconds"]
