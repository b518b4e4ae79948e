"""Kernels over the task table, compiled from what source.py writes. Importing this module imports numba."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from ..headers.numpy_headers import Headers, available
from ..headers.tensor_headers import TensorHeaders
from ..jit import compiler
from ..jit.compiler import compiled, entry_point
from ..language.reductions import CHUNK, LANES
from ..program.stages import Program, Stage
from ..tasks.launcher import ON_CUPY_ALONE
from ..tasks.numba_task import named_apart
from ..tasks.table import Batch, Prepared
from . import threads
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
    rows_apart: bool = False,
) -> Callable[..., Any]:
    """The compiled kernel: (table, shares, scalars, partials) -> None."""
    entry, text = _named(name, stage, storages, dimensions, repeated, held, rows_apart)
    return entry_point(compiled(entry, text, _SIGNATURE, parallel))


def _named(name: str, stage: Stage, storages: Sequence[str], *layout: Any) -> tuple[str, str]:
    """The name of a kernel's function and its source. layout: the other arguments of `source`."""
    if stage.reductions:
        # The reductions of a clip are alike for all rules; with one name they are compiled once, as kernels are kept by
        # their text.
        name = "reductions"
    return named_apart(name, source(name, stage, storages, *layout))


def assembly(name: str, stage: Stage, storages: Sequence[str]) -> tuple[str, str, str]:
    """The result of jit.compiler.assembly for the serial kernel of a stage."""
    return compiler.assembly(*_named(name, stage, storages, None), _SIGNATURE)


def piece(stage: Stage, elements: int) -> int:
    """How many elements a task has: CHUNK for reductions, by their definition; fewer where that balances threads."""
    if stage.reductions:
        return CHUNK
    return min(CHUNK, -(-elements // (16 * LANES)) * LANES)


class OnCpu(Prepared):
    """A batch as compiled code takes it.

    threads: for how many threads the table was cut. shares: where the rows of each thread begin, and the end. kernel:
    the compiled kernel. scalars: room for the rows of scalars. call: the kernel with its arguments, once there are any.
    """

    def __init__(self, partials: Any, threads: int, shares: Any, kernel: Callable[..., Any], scalars: Any) -> None:
        self.partials = partials
        self.threads, self.shares, self.kernel, self.scalars = threads, shares, kernel, scalars
        self.call: Callable[[], Any] | None = None


def prepare(name: str, stage: Stage, batch: Batch) -> None:
    """Compile the kernel and cut the table into shares, anew if the number of threads has changed."""
    prepared, width = batch.prepared, len(stage.arrays)
    work = batch.elements
    if batch.repeated:
        times = batch.table[:, -1] - batch.table[:, width + 1]
        work = int(batch.table[:, width] @ times)
    number = threads.usable() if work >= PARALLEL_FROM else 1
    if isinstance(prepared, OnCpu) and prepared.threads == number:
        return
    cuts = np.array([0, len(batch.table)])
    if number > 1:
        cuts = shares(batch.table[:, width] * (times if batch.repeated else 1), number)
    parallel = len(cuts) > 2
    compiled_kernel = kernel(
        name, stage, batch.storages, batch.dimensions, parallel, batch.repeated, batch.held, not batch.whole
    )
    partials = np.zeros((len(batch.table), len(stage.reductions)))
    # The table has the addresses; the arrays need not be kept alive here, last step's gradients least of all.
    batch.sets.clear()
    none = np.empty((0, len(stage.scalars)))
    batch.prepared = OnCpu(partials, number, cuts, compiled_kernel, none)


def launch(name: str, stage: Stage, batch: Batch, rows: Sequence[Sequence[Any]]) -> Callable[[], Any]:
    """A function that runs one stage over a batch: compiled code from its first instruction to its last."""
    prepared = batch.prepared
    assert isinstance(prepared, OnCpu)
    if len(prepared.scalars) != len(rows):
        # Each thread rounds the scalars to the type that computes.
        scalars = np.empty((len(rows), len(stage.scalars)))
        prepared.call = functools.partial(prepared.kernel, batch.table, prepared.shares, scalars, prepared.partials)
        prepared.scalars = scalars  # last: after an interrupt in between both are made anew
    prepared.scalars[...] = rows
    assert prepared.call is not None
    return prepared.call


def lock(batches: Sequence[Batch]) -> Any:
    """The lock to hold while these batches run, if they use threads that take one caller at a time; else None."""
    for batch in batches:
        assert isinstance(batch.prepared, OnCpu)
        if len(batch.prepared.shares) > 2:
            return threads.one_caller_lock()
    return None


def shares(lengths: Any, threads: int) -> Any:
    """Where each thread's share of the rows begins, and the end: as equal in elements as whole rows allow."""
    ends = np.cumsum(lengths)
    wanted = np.arange(1, threads) * (ends[-1] / threads)
    cuts = np.searchsorted(ends, wanted) + 1
    return np.unique(np.concatenate([[0], np.minimum(cuts, len(ends)), [len(ends)]])).astype(np.int64)


def headers(
    parameters: list[Any], gradients: list[Any], views: Any, gradients_written: bool
) -> Headers | TensorHeaders | None:
    """A check whether arrays were replaced or moved; None for NumPy's arrays where their structs cannot be read."""
    if not all(isinstance(array, np.ndarray) for array in (*parameters, *gradients)):
        return TensorHeaders(parameters, gradients, views, gradients_written)
    return Headers(parameters, gradients, views, gradients_written) if available() else None


def unattended(program: Program) -> bool:
    """False: the host works out all numbers."""
    return False


def unattended_steps(*_: Any) -> NoReturn:
    """Raises TypeError: this backend has no unattended steps."""
    raise TypeError(ON_CUPY_ALONE)
