"""`benchmarks.gpu_check`: what is on disk at each moment, which time is kept, and how the commands end."""

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import ROOT
from fake_gpu import FakeGpu

from benchmarks.gpu_check import __main__ as command
from benchmarks.gpu_check import facts
from benchmarks.gpu_check.runner import Section, run


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
        for one in made:
            # It can be begun: a generator has its arguments bound and has not run yet.
            assert inspect.isgenerator(one.rows(lambda: 1.0))


def test_the_commit_is_what_was_said_or_what_git_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FASTOPT_COMMIT", raising=False)
    assert facts.header("bits", FakeGpu(), "given")["commit"] == "given"
    known = facts.header("bits", FakeGpu(), None)["commit"]
    assert known == "unknown" or len(known.removesuffix("-dirty")) == 40
    monkeypatch.setattr(facts.shutil, "which", lambda name: None)
    assert facts.header("bits", FakeGpu(), None)["commit"] == "unknown"
    assert facts.clocks() == {}
