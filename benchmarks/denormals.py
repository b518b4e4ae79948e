"""What an embedding costs of which most rows see only gradients of zero: no more than one whose rows all learn.

    python benchmarks/denormals.py --json benchmarks/results/denormals.json

The moments of a row without gradients decay; after some 830 steps of Adam they are denormal numbers, with which a
processor computes many times slower unless it flushes them to zero, as the kernels make it do. Two like tables take
their steps in turn, one of them with dead rows; NumPy's plain formula on a dead row's moments shows what is avoided.
"""

import argparse
import statistics
from pathlib import Path
from typing import Any

import numpy as np

import fastopt
from fastopt import measure
from fastopt.kernels import RULES

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
    found = []
    for first in range(0, steps, stretch):
        times: list[list[float]] = [[], []]
        for _ in range(stretch):
            for opt, gradient, row in zip(opts, (live, dead), times, strict=True):
                row.append(measure.timed(lambda opt=opt, gradient=gradient: opt.step(gradient)))
        one, other = map(statistics.median, times)
        # Of neighbours in time: what slows the machine down meets both.
        ratio = statistics.median(b / a for a, b in zip(*times, strict=True))
        found.append({"steps": first + stretch, "live": one, "dead": other, "ratio": ratio})
    return found


def plain(rule: str, denormal: bool) -> float:
    """The time of NumPy's formula on moments that are ordinary numbers, or denormal ones."""
    size = 1e-40 if denormal else 1e-10
    formula, slots = RULES[rule].formula, len(RULES[rule].slots)
    p, g = np.ones((ROWS, WIDTH), "float32"), np.zeros((ROWS, WIDTH), "float32")
    moments = [np.full((ROWS, WIDTH), size, "float32") for _ in range(slots)]
    return statistics.median(measure.timed(lambda: formula(p, g, *moments, t=900)) for _ in range(15))


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
    ordinary, denormal = plain("adam", False), plain("adam", True)
    print(f"plain NumPy on denormal moments: {denormal / ordinary:.1f} times as long")
    if given.json:
        shape = {"rows": ROWS, "width": WIDTH, "dead": DEAD, "limit": LIMIT}
        measure.write(given.json, {**shape, "rules": rows, "plain": {"ordinary": ordinary, "denormal": denormal}})


if __name__ == "__main__":
    main()
