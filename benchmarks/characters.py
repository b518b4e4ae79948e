"""A small model of the characters of the standard library's source, in plain NumPy: which comes after twelve others."""

import functools
import itertools
from typing import Any

import numpy as np

from fastopt.train.words import corpus

CONTEXT, WIDTH, HIDDEN, CHARACTERS = 12, 24, 192, 96
LENGTH, BATCH, STEPS, LAST = 400_000, 128, 1500, 300


@functools.cache
def text() -> Any:
    """Characters as numbers: those of ASCII that can be seen; others are the first."""
    joined = "".join(one[:20_000] for one in itertools.islice(corpus.texts(), 200))
    codes = np.frombuffer(joined.encode("ascii", "replace"), np.uint8)[:LENGTH].astype(np.int64) - 31
    return np.where((codes >= 0) & (codes < CHARACTERS), codes, 0)


def initialise(seed: int) -> dict[str, Any]:
    """Uniform by the number of inputs, as of He et al. 2015, with no biases at first."""
    generator = np.random.default_rng(seed)

    def uniform(*shape: int) -> Any:
        bound = np.sqrt(6 / shape[0]) if shape[0] != CHARACTERS else 1.0
        return generator.uniform(-bound, bound, shape).astype("float32")

    return {
        "embedding": uniform(CHARACTERS, WIDTH),
        "hidden": uniform(CONTEXT * WIDTH, HIDDEN),
        "bias": np.zeros(HIDDEN, "float32"),
        "output": uniform(HIDDEN, CHARACTERS) * 0.1,
    }


def loss_and_gradients(params: dict[str, Any], contexts: Any, following: Any) -> tuple[float, dict[str, Any]]:
    """The mean cross entropy of a batch, and its gradients."""
    inputs = params["embedding"][contexts].reshape(len(contexts), -1)
    hidden = np.maximum(inputs @ params["hidden"] + params["bias"], 0)
    scores = hidden @ params["output"]
    scores -= scores.max(axis=1, keepdims=True)
    odds = np.exp(scores)
    total = odds.sum(axis=1, keepdims=True)
    rows = np.arange(len(following))
    loss = float(np.mean(np.log(total[:, 0]) - scores[rows, following]))
    errors = odds / total
    errors[rows, following] -= 1
    errors /= len(following)
    back = (errors @ params["output"].T) * (hidden > 0)
    embedding = np.zeros_like(params["embedding"])
    np.add.at(embedding, contexts.reshape(-1), (back @ params["hidden"].T).reshape(-1, WIDTH))
    return loss, {
        "embedding": embedding,
        "hidden": inputs.T @ back,
        "bias": back.sum(axis=0),
        "output": hidden.T @ errors,
    }
