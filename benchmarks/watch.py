"""What `Optimizer.watch` adds to a step at every=100.

    python benchmarks/watch.py --json benchmarks/results/watch.json

Two kinds of run: whole training steps on the handwritten digits (64-64-32-10, batches of 32, forward and backward in
NumPy), which is what a watch rides on, and the optimizer's step alone on lists of arrays, with nothing beside it. Five
steps of a watched run are timed at a time. The cost of a line is the extra time of the five with the watched step over
the mean of the others; its share is of the 100 steps. The mean over the lines of a round contains the writing, which is
done for many lines at once; other programs slow all steps alike.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from lists import LISTS

import fastopt
from fastopt import measure
from fastopt.train.digits.training import Training

EVERY, AFTER = 100, 5
LIMIT = 0.02


def training(watched: Path) -> Callable[[], None]:
    """A step of training on the digits."""
    run = Training("adamw", epochs=10**6, checked=False)
    run.optimizer.watch(watched, every=EVERY)
    steps = endless(run)
    return lambda: next(steps)


def endless(run: Training) -> Any:
    from fastopt.train.digits import network

    inputs, targets = run.train_set
    while True:
        for first in range(0, len(inputs), 32):
            x, y = inputs[first : first + 32], targets[first : first + 32]
            _, h = network.forward(run.params, x)
            run.optimizer.step(network.backward(run.params, h, y))
            yield


def alone(shapes: Any, watched: Path) -> Callable[[], None]:
    """A step of AdamW, with nothing beside it."""
    generator = np.random.default_rng(0)
    params, grads = ([generator.standard_normal(s).astype("float32") for s in shapes] for _ in range(2))
    opt = fastopt.AdamW(params)
    opt.watch(watched, every=EVERY)
    return lambda: opt.step(grads)


def share(step: Callable[[], None], lines: int) -> tuple[float, float]:
    """The share of a line in EVERY steps, over so many lines, and the seconds of a step beside it.

    The next step is one that is watched.
    """
    times = np.empty((lines, EVERY // AFTER))
    for row in times:
        for k in range(len(row)):
            start = perf_counter()
            for _ in range(AFTER):
                step()
            row[k] = perf_counter() - start
    plain = times[:, 1:].mean()
    return float((times[:, 0].mean() - plain) / (plain * len(times[0]))), float(plain) / AFTER


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--large", action="store_true", help="GPT-2 small too: minutes, and 4 GB of memory.")
    given = parser.parse_args()
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        cases: dict[str, Callable[[Path], Callable[[], None]]] = {"training on the digits": training}
        for name, shapes in LISTS.items():
            if given.large or name != "GPT-2 small":
                cases[f"the step alone, {name}"] = lambda watched, shapes=shapes: alone(shapes(), watched)
        for number, (name, make) in enumerate(cases.items()):
            step = make(Path(folder) / f"{number}.jsonl")
            share(step, 1)
            start = perf_counter()
            share(step, 1)
            # Lines of some two seconds a round.
            lines = max(4, min(200, int(2 / (perf_counter() - start))))
            shares, times = zip(*(share(step, lines) for _ in range(given.rounds)), strict=True)
            spread = measure.spread(shares)
            result[name] = {
                "share": vars(spread),
                "microseconds_a_step": 1e6 * float(np.median(times)),
                "lines_a_round": lines,
                "limit": LIMIT,
            }
            us = 1e6 * float(np.median(times))
            print(f"{100 * spread.median:+6.2f} % of {us:9.1f} us a step: {name}", flush=True)
    if given.json:
        measure.write(given.json, {"every": EVERY, "rounds": given.rounds, "cases": result})


if __name__ == "__main__":
    main()
