"""The tail of a training step on GPT-2's list: unscale, clip by the norm, AdamW, average, zero, copy to bfloat16.

torch's three ways of putting the tail together are those of step_tail.py, with a copy to bfloat16 at the end; the
fastest of them counts.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fastopt import Optimizer
from fastopt.measure.bits import equal_bits

from . import torch_side
from .device import Gpu
from .models import OURS, Lists
from .neighbours import lists, step_peers, step_tail
from .runner import Rows
from .timing import Contender, summary, timed

ROUNDS = 11
STEPS = 2
# One pass reads g, the other reads and writes p, g, m, v and the average, and writes a copy of two bytes.
BYTES = 46
WAYS = {"torch, as in the manual": step_tail.manual, "torch, folded": step_tail.folded}
WAYS["torch, within the step"] = step_tail.within
# torch's norms are sums in float32. They enter a step through Adam, which hardly minds the size of gradients.
TOLERANCE = 1e-2 * step_peers.LR
OPTIONS: dict[str, Any] = {
    **{"lr": step_peers.LR, "weight_decay": step_peers.DECAY, "grad_scale": 1 / step_tail.SCALE},
    **{"clip_norm": step_tail.LIMIT, "ema": step_tail.AVERAGE, "zero_grads": True, "cast_to": "bfloat16"},
}


def rows(gpu: Gpu, chosen: Lists | None = None, rounds: int = ROUNDS) -> Rows:
    """A row for each list that is chosen; by default GPT-2's alone."""
    for name, shapes in (chosen or {"GPT-2 small": lists.LISTS["GPT-2 small"]}).items():
        given = step_peers.problem(shapes())
        right = everything([p.copy() for p in given.start], [g.copy() for g in given.grads], np.array)[1]()
        step, results = everything([gpu.array(p) for p in given.start], [gpu.array(g) for g in given.grads], gpu.host)
        # `everything` has made the steps on the CPU and on the GPU.
        values = results()
        differing = sum(int(np.count_nonzero(~equal_bits(a, b))) for a, b in zip(values, right, strict=True))
        wrong = [f"{differing:,} elements are not the CPU's"] if differing else []
        calls: dict[str, Callable[[], Any]] = {OURS: step}
        skipped = torch_side.absent()
        for way, prepare in {} if skipped else WAYS.items():
            calls[way], params = with_torch(gpu, given, prepare)
            for _ in range(STEPS):
                calls[way]()
            error = max(
                float(abs(gpu.host(gpu.seen(p.detach())) - b).max()) for p, b in zip(params, right, strict=False)
            )
            if not error <= TOLERANCE:
                wrong.append(f"{way}: parameters are off by {error:.3g}, more than {TOLERANCE:.3g}")
        del right, values, results
        count = sum(p.size for p in given.start)
        contenders = {who: Contender([call], BYTES * count) for who, call in calls.items()}
        times = timed(gpu, contenders, rounds)
        row = summary(times, contenders, OURS)
        medians = {who: row["milliseconds"]["whole"][who]["median"] for who in calls if who != OURS}
        fastest = min(medians, key=medians.__getitem__, default=skipped)
        yield name, {"elements": count, "fastest_of_torch": fastest, "wrong": wrong, **row}
        calls.clear()
        contenders.clear()
        del step
        gpu.release()


def everything(params: list[Any], grads: list[Any], host: Callable[[Any], Any]) -> tuple[Callable[[], Any], Any]:
    """fastopt's step, already made STEPS times, and a function that gives all arrays that it has written."""
    opt = Optimizer(params, "adamw", **OPTIONS)
    step = partial(opt.step, grads)
    for _ in range(STEPS):
        step()
    return step, lambda: [host(array) for array in (*params, *opt.ema, *opt.cast, *grads)]


def with_torch(gpu: Gpu, given: Any, prepare: Callable[..., None]) -> tuple[Callable[[], Any], list[Any]]:
    """One of torch's ways; a step, and its parameters."""
    import torch

    params = torch_side.parameters([gpu.array(p) for p in given.start], [gpu.array(g) for g in given.grads])
    plain, grads = [p.detach() for p in params], [p.grad for p in params]
    averages, casts = [p.clone() for p in plain], [p.to(torch.bfloat16) for p in plain]
    opt = torch_side.adamw(params)
    t = 0

    def step() -> None:
        nonlocal t
        t += 1
        with torch.no_grad():
            prepare(torch, opt, params, grads)
            opt.step()
            torch._foreach_lerp_(averages, plain, step_tail.weight(t))
            torch._foreach_zero_(grads)
            torch._foreach_copy_(casts, plain)

    return step, params
