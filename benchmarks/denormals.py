"""The time of an embedding's step where most rows get only gradients of zero: no more than where all rows learn.

    python benchmarks/denormals.py --json benchmarks/results/denormals.json

The moments of a row without gradients decay; after some 830 steps of Adam they are denormal numbers, with which a
processor computes many times slower unless it flushes them to zero, as the kernels make it do. Two equal tables take
their steps in turn, one of them with dead rows. Where NumPy multiplies denormal numbers as fast as others, since the
processor has no trouble with them, the ratio says nothing about the flushing.
"""

import argparse
import statistics
from pathlib import Path
from typing import Any

import numpy as np

import fastopt
from fastopt import measure

ROWS, WIDTH, DEAD = 4096, 64, 0.95
LIMIT = 1.2
# The rules with moments that decay.
CASES = ("adam", "adamw", "rmsprop_momentum", "lamb", "nadam")


def stretches(rule: str, steps: int, stretch: int) -> list[dict[str, Any]]:
    """The median times of a step, live and with dead rows, in each stretch of the run."""
    generator = np.random.default_rng(0)
    live = generator.standard_normal((ROWS, WIDTH)).astype("float32")
    dead = live.copy()
    dead[: int(DEAD * ROWS)] = 0
    opts = [fastopt.Optimizer(np.ones((ROWS, WIDTH), "float32"), rule, lr=1e-3) for _ in range(2)]
    for opt in opts:
        # Every row has learnt once.
        opt.step(live)
    rows = []
    for first in range(0, steps, stretch):
        times: list[list[float]] = [[], []]
        for _ in range(stretch):
            for opt, gradient, row in zip(opts, (live, dead), times, strict=True):
                row.append(measure.timed(lambda opt=opt, gradient=gradient: opt.step(gradient)))
        live_median, dead_median = map(statistics.median, times)
        # Of steps next to each other in time: other work on the computer slows both.
        ratio = statistics.median(b / a for a, b in zip(*times, strict=True))
        rows.append({"steps": first + stretch, "live": live_median, "dead": dead_median, "ratio": ratio})
    return rows


def cost() -> float:
    """How many times as long NumPy takes to multiply denormal numbers as ordinary ones, on this processor."""
    ordinary, denormal = (np.full(ROWS * WIDTH, value, "float32") for value in (1e-10, 1e-40))
    half = np.float32(0.5)
    pairs = [[measure.timed(lambda a=a: a * half) for a in (ordinary, denormal)] for _ in range(200)]
    return statistics.median(b / a for a, b in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = {}
    for rule in CASES:
        rows[rule] = stretches(rule, given.steps, given.steps // 10)
        worst = max(row["ratio"] for row in rows[rule])
        verdict = "within" if worst <= LIMIT else "BEYOND"
        print(f"{rule:18} dead / live: {worst:.2f} in the worst of ten stretches, {verdict} {LIMIT}")
    ratio = cost()
    print(f"NumPy multiplies denormal numbers in {ratio:.2f} times the time of ordinary ones on this processor")
    if given.json:
        shape = {"rows": ROWS, "width": WIDTH, "dead": DEAD, "limit": LIMIT}
        measure.write(given.json, {**shape, "rules": rows, "numpy_denormal_ratio": ratio})


if __name__ == "__main__":
    main()
