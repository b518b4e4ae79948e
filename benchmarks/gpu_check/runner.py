"""Runs sections one after the other, and writes all results so far to disk after each row."""

import json
import math
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastopt import measure

# A row: plain data. Its "wrong" says what is not as claimed; its "skipped" says why the row was not measured.
Row = Mapping[str, Any]
Rows = Iterator[tuple[str, Row]]

PASSED, WRONG, FAILED, STOPPED, SKIPPED = "passed", "wrong", "failed", "stopped: out of time", "skipped"


@dataclass(frozen=True)
class Section:
    """seconds: the most that the section may take. rows: yields the name of each row with the row; its argument is a
    function that tells how many seconds are left to the section."""

    name: str
    seconds: float
    rows: Callable[[Callable[[], float]], Rows]


def run(
    sections: Sequence[Section],
    path: Path,
    header: Mapping[str, Any],
    seconds: float,
    *,
    say: Callable[[str], None],
    about: Callable[[], Mapping[str, Any]] = dict,
    now: Callable[[], float] = time.monotonic,
) -> int:
    """Run sections and write a file, whole, after each row of each.

    seconds: for all together; a section that may take more than is left is skipped, and one that takes more than it may
    is stopped after the row. about: called after each section, for what is recorded with it.
    Returns 1 if a section raised or has a row with something wrong, else 0.
    """
    began = now()
    entries: dict[str, Any] = {}
    record = {**header, "seconds": 0.0, "ended": False, "sections": entries}

    def write() -> None:
        record["seconds"] = round(now() - began, 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        with measure.whole(path) as file:
            file.write((json.dumps(plain(record), indent=1, allow_nan=False) + "\n").encode())

    for section in sections:
        left = seconds - (now() - began)
        entry = entries[section.name] = {"outcome": SKIPPED, "seconds": 0.0, "rows": {}}
        if left < section.seconds:
            entry["reason"] = f"it may take {section.seconds:.0f} s, and {left:.0f} s are left"
        else:
            _run(section, entry, write, say, now)
            entry.update(about())
        say(f"{section.name}: {entry['outcome']}" + "".join(f": {entry[k]}" for k in ("reason", "error") if k in entry))
        write()
    record["ended"] = True
    write()
    return int(any(entry["outcome"] in (WRONG, FAILED) for entry in entries.values()))


def _run(
    section: Section,
    entry: dict[str, Any],
    write: Callable[[], None],
    say: Callable[[str], None],
    now: Callable[[], float],
) -> None:
    began = now()
    entry["outcome"] = "running"
    write()
    rows = section.rows(lambda: section.seconds - (now() - began))
    try:
        for name, row in rows:
            entry["rows"][name] = row
            entry["seconds"] = round(now() - began, 1)
            say(f"  {section.name}, {name}, at {entry['seconds']} s: {_line(row)}")
            write()
            if now() - began > section.seconds:
                entry["outcome"] = STOPPED
                break
        else:
            entry["outcome"] = PASSED
    except Exception as error:
        entry["outcome"], entry["error"] = FAILED, f"{type(error).__name__}: {error}"
        entry["traceback"] = traceback.format_exc().splitlines()[-12:]
    finally:
        rows.close()  # type: ignore[attr-defined]
        entry["seconds"] = round(now() - began, 1)
    if entry["outcome"] != FAILED and any(row.get("wrong") for row in entry["rows"].values()):
        entry["outcome"] = WRONG


def _line(row: Row) -> str:
    for key in ("wrong", "skipped"):
        if row.get(key):
            return f"{key}: {str(row[key])[:300]}"
    return str(row.get("line", "done"))


def plain(value: Any) -> Any:
    """A value as JSON can hold it: numbers that are not finite become None, objects unknown to JSON become texts."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
