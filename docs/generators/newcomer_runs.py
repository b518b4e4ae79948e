"""The runs of the page on newcomers: every rule on three tasks, tuned on one grid of rates and decays.

The rates are half-decades. The decay is told as the share that it takes from the weights in a whole run, share / steps
at each step, whatever the rate: as a multiple of the rate it would be strong for SGD and next to nothing for Lion.
Each rule first tries every rate without decay, then each decay at the best rate and its two neighbours. Rate, decay and
first rate of a cosine are those of the least mean loss on the validation data over the seeds of TUNING; the figures are
losses on the test data, with the seeds of FINAL.
"""

import contextlib
import math
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import fastopt
from fastopt import schedules
from fastopt.kernels import RULES
from fastopt.train.digits import data as digits
from fastopt.train.digits import network
from fastopt.train.words import skipgram
from fastopt.train.words.corpus import halves, stdlib
from fastopt.train.words.held_out import HeldOut

RATES = tuple(float(f"{10 ** (k / 2):.2g}") for k in range(-11, 5))
SHARES = (0.1, 1.0)
TUNING, FINAL = (101, 102, 103), (1, 2, 3, 4, 5)
TRIALS = len(RATES) + 3 * len(SHARES)
# Rules that are to find their rate themselves, and what they are given: lr is a factor of it, or its upper bound.
FREE: dict[str, tuple[str, dict[str, Any]]] = {
    "cocob": ("cocob", {}),
    **{
        rule: (rule, {"lr": 1.0})
        for rule in ("dadapt_sgd", "dadapt_adam", "dog", "dowg", "prodigy", "polyak_sgd", "momo", "momo_adam")
    },
    "dog, averaged": ("dog", {"lr": 1.0, "ema": 0.99}),
    "momo_adam, lr=0.01": ("momo_adam", {"lr": 0.01}),
}
TUNED = tuple(rule for rule in RULES if rule not in FREE)
# As the library has them, for a user who does not tune.
DEFAULTS = ("momentum", "adam", "schedule_free_sgd", "schedule_free_adamw", "schedule_free_radam")
# These are annealed too, beside the BEST that keep no average.
YARDSTICKS, BEST = ("sgd", "momentum", "adam"), 5

Part = tuple[Any, Any]


