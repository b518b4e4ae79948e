"""Adding a micro-batch's gradients to those before, beside a bare `total += g` of as many elements.

    python benchmarks/accumulate.py --json benchmarks/results/accumulate-cpu.json

All run in turn in one process; the ratios are those of the rounds. Both read two arrays and write one. The bare kernel
is numba's, over flat arrays of the same total size; NumPy goes array by array.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from lists import Shapes, elements
from repeated import repeated

import fastopt
from fastopt import measure

LISTS: dict[str, Shapes] = {
    "one array of 20,000,000": [(20_000_000,)],
    "150 arrays of 100,000": [(100_000,)] * 150,
    "150 arrays of 1,000": [(1000,)] * 150,
}
BARE = "bare"


@numba.njit(parallel=True, error_model="numpy")
def add(total, g):  # type: ignore[no-untyped-def]
    for i in numba.prange(len(g)):
        total[i] += g[i]


def ones(shapes: Shapes) -> list[Any]:
    return [np.ones(shape, "float32") for shape in shapes]


def contenders(shapes: Shapes) -> dict[str, Callable[[], Any]]:
    params, grads, totals, size = ones(shapes), ones(shapes), ones(shapes), elements(shapes)
    flat = np.ones(size, "float32"), np.ones(size, "float32")
    opt = fastopt.SGD(params, accumulate="mean")

    def first() -> None:
        opt._updater.gathering.drop()
        opt.accumulate(grads)

    return {
        BARE: lambda: add(*flat),
        "accumulate": lambda: opt.accumulate(grads),
        "accumulate, the first": first,
        "NumPy": lambda: [np.add(total, g, out=total) for total, g in zip(totals, grads, strict=True)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result: dict[str, Any] = {}
    for name, shapes in LISTS.items():
        calls = max(1, min(50, 20_000_000 // elements(shapes)))
        times = measure.interleaved(contenders(shapes), given.rounds, sample=repeated(calls))
        result[name] = {
            who: {
                "microseconds": vars(measure.spread([1e6 * t for t in own])),
                "speed": vars(measure.ratio(times[BARE], own)),
            }
            for who, own in times.items()
        }
        for who, row in result[name].items():
            took, speed = row["microseconds"]["median"], row["speed"]["median"]
            print(f"{name:26}{who:24}{took:12.1f} us{speed:9.2f} of the bare kernel's speed", flush=True)
    if given.json:
        measure.write(given.json, {"rounds": given.rounds, "threads": os.cpu_count(), "lists": result})


if __name__ == "__main__":
    main()
