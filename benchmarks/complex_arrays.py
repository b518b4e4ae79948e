"""What a step of Adam on complex arrays costs beside one on real arrays of twice the length, and beside others.

    python benchmarks/complex_arrays.py --json benchmarks/results/complex-cpu.json

All run in turn in one process; the ratios are those of the rounds. NumPy is Adam as one writes it for complex arrays,
with one second moment. torch, if it is there, is its Adam, which has no fused form for complex parameters.
"""

import argparse
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from repeated import repeated

import fastopt
from fastopt import measure

SIZES = (1000, 64_000, 2_000_000)
REAL = "real, twice the length"


def numbers(size: int, spread: bool = False) -> Any:
    """Complex numbers; spread: at every other place."""
    generator = np.random.default_rng(0)
    made = (generator.normal(size=size) + 1j * generator.normal(size=size)).astype("complex64")
    return np.repeat(made, 2)[::2] if spread else made


def step(p: Any, g: Any, **options: Any) -> Callable[[], Any]:
    opt = fastopt.Adam(p, **options)
    return lambda: opt.step(g)


def by_numpy(size: int) -> Callable[[], Any]:
    p, g = numbers(size), numbers(size)
    m, v = np.zeros_like(p), np.zeros_like(p.real)
    count = 0

    def work() -> None:
        nonlocal p, m, v, count
        count += 1
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * (g * g.conj()).real
        p = p - 1e-3 * (m / (1 - 0.9**count)) / (np.sqrt(v / (1 - 0.999**count)) + 1e-8)

    return work


def by_torch(size: int) -> Callable[[], Any]:
    import torch

    p = torch.nn.Parameter(torch.from_numpy(numbers(size)))
    p.grad = torch.from_numpy(numbers(size))
    work: Callable[[], Any] = torch.optim.Adam([p]).step
    return work


def contenders(size: int) -> dict[str, Callable[[], Any]]:
    parts, both = numbers(size).view("float32"), {"second_moment": "modulus"}
    spread = [numbers(size, True), numbers(size, True)]
    spread_parts = [np.repeat(parts, 2)[::2] for _ in range(2)]
    made = {
        REAL: step(parts, numbers(size).view("float32")),
        "complex": step(numbers(size), numbers(size)),
        "complex, one second moment": step(numbers(size), numbers(size), **both),
        "complex, gradients conjugated": step(numbers(size), numbers(size), conjugate_grads=True),
        f"{REAL}, every other element": step(*spread_parts),
        "complex, every other element": step(*spread),
        "plain NumPy": by_numpy(size),
    }
    return made | ({"torch": by_torch(size)} if importlib.util.find_spec("torch") else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result: dict[str, Any] = {}
    for size in SIZES:
        calls = max(1, min(50, 400_000 // size))
        times = measure.interleaved(contenders(size), given.rounds, sample=repeated(calls))
        result[str(size)] = {
            name: {
                "microseconds": vars(measure.spread([1e6 * t for t in own])),
                "ratio": vars(measure.ratio(own, times[REAL])),
            }
            for name, own in times.items()
        }
        for name, row in result[str(size)].items():
            took, ratio = row["microseconds"]["median"], row["ratio"]["median"]
            print(f"{size:10,}  {name:42}{took:12.1f} us{ratio:9.2f}", flush=True)
    if given.json:
        torch = importlib.util.find_spec("torch") and __import__("torch").__version__
        measure.write(given.json, {"rounds": given.rounds, "torch": torch, "threads": os.cpu_count(), "sizes": result})


if __name__ == "__main__":
    main()
