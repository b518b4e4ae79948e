"""Word vectors of the standard library's source, with any rule: two tables of which each step touches some rows."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from ...kernels import Rule
from ...measure.bits import same_bits
from ...optimizer.optimizer import Optimizer
from ...schedules.arguments import one_of
from . import skipgram
from .corpus import Corpus, stdlib
from .held_out import HeldOut, Losses
from .learner import GRADIENTS, Learner

WORDS = 400_000
WIDTH = 64
COMPARED = 30  # steps that are made with dense gradients too
EXAMPLES = ("error", "file", "socket", "thread", "complex", "json", "month")


@dataclass(frozen=True)
class Epoch:
    """One pass over the pairs. loss: the mean of their losses, as the tables learnt. held_out: losses of the held-out
    text after the pass. seconds: of the pass."""

    number: int
    loss: float
    held_out: Losses
    seconds: float


@dataclass(frozen=True)
class Summary:
    """The results of a run.

    start, end: losses of the held-out text. step_seconds: the median of a step, with the time that brings rows up to
    date; dense_seconds: of a step with dense gradients, with their making. gradient_bytes, dense_bytes: the sizes of
    the largest step's gradients. same_bits: whether the first steps, `compared` in number, gave the bits of dense
    gradients; None where that is not promised.
    """

    start: Losses
    end: Losses
    steps: int
    step_seconds: float
    dense_seconds: float
    gradient_bytes: int
    dense_bytes: int
    same_bits: bool | None
    compared: int


class Training:
    """The text, the tables and the optimizer that trains them.

    rule: a Rule or its name. lr: None leaves the rule's own default. sparse: "exact" or "lazy", what the optimizer
    does with row-sparse gradients, or "dense", which makes dense ones of them. words: how many of the text are read.
    seed: chooses the tables, the pairs, their order and the noise. corpus: another text than the standard library's.
    compared: the number of steps that are made with dense gradients too. power: of a sparsity factor; with it rows
    catch up by the present rates, so that no bits are compared. Raises ValueError or TypeError for bad input.
    """

    def __init__(
        self,
        rule: Rule | str = "adagrad",
        *,
        lr: float | None = None,
        epochs: int = 3,
        batch_size: int = 512,
        sparse: str = "exact",
        words: int = WORDS,
        dtype: str = "float32",
        seed: int = 0,
        corpus: Corpus | None = None,
        compared: int = COMPARED,
        power: float | None = None,
    ) -> None:
        limits = (("epochs", epochs, 1), ("batch size", batch_size, 1), ("words", words, 1), ("seed", seed, 0))
        for name, value, least in limits:
            if value < least:
                raise ValueError(f"{name} must be {least} or more; got {value}")
        one_of("sparse", sparse, list(GRADIENTS))
        one_of("dtype", dtype, ("float32", "float64"))
        self.epochs, self.batch_size, self.sparse, self.dtype, self.seed = epochs, batch_size, sparse, dtype, seed
        given: dict[str, Any] = {} if lr is None else {"lr": lr}
        # An optimizer of one element, so that errors in the rule are raised before the text is read.
        Optimizer(np.zeros((1, 1), dtype), rule, **given)
        self.corpus = corpus or stdlib(words)
        self.held_out, self._noise = HeldOut(self.corpus), skipgram.Noise(self.corpus.counts)
        self.tables, others = (
            skipgram.initialise(len(self.corpus.words), WIDTH, dtype=dtype, seed=seed) for _ in range(2)
        )
        self.learner = Learner(self.tables, rule, sparse, power, **given)
        self._twin = Learner(others, rule, "dense", power, **given)
        self._compared, self._promised = compared, sparse == "exact" and power is None
        self._same: bool | None = None
        self.rule = self.learner.optimizer.rule
        self.hyper = self.rule.bind(given)
        self._generator = np.random.default_rng(seed)
        keep = skipgram.subsampling(self.corpus.counts, skipgram.THRESHOLD)
        self.pairs = skipgram.pairs(self.corpus.train, keep, skipgram.WINDOW, self._generator)
        self.start = self.end = self.held_out.losses(self.tables)

    @property
    def steps(self) -> int:
        """The number of optimizer steps in the whole run."""
        return self.epochs * math.ceil(len(self.pairs[0]) / self.batch_size)

    def run(self, on_step: Callable[[], None] = lambda: None) -> Iterator[Epoch]:
        """Train, and yield each epoch at its end; on_step is called after each step."""
        for number in range(1, self.epochs + 1):
            start = time.perf_counter()
            with np.errstate(all="ignore"):  # A rate that is too high overflows, and the losses show it.
                loss = self._epoch(on_step)
                optimizer = self.learner.optimizer
                optimizer.flush()
                # A rule that keeps an average is judged by that.
                with optimizer.averaged() if self.rule.average else contextlib.nullcontext():
                    self.end = self.held_out.losses(self.tables)
            yield Epoch(number, loss, self.end, time.perf_counter() - start)

    def _epoch(self, on_step: Callable[[], None]) -> float:
        order = self._generator.permutation(len(self.pairs[0]))
        total = 0.0
        for centres, around in skipgram.batches(self.pairs[0][order], self.pairs[1][order], self.batch_size):
            others = self._noise.beside(around, skipgram.NEGATIVES, self._generator)
            total += float(self.learner.step(centres, others).sum(dtype="float64"))
            self._compare(centres, others)
            on_step()
        return total / len(order)

    def _compare(self, centres: Any, others: Any) -> None:
        """Make the first steps with dense gradients too; after the last of these, compare the tables."""
        done = len(self.learner.seconds)
        if done > self._compared:
            return
        self._twin.step(centres, others)
        if self._promised and done in (self._compared, self.steps):
            self.learner.optimizer.flush()
            self._same = all(same_bits(table, self._twin.tables[name]) for name, table in self.tables.items())

    def examples(self) -> list[tuple[str, int, list[tuple[str, float]]]]:
        """Some words, how often they stand in the text to train with, and their neighbours."""
        words = self.corpus.words
        chosen = list(dict.fromkeys((*(word for word in EXAMPLES if word in words), *words)))[: len(EXAMPLES)]
        return [(word, int(self.corpus.counts[words.index(word)]), self.neighbours(word)) for word in chosen]

    def neighbours(self, word: str, count: int = 5) -> list[tuple[str, float]]:
        """The words whose vectors are nearest to that of `word`, with the cosines of the angles between the vectors.

        Raises ValueError for an unknown word.
        """
        words = self.corpus.words
        if word not in words:
            raise ValueError(f"{word!r} is not among the {len(words):,} words that stand often enough in the text")
        nearest = skipgram.neighbours(self.tables["input"], words.index(word), count)
        return [(words[k], cosine) for k, cosine in nearest]

    def summary(self) -> Summary:
        """The results of the run; call it after `run` has ended."""
        # The first step compiles.
        own, dense = (
            [*map(sum, zip(learner.seconds, learner.making, strict=True))][1:] for learner in (self.learner, self._twin)
        )
        return Summary(
            start=self.start,
            end=self.end,
            steps=len(self.learner.seconds),
            step_seconds=median(own or [math.nan]),
            dense_seconds=median(dense or [math.nan]),
            gradient_bytes=self.learner.bytes,
            dense_bytes=self._twin.bytes,
            same_bits=self._same,
            compared=min(self._compared, self.steps),
        )
