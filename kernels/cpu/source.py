"""Graph -> numba source of the CPU's kernels. Imports no numba."""

from collections.abc import Sequence

from ..arrays.view import BYTES
from ..language.reductions import LANES, REDUCTIONS
from ..language.storages import BLOCK
from ..program.spelling import FUNCTIONS, INFIX, element_text, indented
from ..program.stages import Program, Stage
from ..tasks.layout import Layout
from ..tasks.numba_task import Kept, Rescaling, task_source, title

# How many tasks ahead memory is asked for, and how many lines of 64 bytes of each array.
_AHEAD, _LINES = 4, 4

# The new numbers of a block, whose codes follow from all of them.
_KEPT = Kept("store(room_{0}, i - start, {1}, 'float32', {2})", "load(room_{0}, i - start, 'float32', {2})")

_OPERATIONS = {**FUNCTIONS, **INFIX, "exp": "math.exp({0})", "log": "math.log({0})"}


def source(name: str, stage: Stage, layout: Layout) -> str:
    """The source of one stage's kernel, a function `kernel` of the address of a share, six integers: the addresses of
    the task table, its first row and the row after the last, the addresses of the scalars, how many rows they have, and
    the address of the partial results.
    """
    task = task_source(stage, layout, _OPERATIONS, f"{layout.compute}(scalars[u, {{0}}])", _KEPT)
    if stage.reductions:
        loop = _reduction_loop(stage, layout, task.body, task.results)
    else:
        every = "start, stop" if task.blocks else f"0, n, {layout.step}" if layout.pairs else "n"
        loop = [f"for i in range({every}):", *indented(task.body)]
        if task.blocks:
            rooms = [f"room_{k} = room({BLOCK})" for k in task.blocks.coded]
            codes = ["for i in range(start, stop):", *indented(task.blocks.codes)]
            inner = [f"stop = min(start + {BLOCK}, n)", *task.blocks.begin, *rooms, *loop]
            inner += [*task.blocks.end, *task.blocks.scales, *codes]
            loop = [f"for start in range(0, n, {BLOCK}):", *indented(inner)]
    step = [*task.header, *loop]
    own = f"table[task, {layout.width + 1}]"
    if layout.repeated:
        step = [f"for u in range({own}, table[task, -1]):", *indented([*task.scalars, *step])]
    if not layout.whole:
        step = [*_ahead(layout), *step]
    body = ["for task in range(first, end):", *indented(step)]
    if not layout.repeated:
        # Most tasks have the scalars of the one before.
        alike = [f"while task < end and {own} == u:", *indented([*step, "task += 1"])]
        body = ["task = first", "while task < end:", *indented([f"u = {own}", *task.scalars, *alike])]
    body = [f"saved = arithmetic_of({layout.compute!r})", *body, "restore(saved)"]
    return "\n".join(
        [
            title(name, stage, layout),
            "def kernel(share):",
            *indented([*_share(stage, layout), *body]),
            "",
        ]
    )


def _share(stage: Stage, layout: Layout) -> list[str]:
    """Statements that read the six integers of a share."""
    lines = [
        "first, end = word(share, 1), word(share, 2)",
        f"table = integers(word(share, 0), end, {layout.columns})",
        f"scalars = numbers(word(share, 3), word(share, 4), {len(stage.scalars)})",
    ]
    if stage.reductions:
        lines.append(f"partials = numbers(word(share, 5), end, {len(stage.columns(layout.compute))})")
    return lines


def _ahead(layout: Layout) -> list[str]:
    """Statements that prefetch the beginning of each array of a task that comes soon."""
    lines = [f"following = task + {_AHEAD}", "if following < end:"]
    lines.append(f"    some = table[following, {layout.width}]")
    for k in layout.there:
        size = BYTES[layout.storages[k]]
        lines.append(f"    for line in range(0, min(some, {_LINES * 64 // size}), {64 // size}):")
        lines.append(f"        prefetch(table[following, {k}] + line * {size})")
    return lines


def _reduction_loop(stage: Stage, layout: Layout, body: list[str], results: list[str]) -> list[str]:
    """The defined order of language/reductions.py: lanes within the chunk, then the lanes in halves.

    Halves beyond a short chunk are left out: they are 0, which changes no sum, since none is -0.0, and no maximum.
    """
    lanes, steps, tail = [], [], []
    rescaling = Rescaling(stage, layout, _OPERATIONS)
    for k, (node, result) in enumerate(zip(stage.reductions, results, strict=True)):
        reduction = REDUCTIONS[node.op]
        element = element_text(reduction, f"v{k}", _OPERATIONS)
        combine = _OPERATIONS[reduction.combine]
        lanes.append(f"lanes{k} = zeros({LANES})")
        steps += [
            f"v{k} = {rescaling.value(k, f'float64({result})')}",
            f"lanes{k}[lane] = {combine.format(f'lanes{k}[lane]', element)}",
        ]
        folded = combine.format(f"lanes{k}[j]", f"lanes{k}[half + j]")
        tail += [
            "half = width // 2",
            "while half:",
            *indented(["for j in range(half):", f"    lanes{k}[j] = {folded}", "half //= 2"]),
            *rescaling.stores(k, f"lanes{k}[0]"),
            *rescaling.look(k, f"lanes{k}[0]"),
        ]
    inner = ["i = first + lane", *body, *steps]
    rows = [f"for lane in range(min({LANES}, n - first)):", *indented(inner)]
    width = [f"width = {LANES}", "while width // 2 >= n:", "    width //= 2"]
    return rescaling.rounds([*lanes, f"for first in range(0, n, {LANES}):", *indented(rows), *width, *tail])


def sources(name: str, stage: Stage, storages: Sequence[str]) -> list[tuple[str, str, str]]:
    """A title, the language and the text of each kernel of a stage, for people to read."""
    return [("CPU, numba", "python", source(name, stage, Layout.dense(stage, storages)))]


def number_sources(program: Program) -> list[tuple[str, str, str]]:
    """An empty list: the host works out the numbers."""
    return []
