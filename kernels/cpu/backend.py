"""Kernels over the task table, compiled from what source.py writes. Importing this module imports numba."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from ..arrays.extents import Extents
from ..headers.numpy_headers import Among, Headers, available
from ..headers.row_headers import RowHeaders
from ..headers.tensor_headers import TensorHeaders
from ..jit import compiler
from ..jit.compiler import address, compiled, entry_point
from ..language.reductions import CHUNK, LANES
from ..program.stages import Program, Stage
from ..tasks.launcher import ON_CUPY_ALONE
from ..tasks.layout import Layout
from ..tasks.numba_task import named_apart
from ..tasks.table import Batch, Prepared
from . import blas_threads, threads
from .merged_rows import merged as merged
from .source import source

# Below so many elements starting threads costs more than they save, and below so many even using threads that are awake
# (benchmarks/threads.py).
PARALLEL_FROM, AWAKE_FROM = 131072, 32768
# How many lengths of a table that is entered anew in each step keep their calls.
_LENGTHS = 64

_SIGNATURE = "void(int64)"
_FILLING = """
def fill_shares(shares, table, cuts, scalars, partials):
    for k in range(len(shares)):
        shares[k, 0], shares[k, 1], shares[k, 2] = table.ctypes.data, cuts[k], cuts[k + 1]
        shares[k, 3], shares[k, 4], shares[k, 5] = scalars.ctypes.data, len(scalars), partials.ctypes.data
    return shares.ctypes.data
"""


@functools.cache
def kernel(name: str, stage: Stage, layout: Layout) -> tuple[Callable[[int], None], int]:
    """The compiled kernel, a function of the address of a share, and where its machine code begins."""
    entry, text = _named(name, stage, layout)
    function = compiled(entry, text, _SIGNATURE)
    return entry_point(function), address(function)


def _named(name: str, stage: Stage, layout: Layout) -> tuple[str, str]:
    """The name of a kernel's function and its source."""
    if stage.reductions:
        # The reductions of a clip are alike for all rules; with one name they are compiled once, as kernels are kept by
        # their text.
        name = "reductions"
    return named_apart(name, source(name, stage, layout))


def assembly(name: str, stage: Stage, storages: Sequence[str]) -> tuple[str, str, str]:
    """The result of jit.compiler.assembly for the kernel of a stage."""
    return compiler.assembly(*_named(name, stage, Layout.dense(stage, storages)), _SIGNATURE)


