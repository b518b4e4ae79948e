"""Which of numba's threading layers are here."""

import ctypes

import pytest


def loads(library: str) -> bool:
    """Whether the system finds a library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


WITH_TBB = pytest.mark.skipif(not loads("libtbb.so.12"), reason="the TBB library is not here")
