"""The columns that tell the cases of a table apart: rule and size, then arrays and launch where not the defaults, and
formats where they differ."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..inspection.formats import DEFAULTS, OPTIONS, formats_text

LAYOUT = {"arrays": "arrays", "threads": "threads", "rounds_per_thread": "rounds"}
TITLES = LAYOUT | {name: option.metadata["title"] for name, option in OPTIONS.items()}

NOTE_ARRAYS = """
With several arrays the plain formula and what others would write are called on
each in turn."""

NOTE_FORMATS = """
The plain formula is without these options, and has state in the type of
computation."""

NOTE_LAUNCH = """
threads: of a block; rounds: how often a thread takes 128 bits of each array."""

# Widths by the names of the fields that are shown.
Columns = Mapping[str, int]


def columns(cases: Sequence[Mapping[str, Any]]) -> Columns:
    """The fields that are shown, with their widths. cases: the `Case.facts` of each."""
    from ..bench.cases import USUAL

    shown = [name for name in LAYOUT if any(case[name] != USUAL[name] for case in cases)]
    shown += [name for name in OPTIONS if name not in _shared(cases)]
    widths = {
        name: max(len(TITLES.get(name, name)), *(len(_text(case, name)) for case in cases))
        for name in ("rule", "elements", *shown)
    }
    # Numbers stand apart from what is before them; a size has more room, since names of rules differ.
    return {name: width + {"rule": 0, "elements": 2}.get(name, 1) for name, width in widths.items()}


def shared(cases: Sequence[Mapping[str, Any]]) -> str:
    """The formats that all cases have, where they differ from the defaults, each after a comma."""
    return formats_text(DEFAULTS | _shared(cases))


def _shared(cases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: cases[0][name] for name in OPTIONS if all(case[name] == cases[0][name] for case in cases)}


def titles(shown: Columns) -> str:
    return _line(shown, {name: TITLES.get(name, name) for name in shown})


def cells(shown: Columns, case: Mapping[str, Any]) -> str:
    return _line(shown, {name: _text(case, name) for name in shown})


def notes(shown: Columns, formats: bool = False) -> str:
    """The notes that explain the columns. formats: whether any case has a format."""
    launch = bool({"threads", "rounds_per_thread"} & shown.keys())
    return NOTE_FORMATS * formats + NOTE_ARRAYS * ("arrays" in shown) + NOTE_LAUNCH * launch


def _line(shown: Columns, texts: Mapping[str, str]) -> str:
    return "".join(f"{texts[name]:{'<' if name == 'rule' else '>'}{width}}" for name, width in shown.items())


def _text(case: Mapping[str, Any], name: str) -> str:
    value = case[name]
    option = OPTIONS[name].metadata if name in OPTIONS else {}
    if value is None or value is False or any(case[of] != wanted for of, wanted in option.get("beside", {}).items()):
        return (value is None and option.get("none")) or "-"
    return "yes" if value is True else f"{value:,}" if isinstance(value, int) else str(value)
