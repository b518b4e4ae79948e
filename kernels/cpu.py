"""Graph -> numba source -> CPU kernels over a task table. Importing this module imports numba.

A row of the task table is a piece of one set of arrays: the address of each array's first element in it, the number
of elements, and the row of scalars. For arrays that are not dense together the addresses are those of the whole
arrays, and the row goes on: first element in C order, shape, strides of each array.
"""

import functools
import hashlib
import linecache
import math
from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np

from . import cpu_intrinsics
from .arrays import ITEM_SIZES, View, compute_type, is_flat
from .cache import KernelCache
from .emit import FUNCTIONS, INFIX, Spelling, finite_or, identifiers, plain, walk
from .program import Stage
from .reductions import CHUNK, LANES, REDUCTIONS
from .trace import Node

# Below this many elements starting threads costs more than they save (benchmarks/threads.py).
PARALLEL_FROM = 65536

_OPERATIONS = {**FUNCTIONS, **INFIX, "power": "math.pow({0}, {1})", "exp": "math.exp({0})", "log": "math.log({0})"}
_FLUSHED_BY_HARDWARE = ("add", "subtract", "multiply", "divide", "sqrt", "sign")


def spelling(compute: str) -> Spelling:
    """How numba source for the CPU writes expressions of a type."""

    def constant(value: bool | int | float) -> str:
        return str(value) if isinstance(value, bool) else f"{compute}({finite_or(value, 'inf', 'nan') or repr(value)})"

    return Spelling(_OPERATIONS, constant)


def stored(node: Node, expression: str, compute: str) -> str:
    """The expression as it is stored: a float32 denormal that no arithmetic has flushed becomes zero."""
    if compute == "float32" and node.op not in _FLUSHED_BY_HARDWARE:
        return f"flush({expression})"
    return expression


def source(name: str, stage: Stage, storages: Sequence[str], dimensions: int | None, entry: str = "kernel") -> str:
    """The source of one stage's kernel, a function with the name `entry`.

    storages: the stored type of each of the stage's arrays. dimensions: of arrays that are not dense together, else
    None.
    """
    compute, width = compute_type(storages), len(stage.arrays)
    own = identifiers([*stage.arrays, *(node.value for node in stage.scalars if not node.args)])
    names, header = _scalars(stage, own)
    index = [f"e_{k}" if dimensions is not None else "i" for k in range(width)]
    header += [f"at_{k} = table[task, {k}]" for k in range(width)]
    body = _index(width, dimensions) if dimensions is not None else []
    for k, array in enumerate(stage.arrays):
        if array in stage.reads:
            body.append(f"{own[array]} = load(at_{k}, {index[k]}, {storages[k]!r}, {k})")
    names |= {node: own[node.value] for node in _arrays(stage)}
    lines, results = spelling(compute).statements(stage.roots, names)
    body += lines
    for (array, node), result in zip(stage.stores, results, strict=False):
        k = stage.arrays.index(array)
        body.append(f"store(at_{k}, {index[k]}, {stored(node, result, compute)}, {storages[k]!r}, {k})")
    if stage.reductions:
        loop, tail = _reduction_loop(stage, body, results)
    else:
        loop, tail = ["for i in range(n):", *_indented(body)], []
    if compute == "float32":
        loop = ["saved = flush_denormals()", *loop, "restore(saved)"]
    return "\n".join(
        [
            f"# fastopt {name}: {'a reduction' if stage.reductions else 'an update'} of {', '.join(storages)} arrays",
            f"def {entry}(table, scalars, partials):",
            "    for task in prange(len(table)):",
            *_indented([f"n = table[task, {width}]", f"u = table[task, {width + 1}]", *header, *loop, *tail], 2),
            "",
        ]
    )


def _scalars(stage: Stage, own: dict[str, str]) -> tuple[dict[Node, str], list[str]]:
    names, lines = {}, []
    for k, node in enumerate(stage.scalars):
        name = f"s{k}" if node.args or node.op in REDUCTIONS else own[node.value]
        names[node] = f"({name} != 0)" if node.boolean else name
        lines.append(f"{name} = scalars[u, {k}]  # {_comment(node)}")
    return names, lines


def _comment(node: Node) -> str:
    return plain(node).encode("ascii", "backslashreplace").decode()


def _arrays(stage: Stage) -> list[Node]:
    return [node for node in walk(stage.roots, stage.scalars) if node.op == "array"]


