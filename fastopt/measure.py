"""Timing that can be trusted on a shared machine: contenders in turn, medians, the machine on record."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any


def interleaved(
    contenders: Mapping[str, Callable[[], Any]],
    rounds: int,
    pause: float = 0.0,
    tick: Callable[[], Any] | None = None,
    before: Mapping[str, Callable[[], Any]] | None = None,
) -> dict[str, list[float]]:
    """Seconds of each contender in each round; in every round all run in turn, each round beginning one further on.

    pause: seconds between runs, in which thread pools stop spinning. tick: called after each round, for progress.
    before: what a contender runs between the pause and the clock, to be awake.
    """
    names = list(contenders)
    times: dict[str, list[float]] = {name: [] for name in names}
    for contender in contenders.values():
        contender()
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            time.sleep(pause)
            if before:
                before[name]()
            times[name].append(timed(contenders[name]))
        if tick:
            tick()
    return times


def timed(work: Callable[[], Any]) -> float:
    """Seconds of one run."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ratio(of: list[float], to: list[float]) -> dict[str, float]:
    """The median of the rounds' ratios of two contenders' times, with its quartiles."""
    ratios = sorted(a / b for a, b in zip(of, to, strict=True))
    low, median, high = statistics.quantiles(ratios, n=4)
    return {"median": median, "low": low, "high": high}


def machine() -> dict[str, Any]:
    """The hardware and the versions that a figure belongs to."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    versions = {}
    for package in ("fastopt", "numpy", "numba", "llvmlite", "torch", "deepspeed", "jax", "optax", "thinc"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "processor": model or platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "versions": versions,
    }


def write(path: Path, result: Mapping[str, Any]) -> None:
    """A result as JSON, with the machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), **result}, indent=1) + "\n")
