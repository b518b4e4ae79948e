"""The columns that tell the cases of a table apart: rule and size, then arrays and launch where not the defaults."""

from collections.abc import Mapping, Sequence
from typing import Any

TITLES = {"arrays": "arrays", "threads": "threads", "rounds_per_thread": "rounds"}

NOTE_ARRAYS = """
With several arrays the plain formula and what others would write are called on
each in turn."""

NOTE_LAUNCH = """
threads: of a block; rounds: how often a thread takes 128 bits of each array."""

# Widths by the names of the fields that are shown.
Columns = Mapping[str, int]


def columns(cases: Sequence[Mapping[str, Any]]) -> Columns:
    """The fields that are shown, with their widths. cases: the `Case.facts` of each."""
    from ..bench.cases import USUAL

    shown = [name for name in TITLES if any(case[name] != USUAL[name] for case in cases)]
    widths = {
        name: max(len(TITLES.get(name, name)), *(len(_text(case[name])) for case in cases))
        for name in ("rule", "elements", *shown)
    }
    # Numbers stand apart from what is before them; a size has more room, since names of rules differ.
    return {name: width + {"rule": 0, "elements": 2}.get(name, 1) for name, width in widths.items()}


def titles(shown: Columns) -> str:
    return _line(shown, {name: TITLES.get(name, name) for name in shown})


def cells(shown: Columns, case: Mapping[str, Any]) -> str:
    return _line(shown, case)


def notes(shown: Columns) -> str:
    """The notes that explain the columns."""
    return NOTE_ARRAYS * ("arrays" in shown) + NOTE_LAUNCH * bool({"threads", "rounds_per_thread"} & shown.keys())


def _line(shown: Columns, values: Mapping[str, Any]) -> str:
    return "".join(f"{_text(values[name]):{'<' if name == 'rule' else '>'}{width}}" for name, width in shown.items())


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else value or "-"
