"""Values as messages show them."""

from collections.abc import Iterable
from typing import Any


def short(value: Any) -> str:
    """A value in one line of at most 80 characters."""
    text = " ".join(repr(value).split())
    return text if len(text) < 80 else f"{text[:77]}..."


def kind_of(value: Any) -> str:
    """The class of a value with its article; None is itself."""
    if value is None:
        return "None"
    kind = type(value).__name__
    # A word that begins with u, as uint8, is read with a y; ndarray letter by letter.
    return f"{'an' if kind[0] in 'aeioAEIO' or kind.startswith('nd') else 'a'} {kind}"


def shown(value: Any) -> str:
    """A value and its class; of an array its shape; a class itself."""
    if getattr(value, "shape", None):
        return f"{kind_of(value)} of shape {tuple(value.shape)}"
    return short(value) if value is None or isinstance(value, type) else f"{short(value)}, {kind_of(value)}"


def either(values: Iterable[Any]) -> str:
    """The values that may be chosen from, as "'a', 'b' or 'c'"."""
    *others, last = map(repr, values)
    return f"{', '.join(others)} or {last}" if others else last
