"""What formats of state and weights cost in training: the final loss of three tasks, less that of float32.

    python benchmarks/formats.py --json benchmarks/results/formats.json

Each format trains with the same seeds, and the losses are compared seed by seed. The digits and the characters have the
mean loss at the end of training, the words that of held-out text.
"""

import argparse
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import characters
import ml_dtypes
import numpy as np

import fastopt
from fastopt import measure
from fastopt.studies.processes import cores, side_by_side
from fastopt.train.digits import data, network
from fastopt.train.words import skipgram
from fastopt.train.words.corpus import stdlib
from fastopt.train.words.held_out import HeldOut

SIZES, EPOCHS, BATCH, SEEDS = (data.FEATURES, 64, 32, data.CLASSES), 20, 32, range(5)
WORDS, PAIRS = 60_000, 512
RATES = {"adamw": 1e-3, "adam": 1e-3, "lion": 1e-4, "momentum": 1e-2}
PLAIN = "float32"
EIGHT = {"state_format": "8bit", "min_8bit_size": 256}
# Whether parameters are in bfloat16, and the options.
FORMATS: dict[str, tuple[bool, dict[str, Any]]] = {
    PLAIN: (False, {}),
    "reciprocals": (False, {"reciprocals": True}),
    "state": (False, {"state_format": "bfloat16"}),
    "state, to nearest": (False, {"state_format": "bfloat16", "state_rounding": "nearest"}),
    "state in 8 bits": (False, EIGHT),
    "parameters": (True, {"param_rounding": "stochastic"}),
    "parameters, to nearest": (True, {}),
    "all": (True, {"state_format": "bfloat16", "param_rounding": "stochastic"}),
    "24 bits": (True, {"master_weight_bits": 24}),
    "24 bits, state in 8": (True, {"master_weight_bits": 24, **EIGHT}),
}
# With AdamW all, with the others those of state.
CASES = [
    (rule, form)
    for rule in RATES
    for form, (halves, options) in FORMATS.items()
    if rule == "adamw" or not (halves or options.get("reciprocals") or "nearest" in options.values())
]


class Model:
    """Parameters in a format, and their optimizer; `read` gives them in float32."""

    def __init__(self, params: dict[str, Any], rule: str, form: str) -> None:
        self._halves, options = FORMATS[form]
        kind = ml_dtypes.bfloat16 if self._halves else np.float32
        self.kept = {name: self._each(value, kind) for name, value in params.items()}
        self.optimizer = fastopt.Optimizer(self.kept, rule, lr=RATES[rule], **options)

    def _each(self, value: Any, kind: Any) -> Any:
        return [array.astype(kind) for array in value] if isinstance(value, list) else value.astype(kind)

    def read(self) -> dict[str, Any]:
        if not self._halves:
            return self.kept
        return {name: self._each(value, np.float32) for name, value in self.kept.items()}


def digits(rule: str, form: str, seed: int) -> float:
    """The mean training loss of the last epoch."""
    model = Model(network.initialise(SIZES, activation="relu", dtype="float32", seed=seed), rule, form)
    generator = np.random.default_rng(seed)
    (x, y), _ = data.load("float32", generator)
    loss = math.nan
    for _ in range(EPOCHS):
        order, loss = generator.permutation(len(x)), 0.0
        for first in range(0, len(order), BATCH):
            batch = order[first : first + BATCH]
            read = model.read()
            a, h = network.forward(read, x[batch], activation="relu")
            model.optimizer.step(network.backward(read, h, y[batch], activation="relu"))
            loss += float(network.cross_entropy(a[-1], y[batch])) * len(batch)
    return loss / len(x)


def of_characters(rule: str, form: str, seed: int) -> float:
    """The mean training loss of the last steps."""
    model, generator = Model(characters.initialise(seed), rule, form), np.random.default_rng(seed)
    text, reach = characters.text(), np.arange(characters.CONTEXT)
    losses = []
    for _ in range(characters.STEPS):
        starts = generator.integers(0, len(text) - characters.CONTEXT, characters.BATCH)
        contexts, following = text[starts[:, None] + reach], text[starts + characters.CONTEXT]
        loss, grads = characters.loss_and_gradients(model.read(), contexts, following)
        model.optimizer.step(grads)
        losses.append(loss)
    return float(np.mean(losses[-characters.LAST :]))


def words(rule: str, form: str, seed: int) -> float:
    """The loss of the held-out text after a pass over the pairs, by dense gradients."""
    corpus, generator = stdlib(WORDS), np.random.default_rng(seed)
    model = Model(skipgram.initialise(len(corpus.words), 64, seed=seed), rule, form)
    noise, keep = skipgram.Noise(corpus.counts), skipgram.subsampling(corpus.counts, skipgram.THRESHOLD)
    centres, around = skipgram.pairs(corpus.train, keep, skipgram.WINDOW, generator)
    order = generator.permutation(len(centres))
    for own, near in skipgram.batches(centres[order], around[order], PAIRS):
        others, read = noise.beside(near, skipgram.NEGATIVES, generator), model.read()
        sparse = skipgram.backward(own, others, *skipgram.forward(read, own, others))
        model.optimizer.step({name: grad.dense(read[name].shape) for name, grad in sparse.items()})
    return float(HeldOut(corpus).losses(model.read()).all)


TASKS: dict[str, Callable[[str, str, int], float]] = {"digits": digits, "words": words, "characters": of_characters}


def final_loss(task: str, rule: str, form: str, seed: int) -> float:
    return TASKS[task](rule, form, seed)


def every() -> Iterator[tuple[str, str, str, int]]:
    return ((task, rule, form, seed) for task in TASKS for rule, form in CASES for seed in SEEDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    jobs = list(every())
    losses: dict[tuple[str, str, str, int], float] = {}
    for number, loss, error in side_by_side(final_loss, jobs, cores()):
        if error is not None:
            raise SystemExit(f"{jobs[number]}: {error}")
        losses[jobs[number]] = loss
        print(f"\r{len(losses)} of {len(jobs)} runs", end="", flush=True)
    print()
    result: dict[str, Any] = {}
    for task in TASKS:
        for rule, form in CASES:
            own = [losses[task, rule, form, seed] for seed in SEEDS]
            more = [loss - losses[task, rule, PLAIN, seed] for loss, seed in zip(own, SEEDS, strict=True)]
            row = {"loss": vars(measure.spread(own)), "more": vars(measure.spread(more))}
            result.setdefault(task, {}).setdefault(rule, {})[form] = row
            found = f"{np.median(own):10.5f}{np.median(more):+10.5f}  {min(more):+.5f} to {max(more):+.5f}"
            print(f"{task:12}{rule:10}{form:24}{found}")
    if given.json:
        measure.write(given.json, {"epochs": EPOCHS, "seeds": len(SEEDS), "rates": RATES, "tasks": result})


if __name__ == "__main__":
    main()
