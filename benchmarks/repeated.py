"""Timing of calls that are too short to be timed one by one."""

from collections.abc import Callable
from typing import Any

from fastopt import measure


def repeated(calls: int) -> Callable[[Callable[[], Any]], float]:
    """A sample for measure.interleaved: the mean seconds of so many calls in turn."""
    return lambda work: measure.timed(lambda: [work() for _ in range(calls)]) / calls
