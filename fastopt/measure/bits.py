"""Whether arrays have the same bits."""

from typing import Any

import numpy as np


def same_bits(a: Any, b: Any) -> bool:
    """Whether two NumPy arrays have the same bits: the sign of zero counts, the bits of a NaN do not."""
    return a.dtype == b.dtype and a.shape == b.shape and bool(equal_bits(a, b).all())


def equal_bits(a: Any, b: Any) -> Any:
    """A mask of the elements at which two NumPy arrays of one type and shape have the same bits, or both a NaN."""
    bits = f"u{a.dtype.itemsize}"
    equal = np.ascontiguousarray(a).view(bits) == np.ascontiguousarray(b).view(bits)
    return equal | (np.isnan(a) & np.isnan(b))
