"""The launch parameters of the multi-tensor kernel, and the time of a step with each on the two large lists."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fastopt.kernels.cuda import backend
from fastopt.kernels.cuda import launch_size as cuda_launch
from fastopt.kernels.cuda.launch_size import launching

from .device import Gpu
from .models import OURS, Lists, by_the_cpu, ours, stepped
from .neighbours import lists, step_peers
from .runner import Rows
from .timing import Contender, summary, timed

UNROLLS, THREADS, CHUNKS = (1, 2, 4, 8), (128, 256, 512), (1 << 15, 1 << 16, 1 << 18)
ROUNDS = 7


def rows(
    gpu: Gpu,
    chosen: Lists | None = None,
    unrolls: Sequence[int] = UNROLLS,
    threads: Sequence[int] = THREADS,
    chunks: Sequence[int] = CHUNKS,
    rounds: int = ROUNDS,
) -> Rows:
    """A row for each list and combination, the library's own numbers first; each is checked.

    All unrolls, rounds of a thread, with all threads at the library's chunk, then all chunks at its unroll and threads.
    """
    for name, shapes in (chosen or {key: lists.LISTS[key] for key in ("GPT-2 small", "ResNet-50")}).items():
        given = step_peers.problem(shapes())
        right, count = by_the_cpu(given), sum(p.size for p in given.start)
        own = (cuda_launch.now.rounds_per_thread, cuda_launch.now.threads, backend.CHUNK)
        grid = [*itertools.product(unrolls, threads, own[2:]), *itertools.product(own[:1], own[1:2], chunks)]
        for values in dict.fromkeys((own, *grid)):
            unroll, wide, chunk = values
            with launching(wide, unroll), chunks_of(chunk):
                opt, params, grads = ours(gpu, given)
                contenders = {OURS: Contender([lambda opt=opt, grads=grads: opt.step(grads)], 28 * count)}  # type: ignore[misc]
                wrong = stepped(gpu, contenders[OURS].calls[0], params, right)
                row = summary(timed(gpu, contenders, rounds, ("device",)), contenders, OURS)
            title = f"{name}, unroll {unroll}, threads {wide}, chunk {chunk}"
            yield title, {"own": values == own, "elements": count, "wrong": wrong, **row}
            del opt, params, grads, contenders


@contextmanager
def chunks_of(elements: int) -> Iterator[None]:
    """Set the number of elements in a row of the task table within the block; the chunks of norms stay as defined."""
    before = backend.CHUNK
    try:
        backend.CHUNK = elements
        yield
    finally:
        backend.CHUNK = before
