"""Checks of the arguments of a schedule, when it is made."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

from ..kernels.language.hyperparameters import plain_number
from ..kernels.language.values import either, kind_of, shown


def number(name: str, value: Any, low: float = 0.0, high: float = math.inf, *, above: bool = False) -> float:
    """The value as a float from low to high, both included; with `above` it must be above low."""
    value = plain_number(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        if hasattr(value, "step"):
            remedy = "pass the schedule to the optimizer, as Adam(params, lr=schedule)"
            raise TypeError(f"{name} must be a number; got {kind_of(value)}; {remedy}")
        raise TypeError(f"{name} must be a number; got {shown(value)}")
    if not math.isfinite(value) or value < low or value > high or (above and value == low):
        most = "" if high == math.inf else f" and at most {high:g}"
        least = "" if low == -math.inf else f", {'above' if above else 'at least'} {low:g}"
        raise ValueError(f"{name} must be a finite number{least}{most}; got {value!r}")
    return float(value)


def count(name: str, value: Any, low: int = 1) -> int:
    """The value as an int that is not below low."""
    value = plain_number(value)
    if isinstance(value, bool) or not isinstance(value, int):
        hint = f"; write {int(value)}" if isinstance(value, float) and value.is_integer() else ""
        raise TypeError(f"{name} counts steps and must be an int; got {value!r}{hint}")
    if value < low:
        raise ValueError(f"{name} must be at least {low}; got {value}")
    return value


def ascending(name: str, values: Any, *, of: str = "", parts: int | None = None) -> tuple[int, ...]:
    """The values as ints from 1 on, each above the one before.

    of: the argument whose parts they separate. parts: how many it has, one more than there must be values.
    """
    ints = tuple(count(f"{name}[{place}]", value) for place, value in enumerate(sequence(name, values)))
    for place, (before, after) in enumerate(itertools.pairwise(ints), 1):
        if after <= before:
            raise ValueError(f"{name} must ascend; {name}[{place}] is {after}, after {before}")
    if parts is not None and len(ints) != parts - 1:
        raise ValueError(f"{name} must have one element fewer than {of}; got {len(ints)} for {parts} {of}")
    return ints


def sequence(name: str, values: Any) -> Sequence[Any]:
    """The values unchanged. Raises TypeError unless they are a list or a tuple."""
    if not isinstance(values, list | tuple):
        raise TypeError(f"{name} must be a list or a tuple; got {shown(values)}")
    return values


def one_of(name: str, value: Any, known: Sequence[str]) -> None:
    """Raise ValueError unless the value is one of the known names."""
    if value not in known:
        raise ValueError(f"{name} must be {either(known)}; got {value!r}")
