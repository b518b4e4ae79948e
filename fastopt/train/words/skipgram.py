"""Word vectors: the skip-gram model with negative sampling, Mikolov et al. 2013, arXiv:1310.4546.

Each word has a row in two tables: "input" for when it is in the centre, "output" for when it is near the centre. Words
are numbers. `centres` has the shape (pairs,); `others` has (pairs, 1 + negatives): the word that stood near the centre,
then words drawn as noise.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...kernels.arrays.row_sparse import RowSparse
from .corpus import Text

Tables = dict[str, Any]

WINDOW, NEGATIVES = 5, 5  # words on either side, and of noise for each of them
THRESHOLD = 1e-3  # of subsampling: larger than the paper's, as the text is smaller


def initialise(words: int, width: int, *, dtype: Any = "float32", seed: int = 0) -> Tables:
    """New tables of shape (words, width): input uniform, from -1/2 to 1/2 over the width, output zero, as word2vec."""
    values = np.random.default_rng(seed).random((words, width))
    return {"input": ((values - 0.5) / width).astype(dtype), "output": np.zeros((words, width), dtype)}


def forward(tables: Tables, centres: Any, others: Any) -> tuple[Any, Any, Any]:
    """The rows of the centres and of the others, and the score of each pair, their scalar product.

    Shapes: (pairs, width), (pairs, 1 + negatives, width), (pairs, 1 + negatives).
    """
    v, u = tables["input"].take(centres, 0), tables["output"].take(others, 0)
    return v, u, (u @ v[:, :, None])[:, :, 0]


def losses(scores: Any) -> Any:
    """The loss of each pair, equation 4 of the paper with its sign changed: -log s(first) - sum of log s(-noise), where
    s is the logistic function."""
    signed = scores.copy()
    signed[:, 0] *= -1
    return np.logaddexp(0, signed).sum(axis=1)


def backward(centres: Any, others: Any, v: Any, u: Any, scores: Any) -> dict[str, RowSparse]:
    """The gradients of the summed loss of the pairs: a row for each time that a word stands in them.

    The loss is a sum and not a mean, so that a pair's gradient for a rare word does not depend on the number of pairs.
    """
    errors = 0.5 * np.tanh(0.5 * scores) + 0.5  # The logistic function by tanh, since exp(-x) overflows.
    errors[:, 0] -= 1
    to_v = (errors[:, None, :] @ u)[:, 0]
    to_u = errors[:, :, None] * v[:, None, :]
    return {
        "input": RowSparse(centres, to_v),
        "output": RowSparse(others.reshape(-1), to_u.reshape(-1, v.shape[1])),
    }


def pairs(text: Text, keep: Any, window: int, generator: np.random.Generator) -> tuple[Any, Any]:
    """Centres and the words around them, in the order of the text.

    keep: the probability of each word to stay. The words that stay reach up to `window` neighbours of their paragraph,
    by a number drawn for each, as in word2vec.
    """
    stays = generator.random(len(text.ids)) < keep[text.ids]
    ids, places = text.ids[stays], text.paragraphs[stays]
    reach = generator.integers(1, window, len(ids), endpoint=True)
    centres, around = [], []
    for distance in range(1, window + 1):
        together = places[distance:] == places[:-distance]
        for centre, neighbour in (
            (slice(None, -distance), slice(distance, None)),
            (slice(distance, None), slice(None, -distance)),
        ):
            chosen = together & (reach[centre] >= distance)
            centres.append(ids[centre][chosen])
            around.append(ids[neighbour][chosen])
    return np.concatenate(centres), np.concatenate(around)


def subsampling(counts: Any, threshold: float) -> Any:
    """The probability of each word to stay, sqrt(threshold / frequency): equation 5."""
    return np.minimum(1, np.sqrt(threshold * counts.sum() / counts))


class Noise:
    """Draws words with probabilities as their counts to the power 3/4: section 2.2."""

    def __init__(self, counts: Any) -> None:
        self._ends = np.cumsum(counts**0.75)
        self._ends /= self._ends[-1]

    def beside(self, words: Any, negatives: int, generator: np.random.Generator) -> Any:
        """`others`: the words, each with `negatives` words drawn as noise after it."""
        drawn = np.searchsorted(self._ends, generator.random((len(words), negatives)), side="right")
        return np.column_stack((words, drawn))


def batches(first: Any, second: Any, size: int) -> Iterator[tuple[Any, Any]]:
    """Two arrays of one length in pieces of a size; the last may be shorter."""
    for start in range(0, len(first), size):
        yield first[start : start + size], second[start : start + size]


def neighbours(table: Any, word: int, count: int) -> list[tuple[int, float]]:
    """The words of the most similar rows, and the cosines of the angles between."""
    lengths = np.sqrt((table.astype("float64") ** 2).sum(axis=1))
    cosines = (table @ table[word]) / np.maximum(lengths * lengths[word], np.finfo("float64").tiny)
    cosines[word] = -np.inf
    order = np.argsort(-cosines, kind="stable")[:count]
    return [(int(k), float(cosines[k])) for k in order]
