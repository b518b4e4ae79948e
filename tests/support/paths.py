"""The path of a parameter from step to step, and how far two paths are apart."""

from collections.abc import Iterable
from typing import Any

import numpy as np

Path = list[np.ndarray]


def path_of(optimizer: Any, parameter: np.ndarray, grads: Iterable[Any]) -> Path:
    """The parameter after each step of an optimizer that updates it."""
    path = []
    for grad in grads:
        optimizer.step(grad)
        path.append(parameter.copy())
    return path


def relative(ours: Path, theirs: Path) -> np.ndarray:
    """The difference of every weight at every step, relative to the largest that the weight has been by then.

    A weight is a sum, and a sum's rounding errors are relative to its largest partial sum, not to what it comes to.
    """
    a, b = np.array(ours), np.array(theirs)
    assert a.shape == b.shape
    assert np.all(np.isfinite(a) & np.isfinite(b))
    size = np.maximum.accumulate(abs(b), axis=0)
    difference: np.ndarray = abs(a - b) / np.where(size == 0, 1.0, size)
    return difference
