"""Three times of a call: of the device, of a whole step that is waited for, and of the host alone."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastopt import measure
from fastopt.bench.clocks import Call

from .device import Gpu

# Seconds for which the calls of a sample of the device's time run, and the most for which the GPU is held before.
SAMPLE, LONGEST_HOLD = 5e-3, 30e-3
MOST_CALLS = 20
CLOCKS = ("device", "whole", "host")


@dataclass(frozen=True)
class Contender:
    """calls: the same work, each on arrays of its own, to be made in turn. bytes: those that a call must move."""

    calls: Sequence[Call]
    bytes: int


def timed(
    gpu: Gpu, contenders: Mapping[str, Contender], rounds: int, clocks: Sequence[str] = CLOCKS
) -> dict[str, dict[str, list[float]]]:
    """Seconds of a call in each round, by clock and contender; for each clock all contenders run in turn.

    device: events around several calls, which the GPU is held back from until the host has issued them; where a step
    itself waits for the GPU, or more is issued than fits into the hold, the host's time is in it. whole: the host's
    clock, from an idle GPU to an idle GPU. host: until the call returns, the GPU idle before.
    """
    times = {}
    for clock in clocks:
        sample = {"device": _device, "whole": _whole, "host": _host}[clock]
        times[clock] = measure.interleaved(
            {
                name: partial(sample, gpu, contender, _Sizes.of(gpu, contender.calls))
                for name, contender in contenders.items()
            },
            rounds,
            sample=lambda work: work(),
        )
    return times


@dataclass(frozen=True)
class _Sizes:
    """repeats: how often the calls are made for a sample. hold: seconds for which the GPU is held before."""

    repeats: int
    hold: float

    @classmethod
    def of(cls, gpu: Gpu, calls: Sequence[Call]) -> "_Sizes":
        for call in calls:
            call()  # compiles
        host, whole = (min(sample(gpu, calls[0]) for _ in range(3)) for sample in (_host_of, _whole_of))
        repeats = max(1, min(MOST_CALLS // len(calls), int(SAMPLE / (whole * len(calls)))))
        return cls(repeats, min(LONGEST_HOLD, 1.5 * host * repeats * len(calls) + 1e-4))


def _device(gpu: Gpu, one: Contender, sizes: _Sizes) -> float:
    gpu.synchronize()
    gpu.hold(sizes.hold)
    began = gpu.record()
    for _ in range(sizes.repeats):
        for call in one.calls:
            call()
    return gpu.elapsed(began, gpu.record()) / (sizes.repeats * len(one.calls))


def _whole(gpu: Gpu, one: Contender, sizes: _Sizes) -> float:
    return sum(_whole_of(gpu, call) for call in one.calls) / len(one.calls)


def _host(gpu: Gpu, one: Contender, sizes: _Sizes) -> float:
    return sum(_host_of(gpu, call) for call in one.calls) / len(one.calls)


def _whole_of(gpu: Gpu, call: Callable[[], Any]) -> float:
    gpu.synchronize()
    began = time.perf_counter()
    call()
    gpu.synchronize()
    return time.perf_counter() - began


def _host_of(gpu: Gpu, call: Callable[[], Any]) -> float:
    gpu.synchronize()
    began = time.perf_counter()
    call()
    taken = time.perf_counter() - began
    gpu.synchronize()
    return taken


def summary(
    times: Mapping[str, Mapping[str, Sequence[float]]], contenders: Mapping[str, Contender], ours: str
) -> dict[str, Any]:
    """Milliseconds of each contender by each clock with quartiles; the device's GB/s; and how many times as long each
    other takes as ours, in the same rounds."""
    milliseconds: dict[str, Any] = {
        clock: {name: vars(measure.spread([1e3 * value for value in values])) for name, values in rows.items()}
        for clock, rows in times.items()
    }
    device = times["device"]
    rates = {name: contenders[name].bytes / measure.spread(values).median / 1e9 for name, values in device.items()}
    against = {
        clock: {name: vars(measure.ratio(values, rows[ours])) for name, values in rows.items() if name != ours}
        for clock, rows in times.items()
    }
    line = ", ".join(f"{name} {milliseconds['device'][name]['median']:.4g} ms" for name in device)
    return {
        "milliseconds": milliseconds,
        "gigabytes_per_second": rates,
        "times_as_long": against,
        "line": f"{line}; {ours} {rates[ours]:.0f} GB/s",
    }


def share(times: Mapping[str, Sequence[float]], contenders: Mapping[str, Contender], ours: str, of: str) -> Any:
    """The share of another's bandwidth that ours reaches, by the device's clock, in the same rounds."""
    return vars(measure.ratio(times[of], times[ours], contenders[ours].bytes / contenders[of].bytes))
