"""Timing that can be trusted on a shared machine: contenders in turn, medians, the machine on record."""

import contextlib
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

Contender = TypeVar("Contender")
Sample = TypeVar("Sample")

PACKAGES = (
    *("fastopt", "numpy", "ml_dtypes", "numba", "llvmlite", "numba-cuda", "cupy", "cupy-cuda12x", "cupy-cuda13x"),
    *("torch", "deepspeed", "jax", "optax", "thinc", "spacy", "scikit-learn"),
)


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
    """Seconds of each contender in each round; in every round all run in turn, each round beginning one further on.

    pause: seconds between runs, in which thread pools stop spinning. tick: called after each round, for progress.
    sample: runs a contender and returns what it took; without it contenders are functions, and that is seconds.
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


def machine() -> dict[str, Any]:
    """The hardware and the versions that a figure belongs to."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    versions = {}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return {
        "processor": model or platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "versions": versions,
    }


@contextlib.contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its place, whole, when the block ends, and leaves nothing behind if the block fails."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write(path: Path, result: Mapping[str, Any]) -> None:
    """A result as JSON, with the machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as file:
        file.write((json.dumps({"machine": machine(), **result}, indent=1) + "\n").encode())
