"""Word vectors of the standard library's source: do adaptive rates help rare words, and what do row-sparse steps cost?

    python benchmarks/words.py --json benchmarks/results/words.json

Losses: every contender trains at each rate of a grid of its own with one seed; its rate is the one of the least loss on
half of the held-out text, over all words, and once more over the rare words alone. At these rates it trains with other
seeds, and their losses on the other half are reported. Costs: steps by row-sparse and by dense gradients in turn, on
the tables of the whole library.
"""

import argparse
import itertools
import math
import tracemalloc
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastopt import measure
from fastopt.commands.figures import finite
from fastopt.studies.processes import cores, side_by_side
from fastopt.train.words import skipgram
from fastopt.train.words.corpus import halves, stdlib
from fastopt.train.words.held_out import HeldOut
from fastopt.train.words.learner import Learner
from fastopt.train.words.training import WIDTH, Training

WORDS, EPOCHS, SEEDS = 100_000, 3, (1, 2, 3, 4)
BATCHES = (64, 512)


@dataclass(frozen=True)
class Contender:
    """middle: of the grid of rates. power: of a sparsity factor."""

    rule: str
    sparse: str
    middle: float
    power: float | None = None

    @property
    def rates(self) -> list[float]:
        return [float(f"{self.middle * 10 ** (k / 4):.2g}") for k in range(-2, 3)]


CONTENDERS = {
    "SGD": Contender("sgd", "exact", 0.06),
    "SGD, sparsity factor, power 1/4": Contender("sgd", "exact", 0.01, 0.25),
    "SGD, sparsity factor, power 1/2": Contender("sgd", "exact", 0.0014, 0.5),
    "Adagrad": Contender("adagrad", "exact", 0.06),
    "Adam, exact": Contender("adam", "exact", 0.003),
    "Adam, lazy": Contender("adam", "lazy", 0.003),
}


def trained(name: str, lr: float, seed: int) -> dict[str, Any]:
    """Losses on both halves after each epoch, and how long the vectors of words have become."""
    contender = CONTENDERS[name]
    to_choose, to_report = halves(stdlib(WORDS))
    training = Training(
        contender.rule,
        lr=lr,
        epochs=EPOCHS,
        sparse=contender.sparse,
        power=contender.power,
        seed=seed,
        corpus=to_report,
        compared=0,
    )
    choosing, validation, test = HeldOut(to_choose), [], []
    for epoch in training.run():
        validation.append(asdict(choosing.losses(training.tables)))
        test.append(asdict(epoch.held_out))
    lengths = np.linalg.norm(training.tables["input"].astype("float64"), axis=1)
    counts, held_out = training.corpus.counts, training.held_out
    return {
        "validation": validation,
        "test": test,
        "length": {
            "rare": float(lengths[counts <= held_out.rare_up_to].mean()),
            "frequent": float(lengths[counts >= held_out.frequent_from].mean()),
        },
    }


def every(jobs: list[tuple[str, float, int]]) -> dict[tuple[str, float, int], dict[str, Any]]:
    """All runs, one process a core. Raises RuntimeError if one fails."""
    results = {}
    for number, result, error in side_by_side(trained, jobs, cores()):
        if error:
            raise RuntimeError(f"{jobs[number]}: {error}")
        results[jobs[number]] = result
        last = result["test"][-1]
        name, lr, seed = jobs[number]
        print(f"{name}, lr={lr:g}, seed {seed}: rare {last['rare']:.3f}, frequent {last['frequent']:.3f}", flush=True)
    return results


def losses() -> dict[str, Any]:
    sweep = every([(name, lr, 0) for name, contender in CONTENDERS.items() for lr in contender.rates])
    chosen = {
        (name, words): min(contender.rates, key=lambda lr: _or_infinite(sweep[name, lr, 0]["validation"][-1][words]))
        for name, contender in CONTENDERS.items()
        for words in ("all", "rare")
    }
    wanted = dict.fromkeys((name, lr, seed) for (name, _), lr in chosen.items() for seed in SEEDS)
    runs = every(list(wanted))
    corpus = stdlib(WORDS)
    held_out = HeldOut(halves(corpus)[1])
    tables = skipgram.initialise(len(corpus.words), WIDTH)
    return {
        "words": {"train": len(corpus.train.ids), "held_out": len(corpus.held_out.ids)},
        "vocabulary": len(corpus.words),
        "rare_up_to": held_out.rare_up_to,
        "frequent_from": held_out.frequent_from,
        "pairs_to_report": held_out.pairs,
        "untrained": asdict(held_out.losses(tables)),
        "epochs": EPOCHS,
        "seeds": len(SEEDS),
        "contenders": {
            name: {
                "rule": contender.rule,
                "sparse": contender.sparse,
                "power": contender.power,
                "sweep": [{"lr": lr, **sweep[name, lr, 0]["validation"][-1]} for lr in contender.rates],
                **{f"chosen by {words}": of_seeds(runs, name, chosen[name, words]) for words in ("all", "rare")},
            }
            for name, contender in CONTENDERS.items()
        },
    }


