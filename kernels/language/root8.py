"""State in 8 bits: codes of signed square roots, in blocks of 256 that share a scale.

The root of a number spans half as many powers of two, so that 127 steps on either side of zero, or 255 above it, reach
from the largest number of a block down to a sixteen-thousandth or a sixty-five-thousandth of it. A block is 256
elements in the order of memory; the last may be shorter. Its scale is the root of its largest magnitude over the number
of steps. In a slot that is never negative the least code is 1: a running mean of squares that became 0, beside a mean
that did not, would be divided by.
"""

from typing import Any

import numpy as np

from .rounding import STORED
from .storages import BLOCK
from .trace import Symbol

# By stored type: how many steps reach to the largest magnitude of a block.
STEPS = {"int8": 127.0, "uint8": 255.0}


def decoded(codes: Any, scale: Any, name: str) -> Any:
    """The numbers that codes stand for; the array itself where it has none. scale: of the block of each element. name:
    the array's."""
    if isinstance(codes, Symbol):
        return codes.trace.apply("decoded", codes, scale)
    return numbers_of(codes, scale) if STORED.get().get(name) in STEPS else codes


def numbers_of(codes: Any, scale: Any) -> Any:
    """The numbers of codes, each with the scale of its block."""
    root = codes * scale
    return root * abs(root)


def coded(x: Any, name: str) -> Any:
    """The codes of numbers; x itself where the array that becomes it has none."""
    if isinstance(x, Symbol):
        return x.trace.apply("coded", x)
    storage = STORED.get().get(name)
    return codes_of(x, storage) if storage in STEPS else x


def scale_of(x: Any, name: str) -> Any:
    """The scales with which `coded` gives the codes of an array."""
    if isinstance(x, Symbol):
        return x.trace.apply("scale_of", x)
    storage = STORED.get().get(name)
    return scales_of(x, storage) if storage in STEPS else x


def _roots(x: Any) -> Any:
    """The root of the largest magnitude of each block, NaN where a number is NaN. x: float32, in order."""
    return np.sqrt(np.maximum.reduceat(np.abs(x), np.arange(0, x.size, BLOCK))) if x.size else x


def scales_of(x: Any, storage: str) -> Any:
    """The scale of each block. x: float32 in one dimension, in the order of memory."""
    roots = _roots(x)
    # By an array: the option `reciprocals` is of the formula.
    return roots / np.full_like(roots, STEPS[storage])


def codes_of(x: Any, storage: str) -> Any:
    """The codes, in float32. x: as for scales_of."""
    steps, root = STEPS[storage], np.repeat(_roots(x), BLOCK)[: x.size]
    # Of a block of zeros, and of one that is not finite, the codes say nothing.
    inverse = np.where(root > 0, steps / np.where(root > 0, root, 1), 0)
    code = np.sqrt(np.abs(x)) * inverse
    if storage == "uint8":
        return np.rint(np.where(code > 1, code, 1))
    code = np.rint(np.where(code < steps, code, steps))
    return np.where(x < 0, -code, code)
