"""Graph -> numba source -> CPU kernels over the table of tasks.py. Importing this module imports numba."""

import functools
import hashlib
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import cpu_threads
from .arrays import ITEM_SIZES, View, compute_type
from .cpu_compile import compiled
from .cpu_rows import merged as merged
from .emit import FUNCTIONS, INFIX, indented
from .headers import Headers, available
from .numba_source import ascii_name, task_source
from .program import Stage
from .reductions import CHUNK, LANES, REDUCTIONS
from .table import Batch
from .tensor_headers import TensorHeaders

# Below this many elements starting threads costs more than they save (benchmarks/threads.py).
PARALLEL_FROM = 131072

# How many tasks ahead memory is asked for, and how many lines of 64 bytes of each array.
_AHEAD, _LINES = 4, 4

_OPERATIONS = {**FUNCTIONS, **INFIX, "exp": "math.exp({0})", "log": "math.log({0})"}


def source(
    name: str,
    stage: Stage,
    storages: Sequence[str],
    dimensions: int | None,
    entry: str = "kernel",
    repeated: bool = False,
    held: tuple[int, ...] = (),
    scattered: bool = False,
) -> str:
    """The source of one stage's kernel, a function with the name `entry`.

    storages: the stored type of each of the stage's arrays. dimensions: of arrays that are not dense together, else
    None. repeated: a task runs with several rows of scalars in turn, up to the one that its last column has. held: the
    arrays of which a task has one element alone. scattered: tasks are rows that lie anywhere.
    """
    scalar = f"{compute_type(storages)}(scalars[u, {{0}}])"
    task = task_source(stage, storages, dimensions, _OPERATIONS, scalar, held)
    if stage.reductions:
        loop = _reduction_loop(stage, task.body, task.results)
    else:
        loop = ["for i in range(n):", *indented(task.body)]
    step = [*task.header, *loop]
    first = f"table[task, {len(stage.arrays) + 1}]"
    step = [f"for u in range({first}, table[task, -1]):", *indented(step)] if repeated else [f"u = {first}", *step]
    if scattered:
        step = [*_ahead(stage, storages), *step]
    body = ["for task in range(shares[worker], shares[worker + 1]):", *indented(step)]
    if compute_type(storages) == "float32":
        body = ["saved = flush_denormals()", *body, "restore(saved)"]
    return "\n".join(
        [
            f"# fastopt {name}: {'a reduction' if stage.reductions else 'an update'} of {', '.join(storages)} arrays",
            f"def {entry}(table, shares, scalars, partials):",
            "    for worker in prange(len(shares) - 1):",
            *indented(body, 2),
            "",
        ]
    )


def _ahead(stage: Stage, storages: Sequence[str]) -> list[str]:
    """Asks for the beginnings of the memory of a task that comes soon."""
    lines = [f"following = task + {_AHEAD}", "if following < shares[worker + 1]:"]
    lines.append(f"    some = table[following, {len(stage.arrays)}]")
    for k, storage in enumerate(storages):
        size = ITEM_SIZES[storage]
        lines.append(f"    for line in range(0, min(some, {_LINES * 64 // size}), {64 // size}):")
        lines.append(f"        prefetch(table[following, {k}] + line * {size})")
    return lines


def _reduction_loop(stage: Stage, body: list[str], results: list[str]) -> list[str]:
    """The defined order of reductions.py: lanes within the chunk, then the lanes in halves.

    Halves beyond a short chunk are left out: they are 0, which changes no sum, since none is -0.0, and no maximum.
    """
    lanes, steps, tail = [], [], []
    for k, (node, result) in enumerate(zip(stage.reductions, results, strict=True)):
        reduction = REDUCTIONS[node.op]
        element = reduction.spelled(f"v{k}", _OPERATIONS)
        combine = _OPERATIONS[reduction.combine]
        lanes.append(f"lanes{k} = zeros({LANES})")
        steps += [f"v{k} = float64({result})", f"lanes{k}[lane] = {combine.format(f'lanes{k}[lane]', element)}"]
        folded = combine.format(f"lanes{k}[j]", f"lanes{k}[half + j]")
        tail += [
            "half = width // 2",
            "while half:",
            *indented(["for j in range(half):", f"    lanes{k}[j] = {folded}", "half //= 2"]),
            f"partials[task, {k}] = lanes{k}[0]",
        ]
    inner = ["i = first + lane", *body, *steps]
    rows = [f"for lane in range(min({LANES}, n - first)):", *indented(inner)]
    width = [f"width = {LANES}", "while width // 2 >= n:", "    width //= 2"]
    return [*lanes, f"for first in range(0, n, {LANES}):", *indented(rows), *width, *tail]


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
    text = source(name, stage, storages, dimensions, repeated=repeated, held=held, scattered=scattered)
    # numba makes the symbols of the machine code of the function's name: no two kernels may have the same.
    entry = f"{ascii_name(name)}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    text = source(name, stage, storages, dimensions, entry, repeated, held, scattered)
    numbers = "float64[:,::1]"
    function: Callable[..., Any] = compiled(
        entry, text, f"void(int64[:,::1], int64[::1], {numbers}, {numbers})", parallel
    )
    return function


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
    kept.update(threads=threads, shares=cuts, kernel=compiled_kernel, partials=partials)


def launch(name: str, stage: Stage, batch: Batch, rows: Sequence[Sequence[Any]]) -> Callable[[], Any]:
    """What runs one stage over a batch, as tasks.Backend says: compiled code from its first instruction to its last."""
    kept = batch.kept
    # Each thread rounds the scalars to the type that computes.
    scalars = np.asarray(rows, np.float64)
    return functools.partial(kept["kernel"], batch.table, kept["shares"], scalars, kept["partials"])


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


def sources(name: str, stage: Stage, storages: Sequence[str]) -> list[tuple[str, str, str]]:
    """For people to read: a title, the language and the text of each kernel of a stage."""
    return [("CPU, numba", "python", source(name, stage, storages, None))]
