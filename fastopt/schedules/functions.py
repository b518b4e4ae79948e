"""The functions that a schedule's formula calls, with equal bits on a float and on an array of floats.

A float stays a Python float, which costs a tenth of NumPy's scalars, and an array gets the bits of its elements one by
one: NumPy's own powers and exponentials, and on some machines its cosines, differ from the C library's in the last bit,
so they are not used.
"""

import bisect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def each(function: Callable[[float], float], x: Any) -> Any:
    """Apply a function of a float to a float, or to every element of an array."""
    if type(x) is float:
        return function(x)
    return np.fromiter(map(function, x.ravel().tolist()), float, x.size).reshape(x.shape)


def cos(x: Any) -> Any:
    """Cosine."""
    return math.cos(x) if type(x) is float else each(math.cos, x)


def exp(x: Any) -> Any:
    """e to the power x; infinite, not an error, beyond the floats."""
    return each(_exp, x)


def log(x: Any) -> Any:
    """Natural logarithm of a positive number."""
    return each(math.log, x)


def sqrt(x: Any) -> Any:
    """Square root, correctly rounded; NaN of a negative number."""
    return each(_sqrt, x)


def power(base: Any, exponent: Any) -> Any:
    """base to the power exponent, either of which may be an array."""
    if type(base) is float and type(exponent) is float:
        return _power(base, exponent)
    bases, exponents = np.broadcast_arrays(base, exponent)
    pairs = map(_power, bases.ravel().tolist(), exponents.ravel().tolist())
    return np.fromiter(pairs, float, bases.size).reshape(bases.shape)


def divide(a: Any, b: Any) -> Any:
    """a / b; by zero infinite or NaN, as in NumPy, and no error."""
    if type(b) is float and b == 0.0 and type(a) is float:
        return math.nan if a == 0.0 or a != a else math.copysign(math.inf, a) * math.copysign(1.0, b)
    return a / b


def floor(x: Any) -> Any:
    """The largest whole number that is not above x, as a float."""
    return x // 1.0


def minimum(a: Any, b: float) -> Any:
    """The smaller of two values."""
    if type(a) is float:
        return a if a < b else b
    return np.minimum(a, b)


def maximum(a: Any, b: float) -> Any:
    """The larger of two values."""
    if type(a) is float:
        return a if a > b else b
    return np.maximum(a, b)


def where(condition: Any, a: Any, b: Any) -> Any:
    """`a` where the condition holds, else `b`. Both sides are evaluated."""
    if type(condition) is bool:
        return a if condition else b
    return np.where(condition, a, b)


def passed(boundaries: Sequence[float], t: Any) -> Any:
    """How many of the ascending boundaries t has reached."""
    if type(t) is float:
        return bisect.bisect_right(boundaries, t)
    return np.searchsorted(boundaries, t, side="right")


def take(values: Sequence[float], index: Any) -> Any:
    """The value at an index, or an array of the values at an array of indices."""
    return values[index] if type(index) is int else np.asarray(values)[index]


def route(formulas: Sequence[Callable[[Any], Any]], boundaries: Sequence[float], t: Any) -> Any:
    """The value at t of the formula for t, which counts from its own boundary; no other formula is evaluated."""
    index = passed(boundaries, t)
    if type(t) is float:
        return formulas[index](t - boundaries[index - 1] if index else t)
    result = np.empty(t.shape)
    for number, formula in enumerate(formulas):
        if (here := index == number).any():
            result[here] = formula(t[here] - (boundaries[number - 1] if number else 0.0))
    return result


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _sqrt(x: float) -> float:
    return math.sqrt(x) if x >= 0 else math.nan


def _power(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan
