"""What state and parameters in 16 bits cost in training: the final loss on the digits, less that of float32.

    python benchmarks/formats.py --json benchmarks/results/formats.json

Each format trains with the same seeds, and the mean loss of the last epoch is compared seed by seed.
"""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

import fastopt
from fastopt import measure
from fastopt.studies.processes import cores, side_by_side
from fastopt.train.digits import data, network

SIZES, EPOCHS, BATCH, SEEDS = (data.FEATURES, 64, 32, data.CLASSES), 20, 32, range(5)
RATES = {"adamw": 1e-3, "adam": 1e-3, "lion": 1e-4, "momentum": 1e-2}
PLAIN = "float32"
# Whether parameters are in bfloat16, and the options.
FORMATS: dict[str, tuple[bool, dict[str, Any]]] = {
    PLAIN: (False, {}),
    "reciprocals": (False, {"reciprocals": True}),
    "state": (False, {"state_format": "bfloat16"}),
    "state, to nearest": (False, {"state_format": "bfloat16", "state_rounding": "nearest"}),
    "parameters": (True, {"param_rounding": "stochastic"}),
    "parameters, to nearest": (True, {}),
    "all": (True, {"state_format": "bfloat16", "param_rounding": "stochastic"}),
}
# Momentum divides by no number.
CASES = [
    (rule, form) for rule in RATES for form in FORMATS if not (rule in ("momentum", "lion") and form == "reciprocals")
]


def final_loss(rule: str, form: str, seed: int) -> float:
    """The mean training loss of the last epoch."""
    halves, options = FORMATS[form]
    params = network.initialise(SIZES, activation="relu", dtype="float32", seed=seed)
    kept = {name: [a.astype(ml_dtypes.bfloat16) if halves else a for a in arrays] for name, arrays in params.items()}
    opt = fastopt.Optimizer(kept, rule, lr=RATES[rule], **options)
    generator = np.random.default_rng(seed)
    (x, y), _ = data.load("float32", generator)
    loss = math.nan
    for _ in range(EPOCHS):
        order, loss = generator.permutation(len(x)), 0.0
        for first in range(0, len(order), BATCH):
            batch = order[first : first + BATCH]
            read = {name: [a.astype("float32") for a in arrays] for name, arrays in kept.items()} if halves else kept
            a, h = network.forward(read, x[batch], activation="relu")
            opt.step(network.backward(read, h, y[batch], activation="relu"))
            loss += float(network.cross_entropy(a[-1], y[batch])) * len(batch)
    return loss / len(x)


def every() -> Iterator[tuple[str, str, int]]:
    return ((rule, form, seed) for rule, form in CASES for seed in SEEDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    jobs = list(every())
    losses: dict[tuple[str, str, int], float] = {}
    for number, loss, error in side_by_side(final_loss, jobs, cores()):
        if error is not None:
            raise SystemExit(f"{jobs[number]}: {error}")
        losses[jobs[number]] = loss
        print(f"\r{len(losses)} of {len(jobs)} runs", end="", flush=True)
    print()
    result: dict[str, Any] = {}
    for rule, form in CASES:
        own = [losses[rule, form, seed] for seed in SEEDS]
        more = [loss - losses[rule, PLAIN, seed] for loss, seed in zip(own, SEEDS, strict=True)]
        result.setdefault(rule, {})[form] = {"loss": vars(measure.spread(own)), "more": vars(measure.spread(more))}
        least, most = min(more), max(more)
        print(f"{rule:10}{form:24}{np.median(own):10.5f}{np.median(more):+10.5f}  {least:+.5f} to {most:+.5f}")
    if given.json:
        measure.write(given.json, {"epochs": EPOCHS, "seeds": len(SEEDS), "rates": RATES, "rules": result})


if __name__ == "__main__":
    main()
