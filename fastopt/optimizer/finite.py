"""A check of where a run went wrong: the arrays and numbers of an optimizer that are no longer finite."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..kernels.libraries.library import to_host

# Elements that are checked at a time: the mask of a whole float32 array would have a quarter of its bytes.
_AT_ONCE = 1 << 20
_OVERFLOWED = (
    "An infinity has overflowed its type: lower lr, limit the gradients with clip_norm or clip_value, or scale them "
    "with grad_scale; bfloat16 reaches as far as float32, float16 to 65504. "
)
_UNDEFINED = "A NaN follows from a gradient, or an operation on infinities, that has no value. "
_REMEDY = "skip_nonfinite=True leaves out steps whose gradients are not finite; go back to values from before."


def check_finite(named: Iterable[tuple[str, Any]]) -> None:
    """Raise FloatingPointError that names every array, or number, with an infinity or a NaN. Waits for a GPU.

    named: arrays of any library, or numbers, each with the name for the message.
    """
    lines, infinite, undefined = [], 0, 0
    for name, value in named:
        infinities, nans, size, kind = _counted(name, value)
        if infinities or nans:
            parts = [f"{infinities} infinite"] * bool(infinities) + [f"{nans} NaN"] * bool(nans)
            lines.append(f"{name} has {' and '.join(parts)} of {size} {kind} value{'s' * (size != 1)}")
        infinite, undefined = infinite + infinities, undefined + nans
    if lines:
        causes = _OVERFLOWED * bool(infinite) + _UNDEFINED * bool(undefined)
        raise FloatingPointError("\n".join([*lines, causes + _REMEDY]))


def _counted(name: str, value: Any) -> tuple[int, int, int, str]:
    """How many infinities and NaNs a value has, its size and its type."""
    array = np.asarray(value) if isinstance(value, float) else to_host(value, name)
    # In the order of memory, so that any dense array gives a view.
    flat = array.reshape(-1, order="A")
    infinities = nans = 0
    for start in range(0, flat.size, _AT_ONCE):
        part = flat[start : start + _AT_ONCE]
        if not np.isfinite(part).all():
            part_nans = int(np.isnan(part).sum())
            nans += part_nans
            infinities += part.size - int(np.isfinite(part).sum()) - part_nans
    return infinities, nans, flat.size, array.dtype.name
