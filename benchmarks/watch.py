"""What `Optimizer.watch` adds to a step at every=100.

    python benchmarks/watch.py --json benchmarks/results/watch.json

Two kinds of run: whole training steps on the handwritten digits (64-64-32-10, batches of 32, forward and backward in
NumPy), which is what a watch rides on, and the optimizer's step alone on lists of arrays, with nothing beside it. A
sample is 100 steps, watched (one line is written) or not; the two take turns, and a share is of samples of one round.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from lists import LISTS

import fastopt
from fastopt import measure
from fastopt.train import Training

EVERY = 100
LIMIT = 0.02


def training(watched: Path | None) -> Callable[[], None]:
    """100 steps of training on the digits."""
    run = Training("adamw", epochs=10**6, checked=False)
    steps = endless(run)
    if watched:
        run.optimizer.watch(watched, every=EVERY)

    def sample() -> None:
        for _ in range(EVERY):
            next(steps)

    return sample


def endless(run: Training) -> Any:
    from fastopt import network

    inputs, targets = run.train_set
    while True:
        for first in range(0, len(inputs), 32):
            x, y = inputs[first : first + 32], targets[first : first + 32]
            _, h = network.forward(run.params, x)
            run.optimizer.step(network.backward(run.params, h, y))
            yield


def alone(shapes: Any, watched: Path | None) -> Callable[[], None]:
    """100 steps of AdamW, with nothing beside them."""
    generator = np.random.default_rng(0)
    params, grads = ([generator.standard_normal(s).astype("float32") for s in shapes] for _ in range(2))
    opt = fastopt.AdamW(params)
    if watched:
        opt.watch(watched, every=EVERY)

    def sample() -> None:
        for _ in range(EVERY):
            opt.step(grads)

    return sample


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--large", action="store_true", help="GPT-2 small too: minutes, and 4 GB of memory.")
    given = parser.parse_args()
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        cases: dict[str, Callable[[Path | None], Callable[[], None]]] = {"training on the digits": training}
        for name, shapes in LISTS.items():
            if given.large or name != "GPT-2 small":
                cases[f"the step alone, {name}"] = lambda watched, shapes=shapes: alone(shapes(), watched)
        for number, (name, made) in enumerate(cases.items()):
            contenders = {"watched": made(Path(folder) / f"{number}.jsonl"), "not": made(None)}
            rounds = given.rounds if "ResNet" not in name and "GPT" not in name else 5
            times = measure.interleaved(contenders, rounds)
            share = measure.ratio(times["watched"], times["not"])
            step = measure.spread(times["not"]).median / EVERY
            result[name] = {"share": vars(share), "microseconds_a_step": 1e6 * step, "limit": LIMIT}
            print(f"{100 * (share.median - 1):+6.2f} % of {1e6 * step:9.1f} us a step: {name}", flush=True)
    if given.json:
        measure.write(given.json, {"every": EVERY, "rounds": given.rounds, "cases": result})


if __name__ == "__main__":
    main()
