"""Steps of word vectors by row-sparse or by dense gradients, timed."""

import time
from typing import Any

from ...kernels import Rule
from ...optimizer.optimizer import Optimizer
from ...updater.behind import MODES
from ...updater.sparsity_factor import SparsityFactor
from . import skipgram

GRADIENTS = (*MODES, "dense")
SMALLEST = 1e-5  # the least rate of a sparsity factor, below that of any word that is seen


class Learner:
    """Two tables and their optimizer.

    gradients: "exact" or "lazy", how the optimizer takes row-sparse ones, or "dense", made of the same rows. power: of
    a sparsity factor for the rows of each table, from how often the word was among those that had a gradient.
    seconds: of each step, with the time that brings rows up to date before it; making: seconds of making each step's
    gradients dense. bytes: of the gradients of the largest step.
    """

    def __init__(
        self, tables: skipgram.Tables, rule: Rule | str, gradients: str, power: float | None = None, **hyper: Any
    ) -> None:
        self.tables, self.dense = tables, gradients == "dense"
        self._factors = {
            name: SparsityFactor(len(table), power=power, smallest=SMALLEST, dtype=table.dtype.name)
            for name, table in tables.items()
            if power is not None
        }
        mode = "exact" if self.dense else gradients
        self.optimizer = Optimizer(tables, rule, sparse=mode, lr_scale=self._factors or None, **hyper)
        self.seconds: list[float] = []
        self.making: list[float] = []
        self.bytes = 0

    def step(self, centres: Any, others: Any) -> Any:
        """One step by some pairs; returns their losses before it."""
        start = time.perf_counter()
        # A row that is behind must not be read: the gradient is that of the tables as dense steps leave them.
        self.optimizer.flush({"input": centres, "output": others})
        caught_up = time.perf_counter()
        v, u, scores = skipgram.forward(self.tables, centres, others)
        grads: dict[str, Any] = skipgram.backward(centres, others, v, u, scores)
        losses = skipgram.losses(scores)
        given = time.perf_counter()
        if self.dense:
            grads = {name: grad.dense(self.tables[name].shape) for name, grad in grads.items()}
        converted = time.perf_counter()
        for name, factor in self._factors.items():
            words = {"input": centres, "output": others.reshape(-1)}[name]
            factor.update((words, len(words)))
        # Of the sum, as the gradients are: MoMo and Polyak's step divide the one by the other.
        self.optimizer.step(grads, **self.optimizer.rule.told(float(losses.sum(dtype="float64"))))
        self.seconds.append(time.perf_counter() - converted + caught_up - start)
        self.making.append(converted - given)
        sizes = [g.nbytes if self.dense else g.values.nbytes + g.rows.nbytes for g in grads.values()]
        self.bytes = max(self.bytes, sum(sizes))
        return losses