def piece(stage: Stage, elements: int) -> int:
    """How many elements a task has: CHUNK for reductions, by their definition; fewer where that balances threads."""
    if stage.reductions:
        return CHUNK
    return min(CHUNK, -(-elements // (16 * LANES)) * LANES)


class OnCpu(Prepared):
    """A batch as compiled code takes it.

    kernel: the result of `kernel`. scalars: room for the rows of scalars. table: that of the batch. room: the array of
    which the table is the first rows, or None. work: how many elements are computed. pool and number: whose threads run
    it next, and how many. calls: for each pool, number and length of the table the function that runs it.
    """

    def __init__(self, kernel: tuple[Callable[[int], None], int]) -> None:
        self.kernel = kernel
        self.scalars: Any = None
        self.table: Any = None
        self.room: Any = None
        self.work = 0
        self.pool, self.number = threads, 1
        self.calls: dict[tuple[Any, int, int], Callable[[], Any]] = {}


def prepare(name: str, stage: Stage, batch: Batch) -> None:
    """Compile the kernel, and choose the threads that are to run it."""
    prepared = batch.prepared
    if not isinstance(prepared, OnCpu):
        compiled_kernel = kernel(name, stage, batch.layout)
        _filling()
        # The table has the addresses; the arrays need not be kept alive here, last step's gradients least of all.
        batch.sets.clear()
        batch.prepared = prepared = OnCpu(compiled_kernel)
    if prepared.table is not batch.table:
        room = batch.table.base
        if room is None or room is not prepared.room or stage.reductions or len(prepared.calls) > _LENGTHS:
            # In this order: after an interrupt in between all are made anew.
            prepared.calls.clear()
            prepared.partials = np.zeros((len(batch.table), len(stage.columns(batch.layout.compute))))
        prepared.work = int(_work(batch).sum()) if batch.layout.repeated else batch.elements
        prepared.table, prepared.room = batch.table, room
    prepared.pool, prepared.number = _threads(prepared.work)


def _threads(work: int) -> tuple[Any, int]:
    """The threads for so many elements, a module with the functions of `threads`, and how many of them."""
    if work >= AWAKE_FROM and (number := blas_threads.usable()) > 1:
        return blas_threads, min(number, 2 * work // AWAKE_FROM)
    return threads, threads.usable() if work >= PARALLEL_FROM else 1


def _work(batch: Batch) -> Any:
    """How many elements each row of the table computes."""
    width = batch.layout.width
    elements = batch.table[:, width]
    return elements * (batch.table[:, -1] - batch.table[:, width + 1]) if batch.layout.repeated else elements


def launch(name: str, stage: Stage, batch: Batch, rows: Sequence[Sequence[Any]]) -> Callable[[], Any]:
    """A function that runs one stage over a batch: compiled code from its first instruction to its last."""
    prepared = batch.prepared
    assert isinstance(prepared, OnCpu)
    if prepared.scalars is None or len(prepared.scalars) != len(rows):
        # In this order: after an interrupt in between all are made anew.
        prepared.calls.clear()
        # Each thread rounds the scalars to the type that computes.
        prepared.scalars = np.empty((len(rows), len(stage.scalars)))
    prepared.scalars[...] = rows
    way = prepared.pool, prepared.number, len(prepared.table)
    if way not in prepared.calls:
        prepared.calls[way] = _call(batch, prepared)
    return prepared.calls[way]


def _call(batch: Batch, prepared: OnCpu) -> Callable[[], Any]:
    """A function that runs the kernel on the shares of the table, one for each thread."""
    cuts = shares(_work(batch), prepared.number) if prepared.number > 1 else np.array([0, len(batch.table)])
    parts = np.empty((len(cuts) - 1, 6), np.int64)
    at = _filling()(parts, batch.table, cuts, prepared.scalars, prepared.partials)
    function, code = prepared.kernel
    if len(parts) == 1:
        call = functools.partial(function, at)
    else:
        call = prepared.pool.side_by_side(code, at, *parts.shape, prepared.work)
    # The call has their addresses alone.
    call.kept = parts, batch.table, prepared.scalars, prepared.partials  # type: ignore[attr-defined]
    return call


@functools.cache
def _filling() -> Callable[..., int]:
    """A function that fills an array of shares and returns its address: NumPy takes a microsecond for each address."""
    signature = "int64(int64[:,::1], int64[:,::1], int64[::1], float64[:,::1], float64[:,::1])"
    return entry_point(compiled("fill_shares", _FILLING, signature))


def lock(batches: Sequence[Batch]) -> Any:
    """The lock to hold while these batches run, if the threads that they use ask for it; else None."""
    for batch in batches:
        prepared = batch.prepared
        assert isinstance(prepared, OnCpu)
        if prepared.number > 1 and (lock := prepared.pool.one_caller_lock()):
            return lock
    return None


def shares(lengths: Any, threads: int) -> Any:
    """Where each thread's share of the rows begins, and the end: as equal in elements as whole rows allow.

    lengths: how many elements each row computes.
    """
    ends = np.cumsum(lengths)
    wanted = np.arange(1, threads) * (ends[-1] / threads)
    cuts = np.searchsorted(ends, wanted) + 1
    return np.unique(np.concatenate([[0], np.minimum(cuts, len(ends)), [len(ends)]])).astype(np.int64)


def headers(
    fixed: list[Any], moving: list[Any], extents: Extents, before: Any = None, among: Among | None = None
) -> Headers | TensorHeaders | None:
    """A check whether arrays were replaced or moved; None for NumPy's arrays where their structs cannot be read."""
    if not all(isinstance(array, np.ndarray | None) for array in (*fixed, *moving)):
        return TensorHeaders(fixed, moving, extents, before, among)
    return Headers(fixed, moving, extents, before, among) if available() else None


def row_headers(values: Any, count: int, written: Sequence[int], writable: bool, places: Any) -> RowHeaders | None:
    """A RowHeaders; None for other than NumPy's arrays, those that are not contiguous, and unknown structs."""
    usable = type(values) is np.ndarray and values.flags.c_contiguous and available()
    return RowHeaders(values, count, written, writable, places) if usable else None


def unattended(program: Program) -> bool:
    """False: the host works out all numbers."""
    return False


def gpu_program(*_: Any) -> NoReturn:
    """Raises TypeError: this backend has no unattended steps."""
    raise TypeError(ON_CUPY_ALONE)


unattended_steps = gpu_program
