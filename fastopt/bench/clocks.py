"""Clocks that time calls on a device, with its caches hot or cold."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

Call = Callable[[], Any]
# Takes a text and makes a range that profilers show under it.
Mark = Callable[[str], AbstractContextManager[Any]]

# Seconds that a sample takes at least, so that neither the clock's resolution nor reading it matters.
LEAST = 1e-3


class Took(NamedTuple):
    """Seconds a call. device: from when the device could begin until it was done. host: to issue the call."""

    device: float
    host: float


class Clock(Protocol):
    """Times calls that a device works on.

    caches: the kinds that can be measured: "hot", the same arrays in each call, so that those that fit are in the
    cache; "cold", other arrays in each call.
    """

    caches: tuple[str, ...]

    def copies(self, nbytes: int) -> dict[str, int]:
        """For each kind of cache that is possible, how many copies of the arrays the calls must take turns on.

        nbytes: of one copy of the arrays.
        """

    def took(self, calls: Sequence[Call], repeats: int) -> Took:
        """Seconds a call: all calls run in turn, `repeats` times, after one call that is not timed."""


class HostClock:
    """The clock of the host, for work that is done when the call returns: the host is the device."""

    caches: tuple[str, ...] = ("hot",)

    def copies(self, nbytes: int) -> dict[str, int]:
        return {"hot": 1}

    def took(self, calls: Sequence[Call], repeats: int) -> Took:
        calls[-1]()
        seconds = _run(calls, repeats) / (repeats * len(calls))
        return Took(seconds, seconds)


class EventClock:
    """Events of a GPU around calls that are issued one after the other; the GPU's waits for the host count.

    The host's seconds are those in which it issues the calls; it waits for the GPU only where a call itself does.

    record: puts an event into the stream of the work. elapsed: waits for the second of two events and gives the seconds
    between them. cache_bytes: the size of the GPU's last cache.
    """

    caches: tuple[str, ...] = ("cold", "hot")
    # Copies that together fill the cache TIMES times are cold again when their turn comes. Where that takes more than
    # MOST copies, none are made.
    TIMES, MOST = 3, 256

    def __init__(self, record: Callable[[], Any], elapsed: Callable[[Any, Any], float], cache_bytes: int) -> None:
        self._record, self._elapsed, self._cache_bytes = record, elapsed, cache_bytes

    def copies(self, nbytes: int) -> dict[str, int]:
        wanted = -(-self.TIMES * self._cache_bytes // nbytes) + 1
        return {"hot": 1} if wanted > self.MOST else {"cold": wanted, "hot": 1}

    def took(self, calls: Sequence[Call], repeats: int) -> Took:
        calls[-1]()
        began = self._record()
        host = _run(calls, repeats)
        number = repeats * len(calls)
        return Took(self._elapsed(began, self._record()) / number, host / number)


def _run(calls: Sequence[Call], repeats: int) -> float:
    """The host's seconds until the last call returned."""
    began = time.perf_counter()
    for _ in range(repeats):
        for call in calls:
            call()
    return time.perf_counter() - began


def repeats(clock: Clock, calls: Sequence[Call]) -> int:
    """How often calls must run for a sample that is long enough."""
    clock.took(calls, 1)
    number = 1
    # A first guess is off where a call is so short that the clock hardly sees it.
    while (took := clock.took(calls, number).device * number * len(calls)) < LEAST:
        number = min(1 + int(number * LEAST / max(took, 1e-9)), 10 * number)
    return number