def of_seeds(runs: dict[tuple[str, float, int], dict[str, Any]], name: str, lr: float) -> dict[str, Any]:
    """Means over the seeds, and their losses one by one."""
    seed_runs = [runs[name, lr, seed] for seed in SEEDS]
    parts = ("all", "rare", "frequent")
    return {
        "lr": lr,
        "first_epoch": {part: mean([run["test"][0][part] for run in seed_runs]) for part in parts},
        "last_epoch": {part: mean([run["test"][-1][part] for run in seed_runs]) for part in parts},
        "each": {part: [run["test"][-1][part] for run in seed_runs] for part in parts},
        "length": {part: mean([run["length"][part] for run in seed_runs]) for part in parts[1:]},
    }


def _or_infinite(loss: float) -> float:
    """A loss, with infinity in place of NaN: a run that diverged is the worst."""
    return math.inf if math.isnan(loss) else loss


def mean(values: list[float]) -> float:
    return float(np.mean(values))


def costs(rounds: int) -> dict[str, Any]:
    """Seconds of a step and bytes that it takes beside tables and state, by row-sparse and by dense gradients."""
    corpus = stdlib(10**9)
    generator = np.random.default_rng(0)
    keep, noise = skipgram.subsampling(corpus.counts, skipgram.THRESHOLD), skipgram.Noise(corpus.counts)
    centres, around = skipgram.pairs(corpus.train, keep, skipgram.WINDOW, generator)
    order = generator.permutation(len(centres))

    def stream(size: int) -> Iterator[tuple[Any, Any]]:
        for some, near in skipgram.batches(centres[order], around[order], size):
            yield some, noise.beside(near, skipgram.NEGATIVES, generator)

    record: dict[str, Any] = {"vocabulary": len(corpus.words), "width": WIDTH, "rounds": rounds, "batches": {}}
    for size in BATCHES:
        pairs = list(itertools.islice(stream(size), 2 * rounds))
        touched = [len(np.unique(some)) + len(np.unique(others)) for some, others in pairs]
        rows = {name: cost(contender, len(corpus.words), pairs) for name, contender in CONTENDERS.items()}
        share = float(np.median(touched)) / (2 * len(corpus.words))
        record["batches"][str(size)] = {"share_of_rows": share, "contenders": rows}
    return record


def cost(contender: Contender, words: int, pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    learners = {
        name: Learner(
            skipgram.initialise(words, WIDTH), contender.rule, gradients, contender.power, lr=contender.middle
        )
        for name, gradients in (("row_sparse", contender.sparse), ("dense", "dense"))
    }
    for batch in pairs:
        for learner in learners.values():
            learner.step(*batch)
    half = len(pairs) // 2  # Rows have fallen behind as far as they will.
    times = {name: learner.seconds[half:] for name, learner in learners.items()}
    times["making_dense"] = learners["dense"].making[half:]
    whole = [a + b for a, b in zip(times["dense"], times["making_dense"], strict=True)]
    return {
        "seconds": {name: asdict(measure.spread(values)) for name, values in times.items()},
        "times_as_fast": asdict(measure.ratio(whole, times["row_sparse"])),
        "times_as_fast_without_making": asdict(measure.ratio(times["dense"], times["row_sparse"])),
        "bytes": {name: peak(learner, pairs[-1]) for name, learner in learners.items()},
    }


def peak(learner: Learner, batch: tuple[Any, Any]) -> int:
    """The most bytes that a step has allocated at once, with those of the model's forward and backward."""
    tracemalloc.start()
    try:
        learner.step(*batch)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result = {"costs": costs(given.rounds), "losses": losses()}
    for size, batch in result["costs"]["batches"].items():
        for name, row in batch["contenders"].items():
            milliseconds = {kind: round(values["median"] * 1e3, 3) for kind, values in row["seconds"].items()}
            print(f"{size} pairs, {name}: {milliseconds} ms, {row['bytes']} bytes")
    if given.json:
        measure.write(given.json, finite(result))


if __name__ == "__main__":
    main()
