"""A float32 weight in two parts: a number of bfloat16, which is the parameter, and a whole number that corrects it.

Of the weight's bits t, or the upper 24 of them, to nearest, the upper 16 are rounded half up in magnitude; the
correction is what t then is more, or less. So the upper part of a finite weight may be infinite: parts are joined as
whole numbers. NaN has one pattern, and a denormal is a zero, as in all arithmetic on float32.
"""

from typing import Any

import numpy as np

from .rounding import STORED
from .trace import Symbol


def joined(p: Any, correction: Any, bits: int) -> Any:
    """The weight of which p is the upper part; p itself where there is no correction."""
    if isinstance(p, Symbol):
        return p.trace.apply(f"joined{bits}", p, correction)
    if correction is None:
        return p
    whole = np.asarray(p).view(np.int32) + (np.asarray(correction).astype(np.int32) << (32 - bits))
    return whole.view(np.float32).view(type(p))


def upper(x: Any, bits: int, name: str) -> Any:
    """The upper part of a weight x; x itself where the array that becomes it is not in bfloat16. name: that array's."""
    if isinstance(x, Symbol):
        return x.trace.apply(f"upper{bits}", x)
    if STORED.get().get(name) != "bfloat16":
        return x
    return (_parts(x, bits)[0].astype(np.uint32) << 16).view(np.float32).view(type(x))


def lower(x: Any, bits: int) -> Any:
    """The correction of a weight x, as a float32 number."""
    if isinstance(x, Symbol):
        return x.trace.apply(f"lower{bits}", x)
    return _parts(x, bits)[1].astype(np.float32).view(type(x))


def _parts(x: Any, bits: int) -> tuple[Any, Any]:
    """Both parts as whole numbers. bits: how many of the weight's are kept."""
    word, own = np.asarray(x).view(np.uint32).astype(np.int64), bits - 16
    sign, size = word & 0x80000000, word & 0x7FFFFFFF
    word = np.where(size > 0x7F800000, 0x7FC00000, np.where(size < 0x00800000, sign, word))
    kept = (word + (1 << 32 - bits >> 1)) >> 32 - bits
    high = (kept + (1 << own - 1)) >> own
    return high, kept - (high << own)
