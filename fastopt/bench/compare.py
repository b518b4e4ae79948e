"""Two records of `fastopt bench --json`: which cases became faster or slower, as far as their spreads can tell."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..measure import Spread
from .cases import USUAL, unusual
from .contenders import COPY
from .record import FORMAT

FASTER, SLOWER, NO_DIFFERENCE, MACHINE = "faster", "slower", "no difference", "machine"
# The fields by which a case of one record is matched in another.
KEY = ("backend", "dtype", "cache", "rule", "elements", *USUAL)

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Change:
    """The times of a case in two records.

    before, after: seconds. ratio: of after to before; its median is of the medians, and its low and high are what the
    quartiles of both allow. copy: the ratio of the medians of the copies that ran beside them.
    verdict: FASTER or SLOWER where the quartiles of before and after lie apart, else NO_DIFFERENCE; MACHINE where they
    lie apart and, once the ratio is divided by the copy's, no longer do in that direction. Of two records of the same
    code with 21 rounds, quartiles lie apart by chance in 1 case of 2500, with 11 in 1 of 100, with 3 in 1 of 10.
    """

    key: Key
    before: Spread
    after: Spread
    ratio: Spread
    copy: float
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """The changes of all cases that two records share, and the other differences of the records.

    only_before, only_after: the keys of cases that one record lacks. machine: hardware, versions and rounds that
    differ, by name, with the values in both records.
    """

    changes: list[Change]
    only_before: list[Key]
    only_after: list[Key]
    machine: dict[str, tuple[Any, Any]]


def read(path: Path) -> dict[str, Any]:
    """A record that `fastopt bench --json` printed. Raises ValueError for any other file, OSError without a file."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        record = None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ValueError(f"{path} is not what `fastopt bench --json` of this version prints (format {FORMAT!r})")
    return record


def compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> Comparison:
    """Match the cases of two records by backend, type, cache, rule, size, number of arrays, launch and formats.

    Raises ValueError where a record is not whole, has a case twice, or no case is in both.
    """
    try:
        (old, was), (new, now) = ((_rows(record), _facts(record)) for record in (before, after))
    except (KeyError, TypeError) as error:
        raise ValueError(f"a record is not whole: {error!r}; measure again") from error
    changes = [_change(key, row, new[key]) for key, row in old.items() if key in new]
    if not changes:
        raise ValueError("the two records have no case in common: measure the same rules, sizes, types and backends")
    differ = {name: (was.get(name), now.get(name)) for name in {**was, **now} if was.get(name) != now.get(name)}
    return Comparison(changes, [key for key in old if key not in new], [key for key in new if key not in old], differ)


@dataclass(frozen=True)
class _Row:
    seconds: Spread
    copy: Spread


def _rows(record: Mapping[str, Any]) -> dict[Key, _Row]:
    rows: dict[Key, _Row] = {}
    for row in record["results"]:
        key = tuple({**USUAL, **row}[name] for name in KEY)
        if key in rows:
            raise ValueError(f"a record has {text(key)} twice; measure rules of one name apart")
        rows[key] = _Row(_spread(row["seconds"]), _spread(row["contenders"][COPY]["seconds"]))
    return rows


def _facts(record: Mapping[str, Any]) -> dict[str, Any]:
    """The hardware, the versions and the number of rounds, under names that say where they stand."""
    return dict(_flat({**record["machine"], "rounds": record["rounds"]}))


def _spread(found: Mapping[str, float]) -> Spread:
    spread = Spread(found["median"], found["low"], found["high"])
    if not 0 < spread.low <= spread.median <= spread.high:
        raise ValueError(f"a record is not whole: {found} are no median and quartiles; measure again")
    return spread


def _change(key: Key, old: _Row, new: _Row) -> Change:
    a, b = old.seconds, new.seconds
    ratio = Spread(b.median / a.median, b.low / a.high, b.high / a.low)
    copy = new.copy.median / old.copy.median
    apart = _apart(ratio, 1)
    verdict = {0: NO_DIFFERENCE, 1: SLOWER, -1: FASTER}[apart]
    if apart != _apart(ratio, copy) and apart:
        verdict = MACHINE
    return Change(key, a, b, ratio, copy, verdict)


def _apart(ratio: Spread, than: float) -> int:
    """1 or -1 where a ratio is above or below a number as far as its spread tells, else 0."""
    return (ratio.low > than) - (ratio.high < than)


def _flat(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", value


def text(key: Key) -> str:
    """A case, in words."""
    facts = dict(zip(KEY, key, strict=True))
    told = f"{facts['rule']} on {facts['backend']}, {facts['dtype']}, {facts['elements']:,} elements{unusual(facts)}"
    return f"{told}, {facts['cache']} cache"
