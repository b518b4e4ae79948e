"""What a step costs beside the arithmetic: direct calls, few rows, interleaved arrays, other gradients in each step.

    python benchmarks/calls.py --json benchmarks/results/calls-cpu.json [--before FOLDER]

Each case runs in processes of its own tree in turn: this one, and with --before that of another checkout too. A sample
is the mean of as many calls as take a few milliseconds, each on gradients that are made before the clock starts, new
objects at new addresses. NumPy's `W[rows] -= lr * values` is timed in the same process as the rows.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from processes import run_python

import fastopt
from fastopt import RowSparse, measure

ROOT = Path(__file__).resolve().parent.parent
ROWS, WIDTH = 100_000, 64
# A function that makes what a number of calls need, and one for each call.
Case = tuple[Callable[[int], list[Any]], Callable[[Any], Any]]


def ones(*shape: int) -> Any:
    return np.ones(shape, "float32")


def dense(make: Any, params: list[Any], share: float = 1.0) -> Case:
    """Steps of an optimizer on fresh gradients, of which a share is there in each step."""
    opt, generator = make(params), np.random.default_rng(0)

    def gradients(count: int) -> list[Any]:
        there = generator.random((count, len(params))) < share
        return [[ones(*p.shape) if x else None for p, x in zip(params, row, strict=True)] for row in there]

    return gradients, opt.step


def rows(make: Any, touched: int, **options: Any) -> Case:
    """Steps of an optimizer on some rows of a table; of NumPy if `make` is None."""
    table, generator = ones(ROWS, WIDTH), np.random.default_rng(0)

    def gradients(count: int) -> list[Any]:
        numbers = [np.unique(generator.integers(0, ROWS, touched)) for _ in range(count)]
        return [(some, ones(len(some), WIDTH)) for some in numbers]

    def by_numpy(gradient: Any) -> None:
        some, values = gradient
        table[some] -= np.float32(0.1) * values

    if make is None:
        return gradients, by_numpy
    opt = make([table], lr=0.1, **options)
    return gradients, lambda gradient: opt.step([RowSparse(*gradient)])


def calls(rule: Any) -> Case:
    """Direct calls of a rule on small arrays, with new numbers."""
    arrays = [ones(100) for _ in rule.arrays]

    def call(given: Any) -> None:
        gradient, t = given
        rule(arrays[0], gradient, *arrays[2:], t=t if rule.uses_t else None, lr=0.1 / t)

    return lambda count: [(ones(100), t) for t in range(1, count + 1)], call


CASES: dict[str, Callable[[], Case]] = {
    "a call of adam": lambda: calls(fastopt.kernels.adam),
    "a call of sgd": lambda: calls(fastopt.kernels.sgd),
    "a call of lamb, which takes norms": lambda: calls(fastopt.kernels.lamb),
    **{f"NumPy, {n} of {ROWS:,} rows": lambda n=n: rows(None, n) for n in (1, 10, 100, 1000)},
    **{f"SGD, {n} of {ROWS:,} rows": lambda n=n: rows(fastopt.SGD, n) for n in (1, 10, 100, 1000)},
    "Adagrad, 1 row": lambda: rows(fastopt.Adagrad, 1),
    "Adam, lazy, 1 row": lambda: rows(fastopt.Adam, 1, sparse="lazy"),
    "Adam, exact, 1 row": lambda: rows(fastopt.Adam, 1),
    "Adam, 400 arrays of 1,000": lambda: dense(fastopt.Adam, [ones(1000) for _ in range(400)]),
    "Adam, 400 columns of a matrix": lambda: dense(fastopt.Adam, list(ones(1000, 400).T)),
    "Adam, 1,000 arrays, half of them at random": lambda: dense(fastopt.Adam, [ones(100) for _ in range(1000)], 0.5),
    "AdamW, 1 array of 100": lambda: dense(fastopt.AdamW, [ones(100)]),
    "AdamW, 10 arrays of 1,000": lambda: dense(fastopt.AdamW, [ones(1000) for _ in range(10)]),
    "AdamW, 1,000 arrays of 1,000": lambda: dense(fastopt.AdamW, [ones(1000) for _ in range(1000)]),
}


def samples(case: Case, seconds: float = 0.004) -> Iterator[float]:
    """Seconds of a call, without end."""
    make, call = case
    began = time.perf_counter()
    for given in make(3):
        call(given)
    count = max(3, min(300, int(seconds * 3 / (time.perf_counter() - began))))
    while True:
        ready = make(count)
        began = time.perf_counter()
        for given in ready:
            call(given)
        yield (time.perf_counter() - began) / count


def once(rounds: int) -> dict[str, float]:
    """The median seconds of a call of each case in this process."""
    result = {}
    for name, make in CASES.items():
        some = samples(make())
        next(some)
        result[name] = statistics.median(next(some) for _ in range(rounds))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=7, help="samples of a case in each process")
    parser.add_argument("--before", type=Path, help="another checkout, to be timed in turn")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.once:
        print(json.dumps(once(given.rounds)))
        return
    trees = {"now": ROOT} | ({"before": given.before} if given.before else {})
    arguments = __file__, "--once", "--rounds", str(given.rounds)
    found: dict[str, list[dict[str, float]]] = {tree: [] for tree in trees}
    for _ in range(given.processes):
        for tree, folder in trees.items():
            found[tree].append(json.loads(run_python(*arguments, PYTHONPATH=str(folder)).stdout))
    result = {
        tree: {name: vars(measure.spread([1e6 * run[name] for run in runs])) for name in CASES}
        for tree, runs in found.items()
    }
    for name in CASES:
        print(f"{name:46}" + "".join(f"{result[tree][name]['median']:12.1f} us {tree}" for tree in trees))
    if given.json:
        microseconds = {"processes": given.processes, "rounds": given.rounds, "microseconds": result}
        measure.write(given.json, microseconds)


if __name__ == "__main__":
    main()
