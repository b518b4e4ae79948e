"""The grammar of a rule: every operation a formula may use, and what each means on numbers and on arrays."""

import math
import operator
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from .storages import CORRECTIONS, CUT, SCALES


def _no_number(*_: float) -> NoReturn:
    raise TypeError("only elements of arrays are stored")


def _host_sqrt(x: float) -> float:
    # where() evaluates both of its sides, so the root of a negative number must not raise (RAdam).
    return math.sqrt(x) if x >= 0 else math.nan


def _host_sign(x: float) -> float:
    return float((x > 0) - (x < 0)) if x == x else math.nan


def _host_exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _host_log(x: float) -> float:
    if x > 0:
        return math.log(x)
    return -math.inf if x == 0 else math.nan


def _host_power(x: float, y: float) -> float:
    result: float = x**y
    if isinstance(result, complex):
        raise ValueError(f"{x} ** {y} is a complex number")
    return result


def _host_maximum(a: float, b: float) -> float:
    return a if a > b or a != a else b


def _host_minimum(a: float, b: float) -> float:
    return a if a < b or a != a else b


def _host_where(condition: bool, a: float, b: float) -> float:
    return a if condition else b


def _second_zero_maximum(a: Any, b: Any) -> Any:
    return np.where((a > b) | (a != a), a, b)


def _second_zero_minimum(a: Any, b: Any) -> Any:
    return np.where((a < b) | (a != a), a, b)


# Of two zeros of opposite sign the second is the result. NumPy on x86-64 does that by itself.
_x86 = platform.machine().lower() in ("x86_64", "amd64")
_maximum = np.maximum if _x86 else _second_zero_maximum
_minimum = np.minimum if _x86 else _second_zero_minimum


@dataclass(frozen=True)
class Operation:
    """One operation of the grammar.

    host: its meaning on Python numbers; array: on NumPy and CuPy arrays.
    boolean: its result is a truth value; logical: so are its operands.
    exact: IEEE 754 or this grammar fixes every bit of the result, on any processor.

    What is stored in a type is in the graph too, as operations that no author writes:
    kept_in: the stored types with which the operation stays in a kernel, of the array that it makes a new value of, or
    reads first; with others it is its first operand. Empty for any.
    beside: its last operand is an array that a set has only where the operation stays.
    undoes: of the result of which operation it is which operand; "" for none.
    written_as: the stored type as which its result is written, in the place of that of the array.
    numbered: it follows from the number of the element and the mark of the array.
    scaled: its last operand is an array with one scale for each block of elements.
    of_block: "codes" or "scales" of all of a block of elements of its operand, which follow from the whole block.
    flushed: its result is not a denormal; None where that is as of its first operand.
    """

    host: Callable[..., Any]
    array: Callable[..., Any]
    arity: int = 2
    boolean: bool = False
    logical: bool = False
    exact: bool = True
    kept_in: tuple[str, ...] = ()
    beside: bool = False
    undoes: tuple[str, int] = "", 0
    written_as: str = ""
    numbered: bool = False
    scaled: bool = False
    of_block: str = ""
    flushed: bool | None = False


OPERATIONS: dict[str, Operation] = {
    "add": Operation(operator.add, np.add, flushed=True),
    "subtract": Operation(operator.sub, np.subtract, flushed=True),
    "multiply": Operation(operator.mul, np.multiply, flushed=True),
    "divide": Operation(operator.truediv, np.true_divide, flushed=True),
    "negative": Operation(operator.neg, np.negative, 1),
    "absolute": Operation(operator.abs, np.absolute, 1),
    "sqrt": Operation(_host_sqrt, np.sqrt, 1, flushed=True),
    "sign": Operation(_host_sign, np.sign, 1),
    "minimum": Operation(_host_minimum, _minimum),
    "maximum": Operation(_host_maximum, _maximum),
    "where": Operation(_host_where, np.where, 3),
    "less": Operation(operator.lt, np.less, boolean=True),
    "less_equal": Operation(operator.le, np.less_equal, boolean=True),
    "greater": Operation(operator.gt, np.greater, boolean=True),
    "greater_equal": Operation(operator.ge, np.greater_equal, boolean=True),
    "equal": Operation(operator.eq, np.equal, boolean=True),
    "not_equal": Operation(operator.ne, np.not_equal, boolean=True),
    "logical_and": Operation(lambda a, b: a and b, np.logical_and, boolean=True, logical=True),
    "logical_or": Operation(lambda a, b: a or b, np.logical_or, boolean=True, logical=True),
    "logical_not": Operation(operator.not_, np.logical_not, 1, boolean=True, logical=True),
    "exp": Operation(_host_exp, np.exp, 1, exact=False),
    "log": Operation(_host_log, np.log, 1, exact=False),
    "power": Operation(_host_power, np.power, exact=False),
    # To bfloat16, by a key in two parts (rounding.py).
    "stochastic": Operation(
        _no_number, _no_number, 3, kept_in=("bfloat16",), written_as=CUT, numbered=True, flushed=None
    ),
    # Of codes in blocks that share a scale (root8.py).
    "decoded": Operation(_no_number, _no_number, kept_in=("int8", "uint8"), beside=True, scaled=True),
    "coded": Operation(_no_number, _no_number, 1, kept_in=("int8", "uint8"), of_block="codes"),
    "scale_of": Operation(_no_number, _no_number, 1, kept_in=(SCALES,), of_block="scales"),
}
# The parts of a weight, of which so many bits are kept (masters.py).
for _bits, _type in CORRECTIONS.items():
    OPERATIONS |= {
        f"joined{_bits}": Operation(_no_number, _no_number, 2, kept_in=("bfloat16",), beside=True),
        f"upper{_bits}": Operation(
            _no_number,
            _no_number,
            1,
            kept_in=("bfloat16",),
            written_as=CUT,
            undoes=(f"joined{_bits}", 0),
            flushed=True,
        ),
        f"lower{_bits}": Operation(
            _no_number, _no_number, 1, kept_in=(_type,), undoes=(f"joined{_bits}", 1), flushed=True
        ),
    }
