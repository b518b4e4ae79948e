"""Shapes, by which a value goes from one level to another: each falls from 1 to 0 while x goes from 0 to 1."""

import math
from collections.abc import Callable
from typing import Any

from .arguments import one_of
from .functions import cos, each, minimum, power, sqrt

Shape = Callable[[Any], Any]


def linear(x: Any) -> Any:
    return 1.0 - x


def cosine(x: Any) -> Any:
    return 0.5 * (1.0 + cos(math.pi * x))


def root(x: Any) -> Any:
    """Hägele et al. 2024, arXiv:2405.18392: 1 - sqrt(x)."""
    return 1.0 - sqrt(x)


def rex(x: Any) -> Any:
    """Chen, Wolfe & Kyrillidis 2022, arXiv:2107.04197, section 3: (1 - x) / (1/2 + (1 - x)/2)."""
    return (1.0 - x) / (0.5 + 0.5 * (1.0 - x))


SHAPES: dict[str, Shape] = {"linear": linear, "cosine": cosine, "sqrt": root, "rex": rex}


def shape_of(name: str, given: Any) -> Shape:
    """The shape of a name, or of a function from 0 to 1 which says what part of the way is done."""
    if callable(given):
        return lambda x: 1.0 - each(lambda one: float(given(one)), x)
    one_of(f"{name}, unless a function,", given, list(SHAPES))
    return SHAPES[given]


def raised(shape: Shape, exponent: float) -> Shape:
    """A shape to a power."""
    return shape if exponent == 1.0 else lambda x: power(shape(x), exponent)


def between(start: float, end: float, left: Any) -> Any:
    """The value with the part `left` of the way from start to end left: at 1 start and at 0 end, to the bit."""
    return start * left + end * (1.0 - left)


def annealed(start: float, end: float, steps: float, shape: Shape) -> Callable[[Any], Any]:
    """The formula from start, at t = 0, to end, at t = steps and after."""
    if start == end:
        return lambda t: 0.0 * t + start
    return lambda t: between(start, end, shape(minimum(t / steps, 1.0)))