class Network:
    """A network of the task of the digits, on instances of which TEST are the same for every seed.

    load: inputs and targets of training and validation, then of the test. linear: outputs without softmax, whose loss
    is half the squared error.
    """

    def __init__(
        self, load: Callable[[], tuple[Part, Part]], hidden: tuple[int, ...], batch: int, epochs: int, linear: bool
    ) -> None:
        (self.x, self.y), self.test = load()
        self.sizes, self.batch, self.epochs, self.linear = (
            (self.x.shape[1], *hidden, self.y.shape[1]),
            batch,
            epochs,
            linear,
        )
        self.held_out = len(self.test[0])
        self.train = len(self.x) - self.held_out
        self.steps = epochs * -(-self.train // batch)
        self.facts = {"instances": self.train, "held_out": self.held_out, "sizes": self.sizes, "epochs": epochs}

    def initialise(self, seed: int) -> Any:
        return network.initialise(self.sizes, seed=seed)

    def _parts(self, seed: int) -> tuple[Any, Any, np.random.Generator]:
        """What is trained with, what validates, and the generator that chose them."""
        generator = np.random.default_rng(seed)
        order = generator.permutation(len(self.x))
        return order[self.held_out :], order[: self.held_out], generator

    def batches(self, seed: int) -> Iterator[Any]:
        train, _, generator = self._parts(seed)
        for _ in range(self.epochs):
            order = generator.permutation(train)
            yield from (order[first : first + self.batch] for first in range(0, len(order), self.batch))

    def gradient(self, params: Any, batch: Any) -> tuple[float, Any]:
        a, h = network.forward(params, self.x[batch])
        y = self.y[batch]
        # Softmax with cross-entropy, and the identity with half the squared error, have the same derivative.
        grads = network.backward(params, [*h[:-1], a[-1]] if self.linear else h, y)
        return self._loss(a[-1], y), grads

    def _loss(self, a: Any, y: Any) -> float:
        return float(((a - y) ** 2).sum() / (2 * len(a)) if self.linear else network.cross_entropy(a, y))

    def losses(self, params: Any, seed: int) -> dict[str, float]:
        train, validation, _ = self._parts(seed)
        parts = {"train": (self.x[train], self.y[train]), "test": self.test}
        parts["validation"] = self.x[validation], self.y[validation]
        outputs = {name: network.forward(params, x)[0][-1] for name, (x, _) in parts.items()}
        found = {name: self._loss(outputs[name], y) for name, (_, y) in parts.items()}
        return found if self.linear else found | {"accuracy": network.accuracy(outputs["test"], self.test[1])}


def load_digits() -> tuple[Part, Part]:
    return digits.load("float32", np.random.default_rng(0))


def load_diabetes() -> tuple[Part, Part]:
    """Ten measurements of each of 442 patients, and how their diabetes went on, all in standard deviations."""
    from sklearn.datasets import load_diabetes as load

    x, y = load(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = (((one - one.mean(0)) / one.std(0)).astype("float32")[order] for one in (x, y[:, None]))
    tests = len(x) // 5
    return (x[tests:], y[tests:]), (x[:tests], y[:tests])


class Words:
    """Word vectors, by dense gradients of the summed loss of a batch's pairs."""

    words, width, batch, epochs = 20_000, 16, 512, 3

    def __init__(self) -> None:
        self.corpus = stdlib(self.words)
        self._keep = skipgram.subsampling(self.corpus.counts, skipgram.THRESHOLD)
        self._noise = skipgram.Noise(self.corpus.counts)
        self._validation, self._test = map(HeldOut, halves(self.corpus))
        self.steps = len(list(self.batches(FINAL[0])))
        self.facts = {
            "words": len(self.corpus.train.ids),
            "held_out": len(self.corpus.held_out.ids),
            "vocabulary": len(self.corpus.words),
            "width": self.width,
            "epochs": self.epochs,
        }

    def initialise(self, seed: int) -> Any:
        return skipgram.initialise(len(self.corpus.words), self.width, seed=seed)

    def batches(self, seed: int) -> Iterator[Any]:
        generator = np.random.default_rng(seed)
        pairs = skipgram.pairs(self.corpus.train, self._keep, skipgram.WINDOW, generator)
        for _ in range(self.epochs):
            order = generator.permutation(len(pairs[0]))
            for centres, around in skipgram.batches(pairs[0][order], pairs[1][order], self.batch):
                yield centres, self._noise.beside(around, skipgram.NEGATIVES, generator)

    def gradient(self, tables: Any, batch: Any) -> tuple[float, Any]:
        v, u, scores = skipgram.forward(tables, *batch)
        grads = skipgram.backward(*batch, v, u, scores)
        return float(skipgram.losses(scores).sum()), {k: grad.dense(tables[k].shape) for k, grad in grads.items()}

    def losses(self, tables: Any, seed: int) -> dict[str, float]:
        return {"validation": self._validation.losses(tables).all, "test": self._test.losses(tables).all}


TASKS: dict[str, Callable[[], Any]] = {
    "digits": lambda: Network(load_digits, (32,), batch=32, epochs=12, linear=False),
    "words": Words,
    "diabetes": lambda: Network(load_diabetes, (32, 16), batch=16, epochs=30, linear=True),
}


@dataclass(frozen=True)
class Setting:
    """What a rule is given beside the parameters. share: of the weights, that decay takes in a run."""

    rule: str
    options: dict[str, Any]
    share: float = 0.0
    cosine: bool = False

    def optimizer(self, params: Any, steps: int) -> Any:
        options = dict(self.options)
        if "weight_decay" in RULES[self.rule].hyper:  # Adam's kin have their own, with a default.
            options["weight_decay"] = 0.0
        if self.share:
            options["weight_decay"] = self.share / (options["lr"] * steps)
            if "weight_decay" not in RULES[self.rule].hyper:
                options["decay"] = "decoupled"
        if self.cosine:
            options["lr"] = schedules.cosine(options["lr"], steps=steps)
        return fastopt.Optimizer(params, self.rule, **options)


def trained(task: Any, setting: Setting, seed: int) -> dict[str, float]:
    """The losses at the end of a run, of the average where there is any; infinite for a run that diverged."""
    params = task.initialise(seed)
    opt = setting.optimizer(params, task.steps)
    averaged = opt.rule.average is not None or "ema" in setting.options
    with np.errstate(all="ignore"):
        for batch in task.batches(seed):
            loss, grads = task.gradient(params, batch)
            if not math.isfinite(loss):
                break
            opt.step(grads, **opt.rule.told(loss))
        with opt.averaged() if averaged else contextlib.nullcontext():
            found = task.losses(params, seed)
    return {name: rounded(value) for name, value in found.items()}


def rounded(loss: float) -> float:
    """Five digits; infinity in place of NaN, as a run that diverged is the worst."""
    return float(f"{loss:.5g}") if math.isfinite(loss) else math.inf


def validated(task: Any, setting: Setting) -> float:
    """The mean of the validation losses; infinite if any run diverged."""
    return rounded(statistics.mean(trained(task, setting, seed)["validation"] for seed in TUNING))


def final(task: Any, setting: Setting) -> dict[str, list[float]]:
    """The losses of each final seed."""
    runs = [trained(task, setting, seed) for seed in FINAL]
    return {name: [run[name] for run in runs] for name in runs[0] if name != "validation"}


def untuned(task: Any, setting: Setting) -> dict[str, Any]:
    return {"validation": validated(task, setting), **final(task, setting)}


def around(best: int, of: int) -> range:
    """Three places, the best in the middle unless it is at an edge."""
    first = min(max(best - 1, 0), of - 3)
    return range(first, first + 3)


def least(losses: Iterable[float]) -> int:
    losses = list(losses)
    return losses.index(min(losses))


def tuned(task: Any, rule: str) -> dict[str, Any]:
    """The best rate and decay of a rule in TRIALS trials, and its final losses."""
    sweep = [validated(task, Setting(rule, {"lr": lr})) for lr in RATES]
    found = {(lr, 0.0): loss for lr, loss in zip(RATES, sweep, strict=True)}
    for k in around(least(sweep), len(RATES)):
        for share in SHARES:
            found[RATES[k], share] = validated(task, Setting(rule, {"lr": RATES[k]}, share))
    assert len(found) == TRIALS
    lr, share = min(found, key=found.__getitem__)
    losses = final(task, Setting(rule, {"lr": lr}, share))
    return {"lr": lr, "share": share, "validation": found[lr, share], "sweep": sweep, **losses}


def annealed(task: Any, rule: str, share: float) -> dict[str, Any]:
    """The same from the best first rate of a cosine, with a decay that is given."""
    sweep = [validated(task, Setting(rule, {"lr": lr}, share, cosine=True)) for lr in RATES]
    lr = RATES[least(sweep)]
    losses = final(task, Setting(rule, {"lr": lr}, share, cosine=True))
    return {"lr": lr, "share": share, "validation": min(sweep), "sweep": sweep, **losses}


def measured(name: str, rules: Iterable[str] = TUNED) -> dict[str, Any]:
    """All figures of a task."""
    task = TASKS[name]()
    runs: dict[str, Any] = {name: {} for name in ("free", "free, cosine", "default", "tuned", "rate alone", "cosine")}

    def kept(kind: str, contender: str, found: dict[str, Any]) -> None:
        runs[kind][contender] = found
        chosen = "".join(f", {key}={found[key]:g}" for key in ("lr", "share") if key in found)
        print(f"{name}, {kind}: {contender}{chosen}: {statistics.mean(found['test']):.4f}", flush=True)

    for contender, (rule, options) in FREE.items():
        kept("free", contender, untuned(task, Setting(rule, options)))
        if "lr" in options:
            kept("free, cosine", contender, untuned(task, Setting(rule, options, cosine=True)))
    for rule in DEFAULTS:
        kept("default", rule, untuned(task, Setting(rule, {"lr": RULES[rule].hyper["lr"]})))
    for rule in rules:
        kept("tuned", rule, tuned(task, rule))
    for rule in YARDSTICKS:
        if rule in runs["tuned"]:
            lr = RATES[least(runs["tuned"][rule]["sweep"])]
            kept("rate alone", rule, {"lr": lr, **final(task, Setting(rule, {"lr": lr}))})
    order = sorted(runs["tuned"], key=lambda rule: runs["tuned"][rule]["validation"])
    best = [rule for rule in order if RULES[rule].average is None][:BEST]
    for rule in dict.fromkeys((*best, *YARDSTICKS)):
        if rule in runs["tuned"]:
            kept("cosine", rule, annealed(task, rule, runs["tuned"][rule]["share"]))
    untrained = statistics.mean(task.losses(task.initialise(seed), seed)["test"] for seed in FINAL)
    return {"steps": task.steps, "untrained": rounded(untrained), **task.facts, **runs}


def facts() -> dict[str, Any]:
    """What holds for all tasks."""
    return {
        "rates": RATES,
        "shares": SHARES,
        "trials": TRIALS,
        "seeds": {"tuning": len(TUNING), "final": len(FINAL)},
        "yardsticks": YARDSTICKS,
        "best": BEST,
    }
