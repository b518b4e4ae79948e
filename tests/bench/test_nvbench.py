"""`fastopt bench --nvbench`: the readers of NVBench's results accept the file, and find in it what was measured."""

import contextlib
import io
import json
import sys
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from bench_command import said

CONTENDERS = ["rule", "copy", "bare rule", "bare numba", "NumPy"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """What --nvbench and --json say of one run."""
    from fastopt.bench import cases, device, measured
    from fastopt.bench.nvbench import write
    from fastopt.bench.record import as_record

    path = tmp_path_factory.mktemp("nvbench") / "results.json"
    devices = {"cpu": device("cpu")}
    chosen = [
        *cases(["adam", "sgd"], ["1K", "70K"], ["float32", "float16"]),
        *cases(["adam"], ["1K"], arrays=[3]),
    ]
    results = [result for case in chosen for result in measured(case, devices["cpu"], 5)]
    write(results, devices, path)
    return path, as_record(results, devices, 5)


def readers() -> Any:
    return pytest.importorskip("cuda.bench.results", reason="needs cuda-bench, of the extra `test` on Linux")


def test_the_reader_finds_every_case_and_contender(files: Any) -> None:
    path, record = files
    found = readers().BenchmarkResult.from_json(path)
    assert list(found) == ["adam", "sgd"]
    states = {
        (rule, *(state.point[axis] for axis in ("Backend", "T", "Elements", "Arrays", "Cache", "Contender"))): state
        for rule in found
        for state in found[rule]
    }
    rows = {
        (
            row["rule"],
            row["backend"],
            row["dtype"],
            str(row["elements"]),
            str(row["arrays"]),
            row["cache"],
            name,
        ): contender
        for row in record["results"]
        for name, contender in row["contenders"].items()
    }
    assert states.keys() == rows.keys()
    assert {key[-1] for key in rows} == set(CONTENDERS)
    for key, state in states.items():
        row, summaries = rows[key], state.summaries
        assert list(state.samples) == pytest.approx(row["samples"], rel=1e-6)
        assert state.center(mean) == pytest.approx(mean(row["samples"]), rel=1e-6)
        for tag, name in {"q1": "low", "median": "median", "q3": "high"}.items():
            assert summaries[f"nv/cold/time/gpu/{tag}"].value == row["seconds"][name]
        assert summaries["nv/cold/sample_size"].value == 5
        assert summaries["nv/cold/bw/global/bytes_per_second"].value == pytest.approx(
            row["bytes"] / mean(row["samples"])
        )
    assert found.devices[0].name == record["machine"]["processor"]


def test_the_summary_that_nvbench_prints_has_a_row_for_each(files: Any) -> None:
    readers()
    from cuda.bench.scripts import nvbench_json_summary

    path, record = files
    printed = path.with_name("summary.md")
    assert nvbench_json_summary.main([str(path), "-o", str(printed)]) == 0
    text = printed.read_text()
    assert f"### [0] {record['machine']['processor']}\n" in text
    lines = [line for line in text.splitlines() if line.startswith("|") and "cpu" in line]
    assert len(lines) == sum(len(row["contenders"]) for row in record["results"])
    assert all(" ns |" in line or " us |" in line or " ms |" in line for line in lines)


@pytest.mark.parametrize("script", ["nvbench_compare_robust", "nvbench_compare"])
def test_nvbenchs_own_comparison_finds_no_difference_to_itself(
    script: str, files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers()
    pytest.importorskip("tabulate", reason="needs cuda-bench[compare], of the extra `test` on Linux")
    from importlib import import_module

    path, record = files
    monkeypatch.setattr(sys, "argv", [script, "--no-color", str(path), str(path)])
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert import_module(f"cuda.bench.scripts.{script}").main() == 0
    number = sum(len(row["contenders"]) for row in record["results"])
    assert f"- Total Matches: {number}\n" in said.getvalue()
    assert "float16" in said.getvalue()


def test_the_command_writes_the_file_and_its_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.json"
    code, out, err = said(capsys, "sgd", "--size", "1K", "--rounds", "3", "--nvbench", str(path))
    assert (code, err) == (0, "")
    assert out.endswith(f"\nNVBench's form, with its samples in {path}-bin, in {path}\n")
    record = json.loads(path.read_text())
    (bench,) = record["benchmarks"]
    named = [
        value["value"]
        for state in bench["states"]
        for summary in state["summaries"]
        for value in summary["data"]
        if value["name"] == "filename"
    ]
    assert sorted(named) == sorted(f"results.json-bin/{one.name}" for one in (tmp_path / "results.json-bin").iterdir())
    assert all((tmp_path / one).stat().st_size == 3 * 4 for one in named)


@pytest.mark.parametrize("where", ["no/where/results.json", "."])
def test_a_place_that_cannot_be_written_is_one_line_before_anything_is_measured(
    where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = said(capsys, "sgd", "--nvbench", where)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"fastopt: nvbench cannot be written to {where!r}")
