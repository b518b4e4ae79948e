"""How the multi-tensor kernel is launched: what its constants cost or gain on the two large lists."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fastopt.kernels import cuda_table, cupy_kernels
from fastopt.kernels import cupy as backend

from .device import Gpu
from .models import OURS, Lists, by_the_cpu, ours, stepped
from .neighbours import lists, step_peers
from .runner import Rows
from .timing import Contender, summary, timed

# Where each is looked up; of several the first counts.
PLACES: dict[str, list[tuple[Any, str]]] = {
    "unroll": [(cupy_kernels, "ROUNDS")],
    "threads": [(cuda_table, "THREADS"), (cupy_kernels, "THREADS")],
    "chunk": [(backend, "CHUNK")],
}
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
        own = tuple(getattr(*places[0]) for places in PLACES.values())
        grid = [*itertools.product(unrolls, threads, own[2:]), *itertools.product(own[:1], own[1:2], chunks)]
        for values in dict.fromkeys((own, *grid)):
            with constants(*values):
                opt, params, grads = ours(gpu, given)
                contenders = {OURS: Contender([lambda opt=opt, grads=grads: opt.step(grads)], 28 * count)}  # type: ignore[misc]
                wrong = stepped(gpu, contenders[OURS].calls[0], params, right)
                row = summary(timed(gpu, contenders, rounds, ("device",)), contenders, OURS)
            title = ", ".join(f"{what} {value}" for what, value in zip(PLACES, values, strict=True))
            yield f"{name}, {title}", {"own": values == own, "elements": count, "wrong": wrong, **row}
            del opt, params, grads, contenders


@contextmanager
def constants(*values: int) -> Iterator[None]:
    """Within it the constants have these values, in the order of PLACES; not for norms, whose chunks are defined."""
    places = [place for several in PLACES.values() for place in several]
    before = [getattr(*place) for place in places]
    after = [value for value, several in zip(values, PLACES.values(), strict=True) for _ in several]
    try:
        for (module, name), value in zip(places, after, strict=True):
            setattr(module, name, value)
        cupy_kernels.update_kernel.cache_clear()
        yield
    finally:
        for (module, name), value in zip(places, before, strict=True):
            setattr(module, name, value)
        cupy_kernels.update_kernel.cache_clear()
