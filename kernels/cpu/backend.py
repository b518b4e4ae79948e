"""Kernels over the table of tasks/stage_run.py, of the source in cpu/source.py. Importing this module imports numba."""

import functools
import hashlib
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arrays.view import View
from ..headers.numpy_headers import Headers, available
from ..headers.tensor_headers import TensorHeaders
from ..jit import compiler as cpu_compile
from ..jit.compiler import compiled, entry_point
from ..language.reductions import CHUNK, LANES
from ..program.stages import Stage
from ..tasks.numba_task import ascii_name
from ..tasks.table import Batch
from . import threads as cpu_threads
from .merged_rows import merged as merged
from .source import source

# Below this many elements starting threads costs more than they save (benchmarks/threads.py).
PARALLEL_FROM = 131072

_SIGNATURE = "void(int64[:,::1], int64[::1], float64[:,::1], float64[:,::1])"


@functools.cache
def kernel(
    name: str,
    stage: Stage,
    storages: tuple[str, ...],
    dimensions: int | None,
    parallel: bool,
    repeated: bool = False,
    held: tuple[int, ...] = (),
    scattered: bool = False,
) -> Callable[..., Any]:
    """The compiled kernel: (table, shares, scalars, partials) -> None."""
    entry, text = _named(name, stage, storages, dimensions, repeated, held, scattered)
    return entry_point(compiled(entry, text, _SIGNATURE, parallel))


def _named(
    name: str,
    stage: Stage,
    storages: Sequence[str],
    dimensions: int | None,
    repeated: bool = False,
    held: tuple[int, ...] = (),
    scattered: bool = False,
) -> tuple[str, str]:
    """The name of a kernel's function and its source."""
    if stage.reductions:
        # Those of a clip are alike for all rules, and so compiled once: kernels are kept by their text.
        name = "reductions"
    text = source(name, stage, storages, dimensions, "kernel", repeated, held, scattered)
    # numba makes the symbols of the machine code of the function's name: no two kernels may have the same.
    entry = f"{ascii_name(name)}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    return entry, source(name, stage, storages, dimensions, entry, repeated, held, scattered)


def assembly(name: str, stage: Stage, storages: Sequence[str]) -> tuple[str, str, str]:
    """What cpu_compile.assembly says of the serial kernel of a stage."""
    return cpu_compile.assembly(*_named(name, stage, storages, None), _SIGNATURE)


def piece(stage: Stage, elements: int) -> int:
    """How many elements a task has: CHUNK for reductions, which are defined so; fewer where that balances threads."""
    if stage.reductions:
        return CHUNK
    return min(CHUNK, -(-elements // (16 * LANES)) * LANES)


def prepare(name: str, stage: Stage, batch: Batch) -> None:
    """Compile the kernel and cut the table into shares, anew if the number of threads has changed."""
    kept, width = batch.kept, len(stage.arrays)
    work = batch.elements
    if batch.repeated:
        times = batch.table[:, -1] - batch.table[:, width + 1]
        work = int(batch.table[:, width] @ times)
    threads = cpu_threads.usable() if work >= PARALLEL_FROM else 1
    if kept.get("threads") == threads:
        return
    cuts = np.array([0, len(batch.table)])
    if threads > 1:
        cuts = shares(batch.table[:, width] * (times if batch.repeated else 1), threads)
    parallel = len(cuts) > 2
    compiled_kernel = kernel(
        name, stage, batch.storages, batch.dimensions, parallel, batch.repeated, batch.held, not batch.whole
    )
    partials = np.zeros((len(batch.table), len(stage.reductions)))
    # The table has the addresses; the arrays need not be kept alive here, last step's gradients least of all.
    batch.sets.clear()
    none = np.empty((0, len(stage.scalars)))
    kept.update(threads=threads, shares=cuts, kernel=compiled_kernel, partials=partials, scalars=none)


def launch(name: str, stage: Stage, batch: Batch, rows: Sequence[Sequence[Any]]) -> Callable[[], Any]:
    """What runs one stage over a batch, as tasks.Backend says: compiled code from its first instruction to its last."""
    kept = batch.kept
    if len(kept["scalars"]) != len(rows):
        # Each thread rounds the scalars to the type that computes.
        scalars = np.empty((len(rows), len(stage.scalars)))
        kept["call"] = functools.partial(kept["kernel"], batch.table, kept["shares"], scalars, kept["partials"])
        kept["scalars"] = scalars  # last: an interrupt in between has both made anew
    kept["scalars"][...] = rows
    call: Callable[[], Any] = kept["call"]
    return call


def guard(batches: Sequence[Batch]) -> Any:
    """The lock to hold while these run, if they use threads that take one caller at a time."""
    for batch in batches:
        if len(batch.kept["shares"]) > 2:
            return cpu_threads.guard()
    return None


def shares(lengths: Any, threads: int) -> Any:
    """Where each thread's share of the rows begins, and the end: as equal in elements as whole rows allow."""
    ends = np.cumsum(lengths)
    wanted = np.arange(1, threads) * (ends[-1] / threads)
    cuts = np.searchsorted(ends, wanted) + 1
    return np.unique(np.concatenate([[0], np.minimum(cuts, len(ends)), [len(ends)]])).astype(np.int64)


def watch(
    parameters: list[Any], gradients: list[Any], views: Any, gradients_written: bool
) -> Headers | TensorHeaders | None:
    """What notices that arrays were replaced or moved, if NumPy's structs can be read, or tensors described."""
    if not all(isinstance(array, np.ndarray) for array in (*parameters, *gradients)):
        return TensorHeaders(parameters, gradients, views, gradients_written)
    return Headers(parameters, gradients, views, gradients_written) if available() else None


def full_like(view: View, value: float, dtype: str) -> Any:
    """A new NumPy array in the shape and the order of memory of another."""
    return np.full_like(view.array, value, dtype=dtype, subok=False)


def to_host(view: View) -> Any:
    """The array itself, as NumPy's."""
    return view.array


def filling(view: View, values: Any) -> Callable[[], Any]:
    """What sets it to the values of a NumPy array: no bytecode, so that no signal's handler runs within."""
    return functools.partial(operator.setitem, view.array, ..., values)
