"""The product of an array and a factor that float32 may have no number for."""

from typing import Any

from .elementary import where

_FAR = 2.0**126


def scaled(x: Any, factor: Any) -> Any:
    """x * factor, in two steps where the factor is below the normal numbers of float32 or above them.

    By itself such a factor would be zero or infinite there, though x lies as far on the other side and the product is
    an ordinary number. The first step is by a power of two, for an ordinary factor by exactly 1.0.
    """
    size = abs(factor)
    first = where(size < 1 / _FAR, 1 / _FAR, where(size > _FAR, _FAR, 1.0))
    return x * first * (factor / first)
