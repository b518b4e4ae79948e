"""The functions of elements that a formula calls: the same names on Python numbers, on arrays and on symbols.

A Python number stays a Python number. `np.sqrt(2.0)` is an `np.float64`, which turns float32 arrays into float64
(NEP 50); `sqrt(2.0)` from here is a `float`, which does not.
"""

from typing import Any

from .operations import OPERATIONS
from .trace import Symbol


def _apply(name: str, *operands: Any) -> Any:
    for operand in operands:
        if isinstance(operand, Symbol):
            return operand.trace.apply(name, *operands)
    operation = OPERATIONS[name]
    if all(isinstance(operand, bool | int | float) for operand in operands):
        return operation.host(*operands)
    return operation.array(*operands)


def sqrt(x: Any) -> Any:
    """Square root, correctly rounded; NaN for a negative number."""
    return _apply("sqrt", x)


def sign(x: Any) -> Any:
    """-1, 0 or 1; NaN for NaN; the sign of -0.0 is 0.0."""
    return _apply("sign", x)


def exp(x: Any) -> Any:
    """e to the power x. Of an array, it voids the rule's promise of equal bits."""
    return _apply("exp", x)


def log(x: Any) -> Any:
    """Natural logarithm. Of an array, it voids the rule's promise of equal bits."""
    return _apply("log", x)


def minimum(a: Any, b: Any) -> Any:
    """The smaller of two; NaN if either is; of two zeros the second."""
    return _apply("minimum", a, b)


def maximum(a: Any, b: Any) -> Any:
    """The larger of two; NaN if either is; of two zeros the second."""
    return _apply("maximum", a, b)


def where(condition: Any, a: Any, b: Any) -> Any:
    """`a` where the condition holds, else `b`. Both sides are evaluated."""
    return _apply("where", condition, a, b)
