"""Graph -> numba source -> CPU kernels over the table of tasks.py. Importing this module imports numba."""

import functools
import hashlib
import linecache
import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np

from . import cpu_intrinsics
from .arrays import View, compute_type
from .cache import KernelCache
from .emit import FUNCTIONS, INFIX, indented
from .numba_source import ascii_name, task_source
from .program import Stage
from .reductions import CHUNK, LANES, REDUCTIONS
from .tasks import add_partials, batches, scalar_table

# Below this many elements starting threads costs more than they save (benchmarks/threads.py).
PARALLEL_FROM = 65536

_OPERATIONS = {**FUNCTIONS, **INFIX, "power": "math.pow({0}, {1})", "exp": "math.exp({0})", "log": "math.log({0})"}


def source(name: str, stage: Stage, storages: Sequence[str], dimensions: int | None, entry: str = "kernel") -> str:
    """The source of one stage's kernel, a function with the name `entry`.

    storages: the stored type of each of the stage's arrays. dimensions: of arrays that are not dense together, else
    None.
    """
    compute = compute_type(storages)
    task = task_source(stage, storages, dimensions, _OPERATIONS, "scalars[u, {0}]")
    if stage.reductions:
        loop, tail = _reduction_loop(stage, task.body, task.results)
    else:
        loop, tail = ["for i in range(n):", *indented(task.body)], []
    if compute == "float32":
        loop = ["saved = flush_denormals()", *loop, "restore(saved)"]
    return "\n".join(
        [
            f"# fastopt {name}: {'a reduction' if stage.reductions else 'an update'} of {', '.join(storages)} arrays",
            f"def {entry}(table, scalars, partials):",
            "    for task in prange(len(table)):",
            *indented([f"u = table[task, {len(stage.arrays) + 1}]", *task.header, *loop, *tail], 2),
            "",
        ]
    )


def _reduction_loop(stage: Stage, body: list[str], results: list[str]) -> tuple[list[str], list[str]]:
    """The defined order of reductions.py: lanes within the chunk, then the lanes in halves."""
    lanes, steps, tail = [], [], []
    for k, (node, result) in enumerate(zip(stage.reductions, results, strict=True)):
        reduction = REDUCTIONS[node.op]
        element = f"v{k} * v{k}" if reduction.element == "square" else f"absolute(v{k})"
        combine = _OPERATIONS[reduction.combine]
        lanes.append(f"lanes{k} = zeros({LANES})")
        steps += [f"v{k} = float64({result})", f"lanes{k}[lane] = {combine.format(f'lanes{k}[lane]', element)}"]
        folded = combine.format(f"lanes{k}[j]", f"lanes{k}[half + j]")
        tail += [
            f"half = {LANES // 2}",
            "while half:",
            *indented(["for j in range(half):", f"    lanes{k}[j] = {folded}", "half //= 2"]),
            f"partials[task, {k}] = lanes{k}[0]",
        ]
    inner = ["i = first + lane", *body, *steps]
    rows = [f"for lane in range(min({LANES}, n - first)):", *indented(inner)]
    return [*lanes, f"for first in range(0, n, {LANES}):", *indented(rows)], tail


@functools.cache
def kernel(
    name: str, stage: Stage, storages: tuple[str, ...], dimensions: int | None, parallel: bool
) -> Callable[..., Any]:
    """The compiled kernel: (table, scalars, partials) -> None."""
    text = source(name, stage, storages, dimensions)
    # numba makes the symbols of the machine code of the function's name: no two kernels may have the same.
    entry = f"{ascii_name(name)}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    text = source(name, stage, storages, dimensions, entry)
    table, scalars, partials = "int64[:,::1]", f"{compute_type(storages)}[:,::1]", "float64[:,::1]"
    dispatcher = _compiled(entry, text, f"void({table}, {scalars}, {partials})", parallel)
    compiled: Callable[..., Any] = dispatcher
    return compiled


@functools.cache
def start_threads() -> None:
    """Start numba's threads so that they sleep when idle, unless OMP_WAIT_POLICY says otherwise.

    By default those of OpenMP spin. Where NumPy's own threads ran just before, as in any training step, the two kinds
    then wait for each other's time slices, and an update took a hundred times as long (docs/design.md).
    """
    if "OMP_WAIT_POLICY" in os.environ:
        return
    os.environ["OMP_WAIT_POLICY"] = "passive"  # read when the library is loaded, and by nobody else meant
    try:
        numba.get_num_threads()
    finally:
        del os.environ["OMP_WAIT_POLICY"]


def launch(name: str, stage: Stage, sets: Sequence[Sequence[View]], rows: Sequence[Sequence[Any]]) -> list[list[float]]:
    """Run one stage over sets of arrays; for a stage of reductions, returns the totals of each set.

    rows: the stage's scalars, one row for all sets or one for each.
    """
    start_threads()
    totals = [[0.0] * len(stage.reductions) for _ in sets]
    for batch in batches(sets):
        threads = numba.get_num_threads() if batch.elements >= PARALLEL_FROM else 1
        # Reductions are defined on chunks of one size; an update may be cut anywhere.
        piece = CHUNK if stage.reductions else min(CHUNK, -(-batch.elements // (threads * LANES)) * LANES)
        table, counts = batch.table(piece, shared=len(rows) == 1)
        partials = np.zeros((len(table), len(stage.reductions)))
        run = kernel(name, stage, batch.storages, batch.dimensions, threads > 1 and len(table) > 1)
        run(table, scalar_table(rows, batch.storages), partials)
        add_partials(totals, stage, batch, counts, partials)
    return totals


def _compiled(entry: str, text: str, signature: str, parallel: bool = False) -> Any:
    """The function `entry` of a source text, compiled or from the disk cache."""
    namespace = {k: getattr(cpu_intrinsics, k) for k in dir(cpu_intrinsics) if not k.startswith("_")}
    namespace |= {"prange": numba.prange, "math": math, "zeros": np.zeros, "inf": math.inf, "nan": math.nan}
    # A kernel from the disk cache looks its globals up in a module that can be imported.
    namespace |= {"float32": numba.float32, "float64": numba.float64, "__name__": cpu_intrinsics.__name__}
    filename = f"<fastopt {entry}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    exec(compile(text, filename, "exec"), namespace)
    dispatcher: Any = numba.njit(parallel=parallel, error_model="numpy", nogil=True)(namespace[entry])
    dispatcher._cache = KernelCache(f"{entry}-{'parallel' if parallel else 'serial'}", text, cpu_intrinsics)
    dispatcher.compile(signature)
    dispatcher.disable_compile()
    return dispatcher


@functools.cache
def control_functions() -> tuple[Callable[[], int], Callable[[int], None]]:
    """Functions that make this thread flush denormals, and that restore what was before."""
    flush = _compiled("flush_here", "def flush_here():\n    return flush_denormals()\n", "int64()")
    put_back = _compiled("restore_here", "def restore_here(saved):\n    restore(saved)\n", "void(int64)")
    return flush, put_back


def full_like(view: View, value: float, dtype: str) -> Any:
    """A new NumPy array in the shape and the order of memory of another."""
    return np.full_like(view.array, value, dtype=dtype, subok=False)


def sources(name: str, stage: Stage, storages: Sequence[str]) -> list[tuple[str, str, str]]:
    """For people to read: a title, the language and the text of each kernel of a stage."""
    return [("CPU, numba", "python", source(name, stage, storages, None))]
