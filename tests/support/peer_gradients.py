"""Gradients on which a rule is compared with a peer's, and how near they have to be."""

from typing import Any

import numpy as np

TOLERANCE = 1e-12


def random(generator: Any, shape: Any) -> Any:
    return generator.standard_normal(shape)


def sparse(generator: Any, shape: Any) -> Any:
    return np.where(generator.random(shape) < 0.1, generator.standard_normal(shape), 0.0)


def alternating(generator: Any, shape: Any) -> Any:
    high = 100 * generator.standard_normal(shape)
    high[1::2] = 0.0
    return high


def extreme(generator: Any, shape: Any) -> Any:
    """Each weight on a scale of its own, from far below every eps to far above."""
    return generator.standard_normal(shape) * 10.0 ** generator.uniform(-10, 4, shape[1])


KINDS = (random, sparse, alternating, extreme)


COUNT = 32
