"""Checks and times a case, and works out rates and shares from the times."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..kernels.cuda.launch_size import launching
from ..measure import Spread, ratio, spread
from .cases import Case
from .clocks import Mark, Took
from .contenders import COPY, RULE, Setup, prepared
from .devices import Device
from .gpu_kernels import Kernel


@dataclass(frozen=True)
class Timing:
    """The times of a contender. bytes: those that a call must move. took: the seconds of a call in each round."""

    bytes: int
    took: Sequence[Took]

    @cached_property
    def seconds(self) -> Spread:
        """The device's seconds of a call."""
        return spread([sample.device for sample in self.took])

    @cached_property
    def host_seconds(self) -> Spread:
        """The host's seconds to issue a call; on a CPU, those of the call."""
        return spread([sample.host for sample in self.took])

    @property
    def gigabytes_per_second(self) -> float:
        return self.bytes / self.seconds.median / 1e9


@dataclass(frozen=True)
class Result:
    """The figures of a case, with the caches hot or cold.

    exact: whether the result was compared with the reference bit by bit, or else to a tolerance. bytes, operations:
    of an element. timings: of each contender. streams: the fastest of the kernels with the same streams. share_of_copy,
    share_of_streams: of their bandwidth, in the same rounds. peak: bytes a second that the memory's clock and the width
    of its bus allow, where they are known; share_of_peak: of that. plain: the library of the plain formula, if there is
    one; speedup: how many times as fast the rule is. left_out: controls that were not timed, and why. kernels: what the
    compiled kernels need, as far as it is known.
    """

    case: Case
    cache: str
    exact: bool
    bytes: float
    operations: int
    timings: Mapping[str, Timing]
    share_of_copy: Spread
    streams: str
    share_of_streams: Spread
    peak: float | None
    plain: str | None
    speedup: Spread | None
    left_out: Mapping[str, str]
    kernels: Sequence[Kernel]

    @property
    def step(self) -> Timing:
        return self.timings[RULE]

    @property
    def share_of_peak(self) -> Spread | None:
        if self.peak is None:
            return None
        return spread([self.step.bytes / sample.device / self.peak for sample in self.step.took])

    @property
    def intensity(self) -> float:
        """Operations for each byte."""
        return self.operations / self.bytes

    @property
    def gigaflops(self) -> float:
        """Billions of operations a second."""
        return self.intensity * self.step.gigabytes_per_second


def measured(
    case: Case,
    on: Device,
    rounds: int = 21,
    tick: Callable[[], Any] | None = None,
    mark: Mark = contextlib.nullcontext,
) -> list[Result]:
    """Check a case and time it: one result for each kind of cache that the device's clock knows.

    `Optimizer.step` on the arrays is timed, with all the host's work in it. tick: called after each round. mark: makes
    a range that profilers show around each sample, from a text.
    Raises WrongResult if the kernel is wrong, before anything is timed; MemoryError if there is not enough.
    """
    with launching(case.threads, case.rounds_per_thread):
        setup = prepared(case, on)
        caches = on.clock.copies(case.bytes).items()
        return [result(setup, cache, setup.times(rounds, copies, tick, mark)) for cache, copies in caches]


def result(setup: Setup, cache: str, took: Mapping[str, Sequence[Took]]) -> Result:
    """The figures of a case, from the times of all its contenders."""
    case, plain = setup.case, setup.on.plain
    costs = case.costs
    timings = {name: Timing(setup.contenders[name].bytes, samples) for name, samples in took.items()}
    times = {name: [sample.device for sample in samples] for name, samples in took.items()}
    streams = max(setup.streams, key=lambda name: timings[name].gigabytes_per_second)

    def share(of: str) -> Spread:
        return ratio(times[of], times[RULE], timings[RULE].bytes / timings[of].bytes)

    return Result(
        case,
        cache,
        costs.definition.exact,
        costs.bytes,
        costs.operations,
        timings,
        share(COPY),
        streams,
        share(streams),
        setup.on.peak,
        plain,
        ratio(times[plain], times[RULE]) if plain else None,
        setup.left_out,
        setup.on.kernels(case),
    )
