"""Results as plain data, with the hardware and the versions, as `fastopt bench --json` prints them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from .. import measure
from .devices import Device
from .run import Result

# The name of this form of record; a change that breaks readers takes a new number.
FORMAT = "fastopt bench 1"


def as_record(results: Sequence[Result], devices: Mapping[str, Device], rounds: int) -> dict[str, Any]:
    """Every result, with the hardware and the versions; times in seconds, sizes in bytes."""
    backends = {name: on.about() for name, on in devices.items()}
    return {
        "format": FORMAT,
        "machine": {**measure.hardware(), "backends": backends},
        "rounds": rounds,
        "results": [_row(result) for result in results],
    }


def _row(result: Result) -> dict[str, Any]:
    case, step = result.case, result.step
    contenders = {
        name: {
            "bytes": timing.bytes,
            "seconds": asdict(timing.seconds),
            "host_seconds": asdict(timing.host_seconds),
            "gigabytes_per_second": timing.gigabytes_per_second,
            "samples": [sample.device for sample in timing.took],
        }
        for name, timing in result.timings.items()
    }
    return {
        **case.facts,
        "cache": result.cache,
        "checked": "bits" if result.exact else "tolerance",
        "bytes_per_element": result.bytes,
        "operations_per_element": result.operations,
        "seconds": asdict(step.seconds),
        "host_seconds": asdict(step.host_seconds),
        "gigabytes_per_second": step.gigabytes_per_second,
        "gigaflops": result.gigaflops,
        "operations_per_byte": result.intensity,
        "share_of_copy": asdict(result.share_of_copy),
        "same_streams": result.streams,
        "share_of_same_streams": asdict(result.share_of_streams),
        "share_of_peak": asdict(result.share_of_peak) if result.share_of_peak else None,
        "plain": result.plain,
        "speedup_over_plain": asdict(result.speedup) if result.speedup else None,
        "contenders": contenders,
        "left_out": dict(result.left_out),
        "kernels": [asdict(kernel) for kernel in result.kernels],
    }
