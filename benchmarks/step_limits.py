"""The limit of the memory: bare kernels that read and write as much as a step does and compute next to nothing.

Each limit comes in two ways, and the faster one counts: from an Optimizer of a rule that only adds, over the same
list, and in numba alone over flat arrays of the same total size.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
from lists import Shapes, elements

import fastopt
from fastopt.kernels import max_norm, rule

PIECE = 1024


@rule
def adds(p, g, m, v):  # type: ignore[no-untyped-def]
    """Reads four arrays and writes three."""
    return p + g, m + g, v + g


@rule
def adds_after_a_norm(p, g, m, v, average):  # type: ignore[no-untyped-def]
    """Reads the gradient once more before it reads five arrays."""
    new = g * max_norm(g, over="model")
    return p + new, m + new, v + new, average + new


@numba.njit(error_model="numpy")
def add(to, g):  # type: ignore[no-untyped-def]
    for i in range(len(g)):
        to[i] += g[i]


@numba.njit(parallel=True, error_model="numpy")
def add_flat(p, g, m, v):  # type: ignore[no-untyped-def]
    # A piece stays in the first cache, so that each array comes from memory once.
    for piece in numba.prange(len(g) // PIECE + 1):
        at = slice(piece * PIECE, min(len(g), piece * PIECE + PIECE))
        add(p[at], g[at])
        add(m[at], g[at])
        add(v[at], g[at])


@numba.njit(parallel=True, error_model="numpy", fastmath=True)
def reduce_and_add_flat(p, g, m, v, average):  # type: ignore[no-untyped-def]
    total = np.float32(0.0)
    for i in numba.prange(len(g)):
        total += g[i] * g[i]
    for piece in numba.prange(len(g) // PIECE + 1):
        at = slice(piece * PIECE, min(len(g), piece * PIECE + PIECE))
        add(p[at], g[at])
        add(m[at], g[at])
        add(v[at], g[at])
        add(average[at], g[at])
        g[at] = 0.0
    return total


def ones(shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    return [np.ones(shape, "float32") for shape in shapes]


def step_limits(shapes: Shapes, grads: list[np.ndarray]) -> dict[str, Callable[[], Any]]:
    """A step that reads p, g, m, v and writes p, m, v: 28 bytes an element."""
    opt, flat = fastopt.Optimizer(ones(shapes), adds), ones([(elements(shapes),)] * 4)
    return {"bare rule": lambda: opt.step(grads), "bare numba": lambda: add_flat(*flat)}


def tail_limits(shapes: Shapes) -> dict[str, Callable[[], Any]]:
    """One pass that reads g, then one that reads and writes p, g, m, v and an average: 44 bytes an element."""
    grads, flat = ones(shapes), ones([(elements(shapes),)] * 5)
    opt = fastopt.Optimizer(ones(shapes), adds_after_a_norm, zero_grads=True)
    return {"bare rule": lambda: opt.step(grads), "bare numba": lambda: reduce_and_add_flat(*flat)}
