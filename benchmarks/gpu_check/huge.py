"""Arrays of more than 2**31 elements, whose last indices no signed number of 32 bits holds.

The arrays repeat a pattern that a CPU can step. So every element can be compared with the pattern on the GPU.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastopt import Optimizer
from fastopt.kernels import RULES
from fastopt.measure.bits import equal_bits

from .device import Gpu
from .neighbours import examples
from .runner import Rows

ELEMENTS = 2**31 + 70_000_001
PERIOD = 1_000_003  # a prime, so that no chunk begins at the same place of the pattern as another
RULE = "momentum"  # three arrays, of which the rule reads and writes two
STEPS = 2
# Repeats of the pattern in each piece that is compared at once.
_PIECE = 64


def rows(gpu: Gpu, elements: int = ELEMENTS, period: int = PERIOD) -> Rows:
    """A row for each type and kernel."""
    ways: dict[str, tuple[bool, Callable[[Any], Any]]] = {
        "CuPy, elementwise": (False, lambda array: array),
        "CuPy, multi-tensor": (True, lambda array: array),
        "numba-cuda": (False, gpu.bare),
    }
    for storage in ("float16", "float32"):
        p, g, *_ = examples.arrays_for(RULES[RULE], period, storage)
        right = p.copy()
        opt = Optimizer(right, RULE)
        for _ in range(STEPS):
            opt.step(g)
        for way, (listed, show) in ways.items():
            # Bytes of the parameter, the gradient, a float32 state, and the comparison of a piece.
            needed = elements * (2 * p.itemsize + 4) + 8 * _PIECE * period
            if needed > gpu.room():
                yield f"{storage}, {way}", {"skipped": f"{needed / 1e9:.0f} GB are needed, {gpu.room() / 1e9:.0f} free"}
                continue
            parameter = _stepped(gpu, p, g, elements, listed, show)
            wrong = differing(parameter, gpu.array(right), gpu)
            row = {"elements": elements, "wrong": f"{wrong:,} elements differ" if wrong else ""}
            yield f"{storage}, {way}", {**row, "line": f"{elements:,} elements, the same bits"}
            del parameter
            gpu.release()


def _stepped(gpu: Gpu, p: Any, g: Any, elements: int, listed: bool, show: Callable[[Any], Any]) -> Any:
    parameter, gradient = (tiled(gpu, values, elements) for values in (p, g))
    params, grads = [show(parameter)], [show(gradient)]
    if listed:
        # A second array, so that they go by the task table.
        params.append(gpu.array(p))
        grads.append(gpu.array(g))
    opt = Optimizer(params, RULE)
    for _ in range(STEPS):
        opt.step(grads)
    return parameter


def tiled(gpu: Gpu, pattern: Any, elements: int) -> Any:
    """An array that repeats a NumPy array."""
    array, once = gpu.empty(elements, pattern.dtype), gpu.array(pattern)
    for start in range(0, elements, len(pattern)):
        part = array[start : start + len(pattern)]
        part[...] = once[: len(part)]
    return array


def differing(array: Any, pattern: Any, gpu: Gpu) -> int:
    """The number of elements whose bits differ from the pattern that they should repeat; the pattern has no NaN."""
    word = f"u{pattern.dtype.itemsize}"
    bits, once = array.view(word), pattern.view(word)
    count = 0
    step = _PIECE * len(pattern)
    for start in range(0, len(array), step):
        piece = bits[start : start + step]
        whole = len(piece) // len(pattern) * len(pattern)
        count += int((piece[:whole].reshape(-1, len(pattern)) != once).sum())
        count += int((piece[whole:] != once[: len(piece) - whole]).sum())
    # The comparison above runs on the GPU; a few elements of it are also looked at on the CPU.
    for start in (0, 2**31 - 100, len(array) - 100):
        values = gpu.host(array[start : start + 200])
        places = (start + np.arange(len(values))) % len(pattern)
        count += int(np.count_nonzero(~equal_bits(values, gpu.host(pattern)[places]))) if len(values) else 0
    return count
