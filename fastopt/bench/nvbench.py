"""Results in the form of NVBench's JSON, version 1.0.0, for the readers in the package cuda-bench.

A rule is a benchmark of NVBench's. Its axes are backend, type, size, number of arrays, cache and contender, and the
launch of the kernels and the formats where those were asked for. The readers know times under the tag of isolated runs
alone, `nv/cold/time/gpu`, so all times are there, those with a hot cache too: the axis says which. A sample is the mean
of as many calls as last a millisecond.
"""

import array
import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import measure
from .cases import USUAL
from .devices import Device, hardware_name
from .run import Result, Timing

_VERSION = (1, 0, 0)
_TYPES = {int: "int64", float: "float64", str: "string"}

Axes = dict[str, str | int]


def write(results: Sequence[Result], devices: Mapping[str, Device], path: Path) -> None:
    """Write path and, in the folder path-bin beside it, the samples, each file whole or not at all.

    Raises OSError where a file cannot be written.
    """
    folder = path.with_name(f"{path.name}-bin")
    folder.mkdir(exist_ok=True)
    record, samples = as_nvbench(results, devices, folder.name)
    for name, seconds in samples.items():
        values = array.array("f", seconds)
        if sys.byteorder == "big":
            values.byteswap()
        with measure.whole(folder / name) as file:
            file.write(values.tobytes())
    with measure.whole(path) as file:
        file.write(json.dumps(record, indent=1, allow_nan=False).encode())


def as_nvbench(
    results: Sequence[Result], devices: Mapping[str, Device], folder: str
) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """The record, and for each file in a folder that it names, seconds, to be written as little-endian float32."""
    names = {backend: hardware_name(on) for backend, on in devices.items()}
    hardware = list(dict.fromkeys(names.values()))
    rules: dict[str, list[Result]] = {}
    for result in results:
        rules.setdefault(result.case.rule.name, []).append(result)
    samples: dict[str, list[float]] = {}
    benchmarks = []
    for index, (rule, members) in enumerate(rules.items()):
        # All states of a benchmark have the same axes.
        asked = [name for name in USUAL if any(member.case.facts[name] != USUAL[name] for member in members)]
        states = []
        for result in members:
            device = hardware.index(names[result.case.backend])
            for contender, timing in result.timings.items():
                file = f"{len(samples)}.bin"
                samples[file] = [sample.device for sample in timing.took]
                peak = devices[result.case.backend].peak
                summaries = [*_summaries(result, timing, peak), _samples(f"{folder}/{file}", timing)]
                states.append(_state(_axes(result, contender, asked), device, summaries))
        benchmarks.append(
            {
                "name": rule,
                "index": index,
                "devices": sorted({state["device"] for state in states}),
                "axes": _axes_of(states),
                "states": states,
            }
        )
    version = dict(zip(("major", "minor", "patch"), _VERSION, strict=True))
    return {
        "meta": {"argv": sys.argv, "version": {"json": {**version, "string": ".".join(map(str, _VERSION))}}},
        "devices": [{"id": number, "name": name} for number, name in enumerate(hardware)],
        "benchmarks": benchmarks,
    }, samples


def _axes(result: Result, contender: str, asked: Sequence[str]) -> Axes:
    case = result.case
    facts = {name: case.facts[name] for name in asked if name != "arrays"}
    others = {
        name.title().replace("_", ""): "usual" if value == USUAL[name] else str(value) for name, value in facts.items()
    }
    return {
        "Backend": case.backend,
        "T": case.dtype,
        "Elements": case.elements,
        "Arrays": case.arrays,
        **others,
        "Cache": result.cache,
        "Contender": contender,
    }


def _state(axes: Axes, device: int, summaries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": " ".join([f"Device={device}", *(f"{name}={value}" for name, value in axes.items())]),
        "device": device,
        "type_config_index": 0,
        "axis_values": [_named(name, value) for name, value in axes.items()],
        "summaries": summaries,
        "is_skipped": False,
    }


def _axes_of(states: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The axes of a benchmark with all values that its states have."""
    columns = zip(*(state["axis_values"] for state in states), strict=True)
    return [
        {
            "name": column[0]["name"],
            "type": column[0]["type"],
            "flags": "",
            "values": [
                {"input_string": value, "description": "", "value": int(value) if kind == "int64" else value}
                for value, kind in dict.fromkeys((entry["value"], entry["type"]) for entry in column)
            ],
        }
        for column in columns
    ]


def _named(name: str, value: str | int | float) -> dict[str, str]:
    # NVBench writes numbers as texts: a JSON number would be a double.
    return {"name": name, "type": _TYPES[type(value)], "value": str(value)}


def _summaries(result: Result, timing: Timing, peak: float | None) -> Iterator[dict[str, Any]]:
    device = [sample.device for sample in timing.took]
    mean, deviation = statistics.mean(device), statistics.stdev(device)
    quartiles = timing.seconds
    between = quartiles.high - quartiles.low
    time = "nv/cold/time/gpu/"
    yield _summary("nv/cold/sample_size", "Samples", "sample_size", len(device))
    yield _summary("nv/cold/time/cpu/mean", "Host", "duration", statistics.mean(sample.host for sample in timing.took))
    yield _summary(f"{time}min", "Min Time", "duration", min(device), hide=True)
    yield _summary(f"{time}max", "Max Time", "duration", max(device), hide=True)
    yield _summary(f"{time}mean", "Time", "duration", mean)
    yield _summary(f"{time}stdev/absolute", "Noise", "duration", deviation, hide=True)
    yield _summary(f"{time}stdev/relative", "Noise", "percentage", deviation / mean)
    yield _summary(f"{time}q1", "Q1 Time", "duration", quartiles.low, hide=True)
    yield _summary(f"{time}median", "Median", "duration", quartiles.median)
    yield _summary(f"{time}q3", "Q3 Time", "duration", quartiles.high, hide=True)
    yield _summary(f"{time}iqr/absolute", "IQR", "duration", between, hide=True)
    yield _summary(f"{time}iqr/relative", "Rel IQR", "percentage", between / quartiles.median, hide=True)
    yield _summary("nv/cold/bw/item_rate", "Elem/s", "item_rate", result.case.elements / mean)
    bandwidth = timing.bytes / mean
    yield _summary("nv/cold/bw/global/bytes_per_second", "Bandwidth", "byte_rate", bandwidth)
    if peak:
        yield _summary("nv/cold/bw/global/utilization", "BWUtil", "percentage", bandwidth / peak)


def _samples(path: str, timing: Timing) -> dict[str, Any]:
    summary = _summary("nv/json/bin:nv/cold/sample_times", "Sample Times File", "file/sample_times", hide=True)
    return {**summary, "data": [_named("filename", path), _named("size", len(timing.took))]}


def _summary(tag: str, name: str, hint: str, value: float | None = None, *, hide: bool = False) -> dict[str, Any]:
    return {
        **{"tag": tag, "name": name, "hint": hint},
        **({"hide": "Hidden by default."} if hide else {}),
        "data": [] if value is None else [_named("value", value)],
    }
