"""Figures for people and for JSON."""

import math
from typing import Any


def duration(seconds: float) -> str:
    """Three digits and a unit."""
    unit, scale = _unit(seconds)
    return f"{seconds * scale:.3g} {unit}"


def span(low: float, high: float, like: float) -> str:
    """Two numbers of seconds, in the unit that `duration` chooses for a third."""
    _, scale = _unit(like)
    return " to ".join(f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" for value in (low * scale, high * scale))


def _unit(seconds: float) -> tuple[str, float]:
    units = {"s": 1.0, "ms": 1e3, "µs": 1e6}
    return next(((unit, scale) for unit, scale in units.items() if seconds * scale >= 1), ("µs", 1e6))


def amount(number: float) -> str:
    """A number with at most two decimals."""
    return f"{number:,.2f}".rstrip("0").rstrip(".")


def finite(value: Any) -> Any:
    """Replace NaN and infinities, which JSON does not have, by None, in nested dicts and lists too."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
