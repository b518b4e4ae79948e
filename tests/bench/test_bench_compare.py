"""`fastopt bench --compare`: a verdict where the quartiles lie apart, none where they do not, and no guesses."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from bench_command import said

from fastopt.bench.compare import FASTER, MACHINE, NO_DIFFERENCE, SLOWER, compared
from fastopt.bench.record import FORMAT


def spread(median: float, by: float = 0.1) -> dict[str, float]:
    return {"median": median, "low": median * (1 - by), "high": median * (1 + by)}


def row(seconds: float, copied: float = 1.0, elements: int = 1000, by: float = 0.1) -> dict[str, Any]:
    return {
        **{"backend": "cpu", "dtype": "float32", "cache": "hot", "rule": "adam", "elements": elements},
        "seconds": spread(seconds, by),
        "contenders": {"copy": {"seconds": spread(copied, by)}},
    }


def record(*rows: dict[str, Any], numpy: str = "2.4") -> dict[str, Any]:
    return {"format": FORMAT, "machine": {"versions": {"numpy": numpy}}, "rounds": 21, "results": list(rows)}


def written(folder: Path, *records: Any) -> list[str]:
    paths = [folder / name for name in ("before.json", "after.json")]
    for path, one in zip(paths, records, strict=True):
        path.write_text(one if isinstance(one, str) else json.dumps(one))
    return list(map(str, paths))


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (row(1.0), row(1.5), SLOWER),
        (row(1.5), row(1.0), FASTER),
        (row(1.0), row(1.15), NO_DIFFERENCE),
        (row(1.0), row(1.5, by=0.4), NO_DIFFERENCE),
        (row(1.0), row(1.02, by=0.001), NO_DIFFERENCE),
        (row(1.0, by=0.001), row(1.02, by=0.001), SLOWER),
        # The whole machine is slower, or faster.
        (row(1.0, 1.0), row(1.5, 1.5), MACHINE),
        (row(1.5, 1.5), row(1.0, 1.0), MACHINE),
        (row(1.0, 1.0), row(1.5, 3.0), MACHINE),
        (row(1.0, 1.0), row(1.5, 1.1), SLOWER),
        # More than the machine is.
        (row(1.0, 1.0), row(3.0, 1.5), SLOWER),
        # The copy went the other way.
        (row(1.0, 1.5), row(1.5, 1.0), SLOWER),
    ],
)
def test_a_verdict_needs_quartiles_that_lie_apart(before: Any, after: Any, verdict: str) -> None:
    (change,) = compared(record(before), record(after)).changes
    assert change.verdict == verdict
    apart = change.before.high < change.after.low or change.after.high < change.before.low
    assert apart == (not change.ratio.low <= 1 <= change.ratio.high) == (verdict != NO_DIFFERENCE)


def test_what_is_in_one_record_only_and_what_differs_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = record(row(1.0), row(1.0, elements=5)), record(row(1.5), row(1.0, elements=7), numpy="2.5")
    files = written(tmp_path, before, after)
    code, out, err = said(capsys, "--compare", *files)
    assert (code, err) == (1, "")
    assert "differs: versions numpy: 2.4 before, 2.5 after\n" in out
    assert "only before: adam on cpu, float32, 5 elements, hot cache\n" in out
    assert "only after: adam on cpu, float32, 7 elements, hot cache\n" in out
    (line,) = [line for line in out.splitlines() if line.startswith("adam")]
    assert line.split() == ["adam", "1,000", "1", "s", "1.5", "s", "1.50", "(1.23", "to", "1.83)", "1.00", "slower"]
    assert out.endswith("\n1 slower\n")
    assert max(map(len, out.splitlines())) <= 80
    code, out, _ = said(capsys, "--json", "--compare", *files)
    found = json.loads(out)
    assert code == 1
    assert [one["verdict"] for one in found["cases"]] == ["slower"]
    assert found["machine"] == {"versions numpy": ["2.4", "2.5"]}
    assert [one["elements"] for one in found["only_before"] + found["only_after"]] == [5, 7]


def test_cases_of_other_arrays_or_launches_are_others_and_old_records_have_one_array(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, many = {"arrays": 1, "threads": None, "rounds_per_thread": None}, {"arrays": 100, "threads": None}
    before = record(row(1.0), row(2.0) | many, row(3.0) | many | {"threads": 128, "rounds_per_thread": 1})
    after = record(row(1.5) | one, row(6.0) | many | {"threads": 128, "rounds_per_thread": 1})
    code, out, _ = said(capsys, "--compare", *written(tmp_path, before, after))
    assert code == 1
    lines = out.splitlines()
    heading, first, second = lines[2:5]
    assert heading.split()[:5] == ["rule", "elements", "arrays", "threads", "rounds"]
    assert first.split()[:6] == ["adam", "1,000", "1", "-", "-", "1"]
    assert second.split()[:6] == ["adam", "1,000", "100", "128", "1", "3"]
    assert "only before: adam on cpu, float32, 1,000 elements, 100 arrays, hot cache" in lines
    assert out.endswith("\n2 slower\n")
    code, out, _ = said(capsys, "--json", "--compare", *written(tmp_path, before, after))
    assert [one["arrays"] for one in json.loads(out)["cases"]] == [1, 100]
    again = record(row(1.0), row(1.0) | many, row(1.0) | many | {"threads": 128, "rounds_per_thread": 1})
    assert "\nonly " not in said(capsys, "--compare", *written(tmp_path, before, again))[1]


@pytest.mark.parametrize(("after", "code"), [(row(1.5), 1), (row(1.0), 0), (row(0.5), 0), (row(1.5, 1.5), 0)])
def test_the_exit_code_is_1_where_a_case_is_slower(
    after: Any, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, _, err = said(capsys, "--compare", *written(tmp_path, record(row(1.0)), record(after)))
    assert (found, err) == (code, "")


def test_what_bench_prints_is_what_compare_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "sgd", "--size", "1K,2K", "--rounds", "3", "--json")
    assert code == 0
    code, table, err = said(capsys, "--compare", *written(tmp_path, out, out))
    assert (code, err) == (0, "")
    assert table.endswith("\n2 no difference\n")
    assert "differs" not in table


def spoilt(change: Any) -> dict[str, Any]:
    found = copy.deepcopy(record(row(1.0)))
    change(found)
    return found


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ("", "is not what `fastopt bench --json` of this version prints (format 'fastopt bench 1')"),
        ("\x00\x01", "is not what `fastopt bench --json`"),
        ("[1]", "is not what `fastopt bench --json`"),
        ({"results": []}, "is not what `fastopt bench --json`"),
        ({**record(row(1.0)), "format": "fastopt bench 0"}, "is not what `fastopt bench --json`"),
        (record(row(1.0), row(2.0)), "a record has adam on cpu, float32, 1,000 elements, hot cache twice"),
        (record(row(1.0, elements=2)), "the two records have no case in common"),
        (spoilt(lambda one: one["results"][0].pop("seconds")), "a record is not whole: KeyError('seconds')"),
        (spoilt(lambda one: one["results"][0]["seconds"].update(low=2.0)), "are no median and quartiles"),
        (spoilt(lambda one: one["results"][0]["seconds"].update(low=None)), "a record is not whole: TypeError"),
        (spoilt(lambda one: one.pop("machine")), "a record is not whole: KeyError('machine')"),
    ],
)
def test_files_that_are_not_ours_are_one_line(
    after: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = said(capsys, "--compare", *written(tmp_path, record(row(1.0)), after))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--compare", "no.json", "no.json"], "No such file"),
        (["--compare", "no.json"], "Option '--compare' requires 2 arguments."),
        (["adam", "--compare", "a", "b"], "rules has no effect with --compare: leave it out"),
        (["--size", "1K", "--compare", "a", "b"], "--size has no effect with --compare: leave it out"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
