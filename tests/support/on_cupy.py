"""Arrays of CuPy, where CuPy has their type."""

from typing import Any

import pytest


def on_gpu(cupy: Any, array: Any) -> Any:
    try:
        return cupy.asarray(array)
    except (TypeError, ValueError) as error:
        pytest.skip(f"CuPy {cupy.__version__} has no arrays of {array.dtype}: {error}")
