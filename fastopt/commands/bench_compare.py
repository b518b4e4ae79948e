"""`fastopt bench --compare`: two records of the bench, case by case, with a verdict."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .bench_columns import cells, columns, shared, titles
from .figures import duration
from .refusing import refusing

if TYPE_CHECKING:
    from ..bench.compare import Comparison

NOTE = """
ratio: of the medians, after to before, and what the quartiles of both allow;
copy: that of a copy in the same rounds. A verdict is given where the quartiles
lie apart; it is "machine" where a copy has changed by as much."""


def compare_files(before: Path, after: Path, as_json: bool) -> None:
    """Print the change of each case; exit code 1 if any case is slower."""
    from ..bench.compare import SLOWER, compared, read

    with refusing(ValueError, OSError):
        comparison = compared(read(before), read(after))
    if as_json:
        print(json.dumps({"before": str(before), "after": str(after), **_record(comparison)}, allow_nan=False))
    else:
        print("\n".join(_lines(comparison)))
    if any(change.verdict == SLOWER for change in comparison.changes):
        raise typer.Exit(1)


def _record(found: "Comparison") -> dict[str, object]:
    return {
        "cases": [
            {**_case(change.key), **{name: value for name, value in asdict(change).items() if name != "key"}}
            for change in found.changes
        ],
        "only_before": [_case(key) for key in found.only_before],
        "only_after": [_case(key) for key in found.only_after],
        "machine": found.machine,
    }


def _case(key: tuple[object, ...]) -> dict[str, object]:
    from ..bench.compare import KEY

    return dict(zip(KEY, key, strict=True))


def _lines(found: "Comparison") -> list[str]:
    from ..bench.compare import text

    cases = [_case(change.key) for change in found.changes]
    shown, alike = columns(cases), shared(cases)
    lines: list[str] = []
    for name, values in found.machine.items():
        lines.append("differs: {}: {} before, {} after".format(name, *("-" if v is None else v for v in values)))
    under = None
    for change in found.changes:
        if under != change.key[:3]:
            under = change.key[:3]
            lines += ["", "{}, {}, {} cache".format(*under) + alike]
            lines.append(f"{titles(shown)}{'before':>8}{'after':>8}{'ratio':>6} {'(quartiles)':14}{'copy':>5}  ")
        allowed = f"({change.ratio.low:.2f} to {change.ratio.high:.2f})"
        lines.append(
            f"{cells(shown, _case(change.key))}{duration(change.before.median):>8}{duration(change.after.median):>8}"
            f"{change.ratio.median:>6.2f} {allowed:14}{change.copy:>5.2f}  {change.verdict}"
        )
    for title, keys in ("before", found.only_before), ("after", found.only_after):
        lines += [f"only {title}: {text(key)}" for key in keys]
    verdicts = [change.verdict for change in found.changes]
    counted = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))
    return [line.rstrip() for line in [*lines, NOTE, "", counted]]
