"""Rounding to bfloat16 at random: the bits follow from a key and the number of the element, and from nothing else."""

from collections.abc import Collection
from contextvars import ContextVar
from typing import Any
from zlib import crc32

import numpy as np

from .trace import Symbol

# While a reference is evaluated on elements that are in order: the mark of the parameter, and the arrays, by name, that
# are stored in bfloat16.
MARK: ContextVar[int] = ContextVar("MARK", default=0)
STORED: ContextVar[Collection[str]] = ContextVar("STORED", default=())
# By which a kernel and this module step from element to element, and mix a key: those of MurmurHash3's finalizer.
STEP, FIRST, SECOND = 0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35


def mark(name: str) -> int:
    """The number by which keys of an array differ from those of others. name: of the array."""
    return crc32(name.encode())


def key(seed: int, slot: str, step: int) -> tuple[float, float]:
    """The upper and the lower 16 bits of the key of a slot in a step, which float32 has exactly."""
    whole = crc32(f"{seed} {step} {slot}".encode())
    return float(whole >> 16), float(whole & 0xFFFF)


def stochastic(x: Any, upper: Any, lower: Any, name: str) -> Any:
    """x rounded to one of the two numbers of bfloat16 beside it, to the nearer the more often; x itself where the array
    that becomes it is not stored so.

    upper, lower: the bits of a key. name: that array's. Infinities and NaN stay.
    """
    if isinstance(x, Symbol):
        return x.trace.apply("stochastic", x, upper, lower)
    return rounded(x, upper, lower) if name in STORED.get() else x


def rounded(x: Any, upper: float, lower: float) -> Any:
    """The rounding on a float32 array of one dimension, whose elements are all of an array, in order."""
    key = _mixed((MARK.get() + (int(upper) << 16 | int(lower))) & 0xFFFFFFFF)
    noise = (np.arange(x.size, dtype=np.uint32) * np.uint32(STEP) + np.uint32(key)) >> np.uint32(16)
    bits = np.asarray(x).view(np.uint32)
    # Added to an infinity the noise changes nothing that stays.
    result = np.where(np.isnan(x), bits | np.uint32(0x400000), bits + noise) & np.uint32(0xFFFF0000)
    return np.asarray(result).view(np.float32).view(type(x))


def _mixed(bits: int) -> int:
    bits ^= bits >> 16
    bits = bits * FIRST & 0xFFFFFFFF
    bits ^= bits >> 13
    bits = bits * SECOND & 0xFFFFFFFF
    return bits ^ bits >> 16
