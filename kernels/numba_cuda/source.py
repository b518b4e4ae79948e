"""Graph -> numba source of CUDA kernels over a task table; it needs neither numba-cuda nor a GPU.

Each task has a block of threads. The tasks of an update are equal pieces; those of a reduction are the chunks of
reductions.py, with a thread for each lane. The bits of its scalars stand behind each row of the table.
"""

from collections.abc import Sequence

from ..language.reductions import LANES, REDUCTIONS
from ..language.storages import BLOCK
from ..program.spelling import FUNCTIONS, element_text, indented
from ..program.stages import Program, Stage
from ..tasks.layout import Layout
from ..tasks.numba_task import Blocks, Kept, Rescaling, task_source, title

# A block of codes has a thread for each element.
THREADS = BLOCK
_KEPT = Kept("kept_{0} = {1}", "kept_{0}")


def source(name: str, stage: Stage, layout: Layout) -> str:
    """The source of one stage's kernel, a function `kernel`."""
    scalar = f"number{layout.compute[-2:]}(table[task, {layout.columns} + {{0}}])"
    task = task_source(stage, layout, FUNCTIONS, scalar, _KEPT)
    if stage.reductions:
        before, loop = _reduction(stage, layout, task.body, task.results)
    elif task.blocks:
        before, loop = _in_blocks(task.blocks, task.body)
    else:
        first = f"{layout.step} * cuda.threadIdx.x" if layout.pairs else "cuda.threadIdx.x"
        before, loop = [], [f"for i in range({first}, n, {layout.step * THREADS}):", *indented(task.body)]
    return "\n".join(
        [
            title(name, stage, layout),
            "def kernel(table, partials):",
            *indented(before),
            "    task = cuda.blockIdx.x",
            "    if task < len(table):",
            *indented([*task.scalars, *task.header, *loop], 2),
            "",
        ]
    )


def _in_blocks(blocks: Blocks, body: list[str]) -> tuple[list[str], list[str]]:
    """A block of codes after the other, a thread for each element; the tops of the threads are folded in halves."""
    every = [(k, BLOCK * number) for number, k in enumerate(blocks.coded)]
    before = ["lane = cuda.threadIdx.x", f"tops = cuda.shared.array({BLOCK * len(every)}, float32)"]
    folds = [f"tops[{at} + lane] = larger(tops[{at} + lane], tops[{at} + half + lane])" for _, at in every]
    inner = [
        *blocks.begin,
        *[f"kept_{k} = nothing()" for k, _ in every],
        "i = start + lane",
        "if i < n:",
        *indented(body),
        *[f"tops[{at} + lane] = top_{k}" for k, at in every],
        "cuda.syncthreads()",
        f"half = {BLOCK // 2}",
        "while half:",
        "    if lane < half:",
        *indented(folds, 2),
        "    cuda.syncthreads()",
        "    half //= 2",
        *[f"top_{k} = tops[{at}]" for k, at in every],
        # The next block has the same room.
        "cuda.syncthreads()",
        *blocks.end,
        "if lane == 0:",
        *indented(blocks.scales),
        "if i < n:",
        *indented(blocks.codes),
    ]
    return before, [f"for start in range(0, n, {BLOCK}):", *indented(inner)]


def _reduction(stage: Stage, layout: Layout, body: list[str], results: list[str]) -> tuple[list[str], list[str]]:
    """The defined order of language/reductions.py: a lane is a thread; then the lanes are folded in halves."""
    before = ["lane = cuda.threadIdx.x", f"lanes = cuda.shared.array({LANES}, float64)"]
    totals, steps, folds = [], [], []
    rescaling = Rescaling(stage, layout, FUNCTIONS)
    for k, (node, result) in enumerate(zip(stage.reductions, results, strict=True)):
        # A truth value has no bits of a float to widen.
        widen = "float64" if node.args[0].boolean else "widen"
        reduction = REDUCTIONS[node.op]
        element = element_text(reduction, f"v{k}", FUNCTIONS)
        combine = FUNCTIONS[reduction.combine]
        totals.append(f"total{k} = float64(0.0)")
        steps += [
            f"v{k} = {rescaling.value(k, f'{widen}({result})')}",
            f"total{k} = {combine.format(f'total{k}', element)}",
        ]
        folds += [
            f"lanes[lane] = total{k}",
            "cuda.syncthreads()",
            f"half = {LANES // 2}",
            "while half:",
            "    if lane < half:",
            f"        lanes[lane] = {combine.format('lanes[lane]', 'lanes[half + lane]')}",
            "    cuda.syncthreads()",
            "    half //= 2",
            "if lane == 0:",
            *indented(rescaling.stores(k, "lanes[0]")),
            *rescaling.look(k, "lanes[0]"),
            "cuda.syncthreads()",
        ]
    loop = [*totals, f"for i in range(lane, n, {LANES}):", *indented([*body, *steps]), *folds]
    return before, rescaling.rounds(loop)


def sources(name: str, stage: Stage, storages: Sequence[str]) -> list[tuple[str, str, str]]:
    """A title, the language and the text of each kernel of a stage, for people to read."""
    return [("GPU, numba-cuda", "python", source(name, stage, Layout.dense(stage, storages)))]


def number_sources(program: Program) -> list[tuple[str, str, str]]:
    """An empty list: the host works out the numbers."""
    return []
