"""Kernels that move what a rule moves and compute next to nothing: the limit that memory sets."""

import functools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..kernels import Rule, max_norm, rule
from .clocks import Call

# For every pass: the positions of the arrays that it reads, and of those that it writes.
Passes = tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]

# Elements of a piece, the unit that the threads share.
_PIECE = 65536


def passes(subject: Rule) -> Passes:
    """The positions of the arrays that a rule reads and writes, pass by pass."""
    stages = subject.program(subject.hyper).stages
    place = subject.arrays.index
    return tuple((tuple(map(place, stage.reads)), tuple(map(place, stage.writes))) for stage in stages)


def bare_rule(subject: Rule) -> Rule:
    """A rule that adds the arrays that are only read to those that are written, and takes a norm where subject does."""
    return _bare_rule(len(subject.arrays), passes(subject))


@functools.cache
def _bare_rule(count: int, moved: Passes) -> Rule:
    lines, scale = [], ""
    for reads, _ in moved[:-1]:
        lines.append(f"    scale = max_norm({scale}{_sum(reads)})\n")
        scale = "scale * "
    new = _new_values(*moved[-1], "a{}", scale)
    results = ", ".join(new.get(k, f"a{k}") for k in range(count) if k != 1)
    arguments = ", ".join(f"a{k}" for k in range(count))
    namespace: dict[str, Any] = {"max_norm": max_norm}
    exec(f"def bare({arguments}):\n{''.join(lines)}    return {results}\n", namespace)
    return rule(namespace["bare"])


def bare_numba(subject: Rule, arrays: Sequence[Any], also: str = "") -> Call:
    """The bare kernel in numba alone, on NumPy arrays of float32 or float64, with as many threads as the rule takes.

    also: an expression in `math`, `numba` and the elements a0[i], a1[i], ... that is added to the first array.
    """
    from ..kernels.cpu import backend as cpu
    from ..kernels.cpu import threads as cpu_threads

    cpu_threads.start()
    kernel = _bare_numba(len(arrays), passes(subject), also, arrays[0].size >= cpu.PARALLEL_FROM)
    return partial(kernel, *arrays, np.zeros(-(-arrays[0].size // _PIECE)))


@functools.cache
def _bare_numba(count: int, moved: Passes, also: str, parallel: bool) -> Callable[..., Any]:
    import math

    import numba

    lines = [f"def bare({', '.join(f'a{k}' for k in range(count))}, tops):", "    n = len(a0)"]
    pieces = [
        "    for piece in numba.prange(len(tops)):",
        f"        for i in range(piece * {_PIECE}, min(n, piece * {_PIECE} + {_PIECE})):",
    ]
    for reads, _ in moved[:-1]:
        top = f"            top = max(top, abs({_sum(reads, 'a{}[i]')}))"
        lines += [pieces[0], "        top = 0.0", pieces[1], top, "        tops[piece] = top"]
    lines += pieces
    for position, (k, value) in enumerate(_new_values(*moved[-1], "a{}[i]").items()):
        lines.append(f"            a{k}[i] = {value}{also * (position == 0)}")
    namespace: dict[str, Any] = {"numba": numba, "math": math}
    exec("\n".join(lines), namespace)
    kernel: Callable[..., Any] = numba.njit(parallel=parallel, error_model="numpy")(namespace["bare"])
    return kernel


def _new_values(reads: Sequence[int], writes: Sequence[int], name: str, scale: str = "") -> dict[int, str]:
    """For each array that is written, an expression that takes part of what is read, so that each is read once."""
    added = scale + _sum([k for k in reads if k not in writes] or reads, name)
    return {k: f"{name.format(k)} + {added}" if k in reads else added for k in writes}


def _sum(positions: Sequence[int], name: str = "a{}") -> str:
    return f"({' + '.join(name.format(k) for k in positions)})"


def copier(nbytes: int) -> Call:
    """Copies so many bytes between NumPy arrays: NumPy's own copy, or a part by each thread where that pays."""
    from ..kernels.cpu import backend as cpu
    from ..kernels.cpu import threads as cpu_threads

    source, target = np.ones(-(-nbytes // 8)), np.zeros(-(-nbytes // 8))
    if nbytes < 8 * cpu.PARALLEL_FROM:
        return partial(np.copyto, target, source)
    cpu_threads.start()
    return partial(_parallel_copy(), target, source)


@functools.cache
def _parallel_copy() -> Callable[..., Any]:
    import numba

    @numba.njit(parallel=True)
    def copy(target, source):  # type: ignore[no-untyped-def]
        parts, n = numba.get_num_threads(), len(source)
        for part in numba.prange(parts):
            target[n * part // parts : n * (part + 1) // parts] = source[n * part // parts : n * (part + 1) // parts]

    function: Callable[..., Any] = copy
    return function
