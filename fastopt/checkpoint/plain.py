"""Values as JSON holds them: NumPy's numbers become Python's, and what JSON cannot hold is named by its place."""

import json
from collections.abc import Iterable
from typing import Any

from ..kernels.language.hyperparameters import plain_number

_PLAIN = (str, bool, int, float, type(None))


def plain(value: Any, place: str) -> Any:
    """A copy of a value in Python's dicts, lists, strings and numbers.

    Numbers of NumPy's, and arrays of one number without dimensions, become Python's. place: how messages name it.
    Raises TypeError for anything else, and for what contains itself.
    """
    try:
        return _plain(value, place)
    except RecursionError:
        raise TypeError(f"JSON cannot hold {place}, which contains itself or is nested too deeply") from None


def _plain(value: Any, place: str) -> Any:
    if isinstance(value, dict):
        _check_keys(keys := [_key(key, place) for key in value], place)
        return {key: _plain(own, f"{place}[{key!r}]") for key, own in zip(keys, value.values(), strict=True)}
    if isinstance(value, list | tuple):
        return [_plain(own, f"{place}[{k}]") for k, own in enumerate(value)]
    number = _number(value)
    if isinstance(number, _PLAIN):
        return number
    remedy = "; its tolist() can be held" if getattr(value, "shape", None) and hasattr(value, "tolist") else ""
    raise TypeError(f"JSON cannot hold {place}, a {type(value).__name__}{remedy}")


def with_numbers(value: Any) -> Any:
    """A value, or a dict, with Python's numbers for NumPy's; anything else stays."""
    return {key: with_numbers(own) for key, own in value.items()} if type(value) is dict else plain_number(value)


def _number(value: Any) -> Any:
    """A number of NumPy's, or an array of any library of one number without dimensions, as a Python number."""
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value


def _key(key: Any, place: str) -> Any:
    key = plain_number(key)
    if not isinstance(key, _PLAIN):
        raise TypeError(f"JSON cannot hold {place}, which has the key {key!r}, a {type(key).__name__}; use a string")
    return key


def _check_keys(keys: Iterable[Any], place: str) -> None:
    """Raise TypeError for keys that are one in JSON, whose keys are strings."""
    written: dict[str, Any] = {}
    for key in keys:
        name = key if isinstance(key, str) else json.dumps(key)
        if name in written:
            raise TypeError(
                f"JSON cannot hold {place}, whose keys {written[name]!r} and {key!r} are both {name!r} in JSON; "
                "use different strings"
            )
        written[name] = key
