"""The product of an array and a factor that float32 may have no number for."""

from typing import Any

from .elementary import maximum, minimum

_FAR = 2.0**126


def scaled(x: Any, factor: Any) -> Any:
    """x * factor, in two steps where the factor is below the normal numbers of float32 or above them.

    By itself such a factor would be zero or infinite there, though x lies as far on the other side and the product is
    an ordinary number. An ordinary factor is all in the second step: the first is by exactly 1.0, or -1.0.
    """
    second = minimum(maximum(abs(factor), 1 / _FAR), _FAR)
    return x * (factor / second) * second
