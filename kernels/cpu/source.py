"""Graph -> numba source of the CPU's kernels. Imports no numba."""

from collections.abc import Sequence

from ..arrays.view import ITEM_SIZES, compute_type
from ..language.reductions import LANES, REDUCTIONS
from ..program.spelling import FUNCTIONS, INFIX, element_text, indented
from ..program.stages import Program, Stage
from ..tasks.numba_task import task_source
from ..tasks.table import row_length

# How many tasks ahead memory is asked for, and how many lines of 64 bytes of each array.
_AHEAD, _LINES = 4, 4

_OPERATIONS = {**FUNCTIONS, **INFIX, "exp": "math.exp({0})", "log": "math.log({0})"}


def source(
    name: str,
    stage: Stage,
    storages: Sequence[str],
    dimensions: int | None,
    repeated: bool = False,
    held: tuple[int, ...] = (),
    rows_apart: bool = False,
) -> str:
    """The source of one stage's kernel, a function `kernel` of the address of a share, six integers: the addresses of
    the task table, its first row and the row after the last, the addresses of the scalars, how many rows they have, and
    the address of the partial results.

    storages: the stored type of each of the stage's arrays. dimensions: how many, if the arrays are not dense together,
    else None. repeated: a task runs with several rows of scalars in turn, up to the one before the number in its last
    column. held: the arrays of which a task has a single element. rows_apart: tasks are rows that lie anywhere.
    """
    scalar = f"{compute_type(storages)}(scalars[u, {{0}}])"
    task = task_source(stage, storages, dimensions, _OPERATIONS, scalar, held)
    if stage.reductions:
        loop = _reduction_loop(stage, task.body, task.results)
    else:
        loop = ["for i in range(n):", *indented(task.body)]
    step = [*task.header, *loop]
    width = len(stage.arrays)
    own = f"table[task, {width + 1}]"
    if repeated:
        step = [f"for u in range({own}, table[task, -1]):", *indented([*task.scalars, *step])]
    if rows_apart:
        step = [*_ahead(stage, storages), *step]
    body = ["for task in range(first, end):", *indented(step)]
    if not repeated:
        # Most tasks have the scalars of the one before.
        alike = [f"while task < end and {own} == u:", *indented([*step, "task += 1"])]
        body = ["task = first", "while task < end:", *indented([f"u = {own}", *task.scalars, *alike])]
    if compute_type(storages) == "float32":
        body = ["saved = flush_denormals()", *body, "restore(saved)"]
    return "\n".join(
        [
            f"# fastopt {name}: {'a reduction' if stage.reductions else 'an update'} of {', '.join(storages)} arrays",
            "def kernel(share):",
            *indented([*_share(stage, row_length(width, dimensions) + repeated), *body]),
            "",
        ]
    )


def _share(stage: Stage, columns: int) -> list[str]:
    """Statements that read the six integers of a share. columns: how many the table has."""
    lines = [
        "first, end = word(share, 1), word(share, 2)",
        f"table = integers(word(share, 0), end, {columns})",
        f"scalars = numbers(word(share, 3), word(share, 4), {len(stage.scalars)})",
    ]
    if stage.reductions:
        lines.append(f"partials = numbers(word(share, 5), end, {len(stage.reductions)})")
    return lines


def _ahead(stage: Stage, storages: Sequence[str]) -> list[str]:
    """Statements that prefetch the beginning of each array of a task that comes soon."""
    lines = [f"following = task + {_AHEAD}", "if following < end:"]
    lines.append(f"    some = table[following, {len(stage.arrays)}]")
    for k, storage in enumerate(storages):
        size = ITEM_SIZES[storage]
        lines.append(f"    for line in range(0, min(some, {_LINES * 64 // size}), {64 // size}):")
        lines.append(f"        prefetch(table[following, {k}] + line * {size})")
    return lines


def _reduction_loop(stage: Stage, body: list[str], results: list[str]) -> list[str]:
    """The defined order of language/reductions.py: lanes within the chunk, then the lanes in halves.

    Halves beyond a short chunk are left out: they are 0, which changes no sum, since none is -0.0, and no maximum.
    """
    lanes, steps, tail = [], [], []
    for k, (node, result) in enumerate(zip(stage.reductions, results, strict=True)):
        reduction = REDUCTIONS[node.op]
        element = element_text(reduction, f"v{k}", _OPERATIONS)
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


def sources(name: str, stage: Stage, storages: Sequence[str]) -> list[tuple[str, str, str]]:
    """A title, the language and the text of each kernel of a stage, for people to read."""
    return [("CPU, numba", "python", source(name, stage, storages, None))]


def number_sources(program: Program) -> list[tuple[str, str, str]]:
    """An empty list: the host works out the numbers."""
    return []
