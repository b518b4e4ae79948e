"""The loss of word vectors on text that they do not learn from, of rare and of frequent words."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import skipgram
from .corpus import Corpus

RARE, FREQUENT = 0.25, 0.75  # quantiles of the words' counts


@dataclass(frozen=True)
class Losses:
    """Means of the loss over pairs: of all, and of those whose centre is a rare or a frequent word."""

    all: float
    rare: float
    frequent: float


class HeldOut:
    """The pairs of a text that is not trained on, drawn once, each with its own noise."""

    def __init__(self, corpus: Corpus) -> None:
        generator, keep = np.random.default_rng(0), skipgram.subsampling(corpus.counts, skipgram.THRESHOLD)
        self._centres, around = skipgram.pairs(corpus.held_out, keep, skipgram.WINDOW, generator)
        self._others = skipgram.Noise(corpus.counts).beside(around, skipgram.NEGATIVES, generator)
        counts = corpus.counts[self._centres]
        self.rare_up_to, self.frequent_from = np.quantile(corpus.counts, (RARE, FREQUENT))
        self._rare, self._frequent = counts <= self.rare_up_to, counts >= self.frequent_from

    @property
    def pairs(self) -> dict[str, int]:
        """The number of pairs, by the kind of their centre."""
        return {"all": len(self._centres), "rare": int(self._rare.sum()), "frequent": int(self._frequent.sum())}

    def losses(self, tables: skipgram.Tables) -> Losses:
        pieces = [
            skipgram.losses(skipgram.forward(tables, centres, others)[2])
            for centres, others in skipgram.batches(self._centres, self._others, 1024)
        ]
        each = np.concatenate(pieces or [np.empty(0)]).astype("float64")
        return Losses(*(_mean(part) for part in (each, each[self._rare], each[self._frequent])))


def _mean(values: Any) -> float:
    return float(values.mean()) if len(values) else math.nan
