"""Timing that can be trusted on a shared machine: contenders in turn, medians, the machine on record."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Contender = TypeVar("Contender")
Sample = TypeVar("Sample")


@dataclass(frozen=True)
class Spread:
    """A median with its quartiles."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """The median and the quartiles of three values or more."""
    low, median, high = statistics.quantiles(values, n=4)
    return Spread(median, low, high)


def timed(work: Callable[[], Any]) -> float:
    """Seconds of one run."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def interleaved(
    contenders: Mapping[str, Contender],
    rounds: int,
    pause: float = 0.0,
    tick: Callable[[], Any] | None = None,
    sample: Callable[[Contender], Sample] = timed,  # type: ignore[assignment]
) -> dict[str, list[Sample]]:
    """Seconds of each contender in each round. All run in turn, and each round begins one contender later.

    pause: seconds between runs, in which thread pools stop spinning. tick: called after each round, for progress.
    sample: runs a contender and returns its time; by default it calls the contender and returns seconds.
    """
    names = list(contenders)
    times: dict[str, list[Sample]] = {name: [] for name in names}
    for contender in contenders.values():
        sample(contender)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            time.sleep(pause)
            times[name].append(sample(contenders[name]))
        if tick:
            tick()
    return times


def ratio(of: Sequence[float], to: Sequence[float], scale: float = 1.0) -> Spread:
    """The spread of the rounds' ratios of two contenders' times, each multiplied by a number."""
    return spread([scale * a / b for a, b in zip(of, to, strict=True)])
