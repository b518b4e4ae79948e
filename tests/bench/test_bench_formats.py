"""`fastopt bench` with options of state and weights: bytes as they are stored, results checked, rows told apart."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_command import said
from bench_gpu import numpy_as_cupy
from rich.console import Console

from fastopt import Optimizer
from fastopt.bench import Case, cases, check, device
from fastopt.bench.clocks import HostClock, Took
from fastopt.bench.compare import compared
from fastopt.bench.contenders import prepared
from fastopt.bench.gpu_kernels import kernels
from fastopt.bench.nvbench import as_nvbench
from fastopt.bench.run import result
from fastopt.bench.streams import bare_rule, passes
from fastopt.commands.bench_table import Table
from fastopt.commands.figures import amount
from fastopt.inspection.formats import DEFAULTS, PLAIN, Formats
from fastopt.kernels import RULES
from fastopt.kernels.cuda import launch_size
from fastopt.optimizer.optimizer import updater_of

HALF = Formats(state_format="bfloat16")
ALL = Formats(state_format="bfloat16", param_rounding="stochastic", reciprocals=True)


@pytest.mark.parametrize(
    ("dtype", "formats", "moved", "held"),
    [
        ("float32", PLAIN, 28, 16),
        ("float32", Formats(reciprocals=True), 28, 16),
        ("float32", HALF, 20, 12),
        ("bfloat16", Formats(param_rounding="stochastic"), 22, 12),
        ("bfloat16", ALL, 14, 8),
    ],
    ids=str,
)
def test_an_element_has_the_bytes_that_it_is_stored_in(dtype: str, formats: Formats, moved: int, held: int) -> None:
    case = Case(RULES["adamw"], 1000, dtype, "cpu", formats=formats)
    assert (case.costs.bytes, case.bytes) == (moved, 1000 * held)
    # Those of the arrays of an optimizer, and of the bare one, which goes over as many.
    bare = formats.bare.optimizer(np.zeros(1000, dtype), bare_rule(case.rule))
    for optimizer in (formats.optimizer(np.zeros(1000, dtype), case.rule), bare):
        updater = updater_of(optimizer)
        parameter, (state,) = optimizer.params, updater.state
        assert 2 * parameter.nbytes + sum(array.nbytes for array in state.values()) == 1000 * held
        assert passes(updater.definition) == passes(case.rule)


def test_a_fraction_of_a_byte_has_two_decimals() -> None:
    assert [amount(number) for number in (14, 14.0, 14 + 4 / 256, 11.5)] == ["14", "14", "14.02", "11.5"]


EIGHT = Formats(state_format="8bit")


@pytest.mark.parametrize("arrays", [1, 3])
def test_what_is_rounded_at_random_is_checked_in_whole_arrays_by_their_names(
    arrays: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "PIECE", 100)
    setup = prepared(Case(RULES["adamw"], 1500, "bfloat16", "cpu", arrays, formats=ALL), device("cpu"))
    assert [setup.contenders[name].bytes for name in ("rule", "bare rule", "copy")] == [21_000, 21_000, 12_000]
    # Of the bare rule.
    assert {array.dtype.name for array in setup.arrays} == {"bfloat16"}


@pytest.mark.parametrize(
    ("options", "spoil", "message"),
    [
        ([], lambda opt: opt.state[0]["v"].view("u2").__ixor__(1), "v in step 1 is "),
        (["--state-rounding", "nearest"], lambda opt: opt.params.view("u4").__ixor__(1), "p in step 1 is "),
    ],
)
def test_a_wrong_result_is_not_timed(
    options: list[str], spoil: Any, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step = Optimizer.step
    monkeypatch.setattr(Optimizer, "step", lambda self, grads: (step(self, grads), spoil(self)))
    code, out, err = said(capsys, "adam", "--size", "1K", "--state-format", "bfloat16", *options)
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith("fastopt: adam on cpu, float32, 1,000 elements, state_format=bfloat16")
    assert message in err
    assert "GB/s" not in out


def test_formats_are_rows_side_by_side_and_all_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("adamw", "--size", "1,1000", "--state-format", "float32,bfloat16", "--reciprocals", "--rounds", "3")
    code, out, err = said(capsys, *given)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    first = lines.index("cpu, float32, reciprocals")
    assert lines[first + 1].split()[:4] == ["rule", "elements", "state", "time"]
    found = [line.split()[1:3] for line in lines[first + 2 : first + 6]]
    assert found == [["1", "float32"], ["1", "bfloat16"], ["1,000", "float32"], ["1,000", "bfloat16"]]
    assert "28 bytes an element: adamw, float32, reciprocals" in lines
    assert "20 bytes an element: adamw, float32, state_format=bfloat16, reciprocals" in lines
    assert max(map(len, lines)) <= 80


def test_a_rounding_is_of_the_formats_that_have_one() -> None:
    every = [None, "bfloat16", "8bit"]
    found = cases(["adam"], [5000], state_format=every, state_rounding=["stochastic", "nearest"])
    nearest = Formats(state_format="bfloat16", state_rounding="nearest")
    assert [case.formats for case in found] == [PLAIN, HALF, nearest, EIGHT]


def test_codes_and_weights_in_two_parts_are_checked_and_timed(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("adamw", "--size", "5K", "--dtype", "bfloat16", "--state-format", "8bit", "--master-weight-bits", "16,24")
    code, out, err = said(capsys, *given, "--rounds", "3")
    assert (code, err) == (0, "")
    assert "10.06 bytes an element: adamw, bfloat16, state_format=8bit" in out
    assert "12.06 bytes an element: adamw, bfloat16, state_format=8bit, master_weight_bits=24" in out


def test_a_wrong_scale_is_not_timed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def spoiled(self: Any, grads: Any) -> None:
        step(self, grads)
        updater_of(self).state[0]["scales of v"].view("u4")[-1:] ^= 1

    step = Optimizer.step
    monkeypatch.setattr(Optimizer, "step", spoiled)
    code, out, err = said(capsys, "adam", "--size", "5K", "--state-format", "8bit")
    assert code == 1
    assert "scales of v in step 1 is" in err
    assert "GB/s" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["adam", "--state-format", "int4"], "state_format must be 'bfloat16' or '8bit', or None; got 'int4'"),
        (["adam", "--state-rounding", "nearest"], "state_rounding has no effect without state_format='bfloat16'; pass"),
        (["adam", "sgd", "--state-format", "bfloat16"], "sgd: state_format has no effect, since there are no state"),
        (["lion", "--reciprocals"], "lion: reciprocals has no effect, since no array is divided by a number; leave"),
        (["adam", "--param-rounding", "stochastic"], "param_rounding has no effect, since no parameter is in bfloat16"),
        (["adam", "--dtype", "float64", "--state-format", "bfloat16"], "state_format is for real parameters that are"),
        (["--compare", "a", "b", "--reciprocals"], "--reciprocals has no effect with --compare: leave it out"),
    ],
)
def test_what_has_no_effect_is_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(TypeError, match=r"there is no option 'state_fmt' of formats; did you mean 'state_format'\?"):
        cases(["adam"], [9], state_fmt=["bfloat16"])


def test_formats_are_other_cases_in_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("adam", "--size", "1K", "--rounds", "3", "--state-format", "float32,bfloat16", "--json")
    record = json.loads(said(capsys, *given)[1])
    plain, half = record["results"]
    assert {name: plain[name] for name in DEFAULTS} == DEFAULTS
    assert {name: half[name] for name in DEFAULTS} == vars(HALF)
    assert [row["bytes_per_element"] for row in (plain, half)] == [28, 20]
    # numba alone has no 16-bit numbers.
    assert plain["contenders"].keys() - half["contenders"].keys() == {"bare numba"}
    assert [row["contenders"]["bare rule"]["bytes"] for row in (plain, half)] == [28_000, 20_000]
    # A record from before there were formats has none.
    old = {**record, "results": [{name: value for name, value in plain.items() if name not in DEFAULTS}]}
    comparison = compared(old, record)
    assert [change.verdict for change in comparison.changes] == ["no difference"]
    assert len(comparison.only_after) == 1
    paths = [tmp_path / name for name in ("before.json", "after.json")]
    for path, one in zip(paths, (old, record), strict=True):
        path.write_text(json.dumps(one))
    code, out, _ = said(capsys, "--compare", *map(str, paths))
    assert code == 0
    assert "only after: adam on cpu, float32, 1,000 elements, state_format=bfloat16, hot cache\n" in out
    code, out, _ = said(capsys, "--compare", *[str(paths[1])] * 2)
    assert [line.split()[:3] for line in out.splitlines() if line.startswith("adam")] == [
        ["adam", "1,000", "float32"],
        ["adam", "1,000", "bfloat16"],
    ]


def test_nvbench_has_an_axis_and_the_plots_a_title(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastopt.bench import roofline, size_plot

    texts: list[str] = []
    titles: list[str] = []

    def noted(figure: Any, axes: Any, lines: Any, points: Any) -> None:
        texts.extend(label.text for label in lines)
        titles.append(axes.get_title("left"))

    for module in (roofline, size_plot):
        monkeypatch.setattr(module, "place", noted)
    monkeypatch.setattr(HostClock, "took", lambda self, calls, repeats: Took(1e-3, 1e-3))
    on = device("cpu")
    found = []
    for case in cases(["adam"], [500, 1000], state_format=[None, "bfloat16"]):
        setup = prepared(case, on)
        found.append(result(setup, "hot", {name: [Took(1e-3, 1e-3)] * 3 for name in setup.contenders}))
    (bench,) = as_nvbench(found, {"cpu": on}, "samples")[0]["benchmarks"]
    axes = {axis["name"]: [value["value"] for value in axis["values"]] for axis in bench["axes"]}
    assert axes["StateFormat"] == ["usual", "bfloat16"]
    assert "StateRounding" not in axes
    roofline.draw(found, tmp_path / "roof.svg", "a processor")
    size_plot.draw(found, tmp_path / "sizes.svg", "a processor")
    assert [text.partition("\n")[0] for text in texts if "elements" in text][:2] == [
        "500 elements",
        "state_format=bfloat16, 500 elements",
    ]
    assert titles[1:] == ["cpu, float32, hot cache", "cpu, float32, hot cache, state_format=bfloat16"]
    # The rows of the usual sizes have room in 80 columns.
    large = [replace(one, case=replace(one.case, rule=RULES["adamw"], elements=16_000_000)) for one in found]
    printed = StringIO()
    out = Console(file=printed, width=80, force_terminal=True, color_system=None, highlight=False)
    table = Table([one.case for one in large], {"cpu": on}, out)
    for one in large:
        table.add(one)
    rows = [line for line in printed.getvalue().splitlines() if "16,000,000" in line]
    assert [len(row) > 70 for row in rows] == [True] * 4


def test_the_gpus_kernel_of_what_is_rounded_at_random_is_that_over_the_table(tmp_path: Path) -> None:
    cupy: Any = numpy_as_cupy(tmp_path, [])
    found = [
        kernels(cupy, Case(RULES["adam"], 1000, "float32", "cupy", formats=formats), 2048)[0].threads
        for formats in (HALF, HALF.bare)
    ]
    assert found == [launch_size.now.threads, 128]
