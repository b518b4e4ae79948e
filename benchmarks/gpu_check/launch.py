"""How the multi-tensor kernel is launched: what its constants cost or gain on the two large lists."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fastopt.kernels import cuda_source
from fastopt.kernels import cupy as backend

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
    """A row for each list and combination, the library's own constants first; each is checked.

    All unrolls with all threads at the library's chunk, then all chunks at its unroll and threads.
    """
    for name, shapes in (chosen or {key: lists.LISTS[key] for key in ("GPT-2 small", "ResNet-50")}).items():
        given = step_peers.problem(shapes())
        right, count = by_the_cpu(given), sum(p.size for p in given.start)
        own = (backend.ROUNDS, cuda_source.THREADS, backend.CHUNK)
        grid = [*itertools.product(unrolls, threads, own[2:]), *itertools.product(own[:1], own[1:2], chunks)]
        for values in dict.fromkeys((own, *grid)):
            with constants(*values):
                opt, params, grads = ours(gpu, given)
                contenders = {OURS: Contender([lambda opt=opt, grads=grads: opt.step(grads)], 28 * count)}  # type: ignore[misc]
                wrong = stepped(gpu, contenders[OURS].calls[0], params, right)
                row = summary(timed(gpu, contenders, rounds, ("device",)), contenders, OURS)
            title = "unroll {}, threads {}, chunk {}".format(*values)
            yield f"{name}, {title}", {"own": values == own, "elements": count, "wrong": wrong, **row}
            del opt, params, grads, contenders


@contextmanager
def constants(unroll: int, threads: int, chunk: int) -> Iterator[None]:
    """The only place that knows where the constants are. AdamW takes no norm, whose chunks define its order."""
    places = [(backend, "ROUNDS", unroll), (backend, "THREADS", threads), (cuda_source, "THREADS", threads)]
    places.append((backend, "CHUNK", chunk))
    before = [(module, name, getattr(module, name)) for module, name, _ in places]
    try:
        for module, name, value in places:
            setattr(module, name, value)
        backend._update_kernel.cache_clear()
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)
        backend._update_kernel.cache_clear()
