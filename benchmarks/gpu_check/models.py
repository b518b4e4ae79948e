"""The parameter lists of real models, stepped by fastopt and by torch: AdamW alone, and captured in CUDA graphs."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

import fastopt
from fastopt.measure.bits import equal_bits

from . import torch_side
from .device import Gpu
from .neighbours import lists, step_compare, step_peers
from .runner import Rows
from .timing import Contender, summary, timed

ROUNDS = 15
STEPS = step_compare.CHECKED
OURS, TORCH = "fastopt", "torch fused"
BYTES = 28
Lists = Mapping[str, Callable[[], Any]]


def models(gpu: Gpu, chosen: Lists = lists.LISTS, rounds: int = ROUNDS) -> Rows:
    """A row for each list: AdamW in float32, checked, then timed by all clocks."""
    for name, shapes in chosen.items():
        given = step_peers.problem(shapes())
        opt, params, grads = ours(gpu, given)
        contenders = {OURS: partial(opt.step, grads)}
        right = by_the_cpu(given)
        wrong = stepped(gpu, contenders[OURS], params, right)
        skipped, theirs = torch_side.absent(), []
        if not skipped:
            theirs = torch_side.parameters(params_of(gpu, given), grads)
            contenders[TORCH] = torch_side.adamw(theirs).step
            wrong += close(gpu, contenders[TORCH], theirs, right)
        yield name, _row(gpu, contenders, given, rounds) | {"wrong": wrong, "torch": skipped or "measured"}
        contenders.clear()
        del opt, params, grads, right, theirs
        gpu.release()


def captured(gpu: Gpu, chosen: Lists = lists.LISTS, rounds: int = ROUNDS) -> Rows:
    """A row for each list: a replay of a captured step, beside torch's, and beside our step without a graph."""
    for name, shapes in chosen.items():
        given = step_peers.problem(shapes())
        opt, params, grads = ours(gpu, given)
        # As many replays as are checked and timed, by the most that timed() makes.
        replay = gpu.graph(opt.captured(grads, steps=10_000))
        right = by_the_cpu(given)
        wrong = stepped(gpu, replay, params, right)
        plain, _, others = ours(gpu, given)
        contenders = {OURS: replay, "fastopt, not captured": partial(plain.step, others)}
        skipped, theirs = torch_side.absent(), []
        if not skipped:
            theirs = torch_side.parameters(params_of(gpu, given), grads)
            contenders[TORCH] = torch_side.captured(torch_side.adamw(theirs, capturable=True).step)
            wrong += close(gpu, contenders[TORCH], theirs, by_the_cpu(given, torch_side.WARM_UP + STEPS))
        yield name, _row(gpu, contenders, given, rounds) | {"wrong": wrong, "torch": skipped or "measured"}
        contenders.clear()
        del opt, plain, replay, params, grads, others, theirs
        gpu.release()


def _row(gpu: Gpu, calls: Mapping[str, Callable[[], Any]], given: Any, rounds: int) -> dict[str, Any]:
    count = sum(p.size for p in given.start)
    contenders = {who: Contender([call], BYTES * count) for who, call in calls.items()}
    row = summary(timed(gpu, contenders, rounds), contenders, OURS)
    return {"arrays": len(given.start), "elements": count, **row}


def params_of(gpu: Gpu, given: Any) -> list[Any]:
    return [gpu.array(p) for p in given.start]


def ours(gpu: Gpu, given: Any, **options: Any) -> tuple[fastopt.Optimizer, list[Any], list[Any]]:
    """fastopt's optimizer on the GPU, its parameters and its gradients."""
    params, grads = params_of(gpu, given), [gpu.array(g) for g in given.grads]
    return fastopt.Optimizer(params, "adamw", lr=step_peers.LR, weight_decay=step_peers.DECAY, **options), params, grads


def by_the_cpu(given: Any, steps: int = STEPS) -> list[Any]:
    """The parameters after so many steps, by the CPU's kernels, whose bits are NumPy's."""
    params = [p.copy() for p in given.start]
    opt = fastopt.Optimizer(params, "adamw", lr=step_peers.LR, weight_decay=step_peers.DECAY)
    for _ in range(steps):
        opt.step(given.grads)
    return params


def stepped(gpu: Gpu, step: Callable[[], Any], params: Sequence[Any], right: Sequence[Any]) -> list[str]:
    """Make STEPS steps; say what is wrong with fastopt's parameters after them."""
    for _ in range(STEPS):
        step()
    differing = sum(int(np.count_nonzero(~equal_bits(gpu.host(a), b))) for a, b in zip(params, right, strict=True))
    return [f"{differing:,} elements of fastopt's parameters are not the CPU's"] if differing else []


def close(gpu: Gpu, step: Callable[[], Any], params: Sequence[Any], right: Sequence[Any]) -> list[str]:
    """Make STEPS steps; say what is wrong with torch's parameters after them."""
    for _ in range(STEPS):
        step()
    error = step_compare.largest_error([gpu.host(gpu.seen(p.detach())) for p in params], right)
    return [] if error <= 1 else [f"torch's parameters are off by {error:.3g} of what is tolerated"]
