"""Clocks: what it takes to time calls on a device, and what its caches do to the figures."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

Call = Callable[[], Any]

# Seconds that a sample takes at least, so that neither the clock's resolution nor reading it matters.
LEAST = 1e-3


class Clock(Protocol):
    """Times calls that a device works on.

    caches: what can be measured: "hot", the same arrays in each call, so that what fits is in the cache; "cold", other
    arrays in each call.
    """

    caches: tuple[str, ...]

    def copies(self, nbytes: int) -> dict[str, int]:
        """On how many copies of arrays of so many bytes calls must take turns, for each cache that can be had."""

    def seconds(self, calls: Sequence[Call], repeats: int) -> float:
        """Seconds a call, of all calls in turn, so many times, after one that is not timed."""


class HostClock:
    """The clock of the host, for work that is done when the call returns."""

    caches: tuple[str, ...] = ("hot",)

    def copies(self, nbytes: int) -> dict[str, int]:
        return {"hot": 1}

    def seconds(self, calls: Sequence[Call], repeats: int) -> float:
        calls[-1]()
        began = time.perf_counter()
        _run(calls, repeats)
        return (time.perf_counter() - began) / (repeats * len(calls))


class EventClock:
    """Events of a GPU around calls that are issued one after the other; where the GPU waits for the host, that counts.

    record: puts an event into the stream of the work. elapsed: waits for the second of two events and gives the seconds
    between them. cache_bytes: the size of the GPU's last cache.
    """

    caches: tuple[str, ...] = ("cold", "hot")
    # Arrays of this many caches are cold again when their turn comes; above so many copies they are not worth making.
    TIMES, MOST = 3, 256

    def __init__(self, record: Callable[[], Any], elapsed: Callable[[Any, Any], float], cache_bytes: int) -> None:
        self._record, self._elapsed, self._cache_bytes = record, elapsed, cache_bytes

    def copies(self, nbytes: int) -> dict[str, int]:
        wanted = -(-self.TIMES * self._cache_bytes // nbytes) + 1
        return {"hot": 1} if wanted > self.MOST else {"cold": wanted, "hot": 1}

    def seconds(self, calls: Sequence[Call], repeats: int) -> float:
        calls[-1]()
        began = self._record()
        _run(calls, repeats)
        return self._elapsed(began, self._record()) / (repeats * len(calls))


def _run(calls: Sequence[Call], repeats: int) -> None:
    for _ in range(repeats):
        for call in calls:
            call()


def repeats(clock: Clock, calls: Sequence[Call]) -> int:
    """How often calls must run for a sample that is long enough."""
    clock.seconds(calls, 1)
    number = 1
    # A first guess is off where a call is so short that the clock hardly sees it.
    while (took := clock.seconds(calls, number) * number * len(calls)) < LEAST:
        number = min(1 + int(number * LEAST / max(took, 1e-9)), 10 * number)
    return number