def _index(width: int, dimensions: int) -> list[str]:
    """The element's place in each array, from its number in C order, the shape and the strides."""
    shape = width + 3
    lines = [f"rest = i + table[task, {width + 2}]"] + [f"e_{k} = 0" for k in range(width)]
    for axis in reversed(range(dimensions)):
        lines += [f"c = rest % table[task, {shape + axis}]", f"rest = rest // table[task, {shape + axis}]"]
        lines += [f"e_{k} += c * table[task, {shape + dimensions * (k + 1) + axis}]" for k in range(width)]
    return lines


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
            *_indented(["for j in range(half):", f"    lanes{k}[j] = {folded}", "half //= 2"]),
            f"partials[task, {k}] = lanes{k}[0]",
        ]
    inner = ["i = first + lane", *body, *steps]
    rows = [f"for lane in range(min({LANES}, n - first)):", *_indented(inner)]
    return [*lanes, f"for first in range(0, n, {LANES}):", *_indented(rows)], tail


def _indented(lines: Sequence[str], depth: int = 1) -> list[str]:
    return ["    " * depth + line for line in lines]


@functools.cache
def kernel(
    name: str, stage: Stage, storages: tuple[str, ...], dimensions: int | None, parallel: bool
) -> Callable[..., Any]:
    """The compiled kernel: (table, scalars, partials) -> None."""
    text = source(name, stage, storages, dimensions)
    # numba makes the symbols of the machine code of the function's name: no two kernels may have the same.
    entry = f"{_ascii(name)}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    text = source(name, stage, storages, dimensions, entry)
    table, scalars, partials = "int64[:,::1]", f"{compute_type(storages)}[:,::1]", "float64[:,::1]"
    dispatcher = _compiled(entry, text, f"void({table}, {scalars}, {partials})", parallel)
    compiled: Callable[..., Any] = dispatcher
    return compiled


def launch(name: str, stage: Stage, sets: Sequence[Sequence[View]], rows: Sequence[Sequence[Any]]) -> list[list[float]]:
    """Run one stage over sets of arrays; for a stage of reductions, returns the totals of each set.

    rows: the stage's scalars, one row for all sets or one for each.
    """
    totals = [[0.0] * len(stage.reductions) for _ in sets]
    groups: dict[Any, list[int]] = {}
    for position, views in enumerate(sets):
        dimensions = None if is_flat(views) else len(views[0].shape)
        groups.setdefault((tuple(view.storage for view in views), dimensions), []).append(position)
    for (storages, dimensions), positions in groups.items():
        elements = sum(sets[position][0].size for position in positions)
        if elements == 0:
            continue
        threads = numba.get_num_threads() if elements >= PARALLEL_FROM else 1
        # Reductions are defined on chunks of one size; an update may be cut anywhere.
        piece = CHUNK if stage.reductions else min(CHUNK, -(-elements // (threads * LANES)) * LANES)
        tables = [tasks(sets[position], position if len(rows) > 1 else 0, piece, dimensions) for position in positions]
        table = np.concatenate(tables) if len(tables) > 1 else tables[0]
        scalars = np.array(rows, np.float64).reshape(len(rows), -1).astype(compute_type(storages))
        partials = np.zeros((len(table), len(stage.reductions)))
        kernel(name, stage, storages, dimensions, threads > 1 and len(table) > 1)(table, scalars, partials)
        first = 0
        for position, rows_of_one in zip(positions, tables, strict=True):
            part = partials[first : first + len(rows_of_one)]
            first += len(rows_of_one)
            for k, node in enumerate(stage.reductions):
                totals[position][k] = functools.reduce(REDUCTIONS[node.op].combined, part[:, k].tolist(), 0.0)
    return totals


def tasks(views: Sequence[View], scalars: int, piece: int, dimensions: int | None) -> Any:
    """The rows of the task table for one set of arrays, cut in pieces of so many elements."""
    width, size = len(views), views[0].size
    starts = np.arange(0, size, piece, dtype=np.int64)
    extra = 0 if dimensions is None else 1 + dimensions * (width + 1)
    table = np.empty((len(starts), width + 2 + extra), np.int64)
    for k, view in enumerate(views):
        table[:, k] = view.address
        if dimensions is None:
            table[:, k] += starts * ITEM_SIZES[view.storage]
    table[:, width] = np.minimum(piece, size - starts)
    table[:, width + 1] = scalars
    if dimensions is not None:
        table[:, width + 2] = starts
        table[:, width + 3 :] = [*views[0].shape, *(stride for view in views for stride in view.strides)]
    return table


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
    dispatcher._cache = KernelCache(f"{entry}-{'parallel' if parallel else 'serial'}", text)
    dispatcher.compile(signature)
    dispatcher.disable_compile()
    return dispatcher


def _ascii(name: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)


@functools.cache
def control_functions() -> tuple[Callable[[], int], Callable[[int], None]]:
    """Functions that make this thread flush denormals, and that restore what was before."""
    flush = _compiled("flush_here", "def flush_here():\n    return flush_denormals()\n", "int64()")
    put_back = _compiled("restore_here", "def restore_here(saved):\n    restore(saved)\n", "void(int64)")
    return flush, put_back


def full_like(view: View, value: float, dtype: str) -> Any:
    """A new NumPy array in the shape and the order of memory of another."""
    return np.full_like(view.array, value, dtype=dtype, subok=False)
