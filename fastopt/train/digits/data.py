"""scikit-learn's bundled handwritten digits."""

import functools
from typing import Any

import numpy as np

FEATURES, CLASSES = 64, 10
TEST_SHARE = 0.2


def load(dtype: Any, generator: np.random.Generator) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """The digits in a random order: inputs and targets to train with, inputs and targets to test with.

    inputs: (instances, 64), from 0 to 1. targets: (instances, 10), one-hot.
    Raises ImportError without scikit-learn.
    """
    from sklearn.datasets import load_digits

    pixels, labels = _read(load_digits)
    order = generator.permutation(len(labels))
    x = (pixels[order] / 16).astype(dtype)
    y = np.eye(CLASSES, dtype=dtype)[labels[order]]
    tests = round(len(labels) * TEST_SHARE)
    return (x[tests:], y[tests:]), (x[:tests], y[:tests])


@functools.cache
def _read(load_digits: Any) -> Any:
    """Pixels and labels; kept, since reading them takes longer than an epoch."""
    return load_digits(return_X_y=True)
