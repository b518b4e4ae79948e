"""The tail of a training step: unscale, clip by the global norm, AdamW, average the weights, zero the gradients.

fastopt does it in two passes, one that reads the gradients for their norm and one for all the rest. torch has these
parts, put together in three ways; the fastest counts:

- as the manual has it: torch._foreach_mul_, torch.nn.utils.clip_grad_norm_ with foreach, AdamW with fused,
  torch._foreach_lerp_ (which torch.optim.swa_utils.get_ema_multi_avg_fn calls), torch._foreach_zero_;
- folded: the norm of the scaled gradients, then one torch._foreach_mul_ that unscales and clips;
- within the step: the norm, then both as the grad_scale that the fused kernel divides by.

torch takes norms in float32: over the 38.6 million elements of GPT-2's embedding it is 0.27 % too small. So torch's
results are compared with what follows from its own norm.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from step_peers import BETA1, BETA2, DECAY, EPS, LR, Contender, Problem, torch_array

import fastopt

SCALE, LIMIT, AVERAGE = 128.0, 1.0, 0.999


def weight(t: int) -> float:
    """The weight of the new parameters in the average, so that the average has no bias at any step."""
    return (1 - AVERAGE) / (1 - AVERAGE**t)


def norms(given: Problem) -> tuple[float, float]:
    """The norm of all gradients, in float64, and as torch has it."""
    exact = float(np.sqrt(sum(np.sum(np.square(g, dtype="float64")) for g in given.grads)))
    try:
        import torch
    except ImportError:
        return exact, exact
    theirs = float(torch.nn.utils.get_total_norm([torch.from_numpy(g) for g in given.grads], foreach=True))
    assert abs(theirs / exact - 1) < 0.005
    return exact, theirs


def expected(given: Problem, steps: int, norm: float) -> list[np.ndarray]:
    """Parameters, averages and gradients by plain NumPy; after the first step the gradients are zero.

    norm: of the gradients of the first step.
    """
    params = [p.copy() for p in given.start]
    averages, moments = [p.copy() for p in params], [(np.zeros_like(p), np.zeros_like(p)) for p in params]
    for t in range(1, steps + 1):
        factor = LIMIT / max(norm / SCALE, LIMIT) / SCALE if t == 1 else 0.0
        for p, g, (m, v), average in zip(params, given.grads, moments, averages, strict=True):
            clipped = g * factor
            m[...] = BETA1 * m + (1 - BETA1) * clipped
            v[...] = BETA2 * v + (1 - BETA2) * clipped * clipped
            p *= 1 - LR * DECAY
            p -= LR * (m / (1 - BETA1**t)) / (np.sqrt(v / (1 - BETA2**t)) + EPS)
            average += weight(t) * (p - average)
    return [*params, *averages, *(np.broadcast_to(np.float32(0), p.shape) for p in params)]


def with_fastopt(given: Problem) -> Contender:
    params, grads = [p.copy() for p in given.start], [g.copy() for g in given.grads]
    opt = fastopt.AdamW(
        params, lr=LR, weight_decay=DECAY, grad_scale=1 / SCALE, clip_norm=LIMIT, ema=AVERAGE, zero_grads=True
    )
    return Contender(lambda: opt.step(grads), lambda: [*params, *opt.ema, *grads])


def manual(torch: Any, opt: Any, params: list[Any], grads: list[Any]) -> None:
    torch._foreach_mul_(grads, 1 / SCALE)
    torch.nn.utils.clip_grad_norm_(params, LIMIT, foreach=True)


def folded(torch: Any, opt: Any, params: list[Any], grads: list[Any]) -> None:
    norm = float(torch.nn.utils.get_total_norm(grads, foreach=True)) / SCALE
    torch._foreach_mul_(grads, LIMIT / max(norm, LIMIT) / SCALE)


def within(torch: Any, opt: Any, params: list[Any], grads: list[Any]) -> None:
    norm = torch.nn.utils.get_total_norm(grads, foreach=True) / SCALE
    opt.grad_scale, opt.found_inf = torch.clamp(norm / LIMIT, min=1.0) * SCALE, torch.zeros_like(norm)


def with_torch(prepare: Callable[..., None], given: Problem) -> Contender:
    import torch

    params = [torch.nn.Parameter(torch_array(p)) for p in given.start]
    grads = [torch_array(g) for g in given.grads]
    averages = [torch_array(p) for p in given.start]
    plain = [p.detach() for p in params]
    opt = torch.optim.AdamW(params, lr=LR, weight_decay=DECAY, fused=True)
    for p, g in zip(params, grads, strict=True):
        p.grad = g
    t = 0

    def step() -> None:
        nonlocal t
        t += 1
        with torch.no_grad():
            prepare(torch, opt, params, grads)
            opt.step()
            torch._foreach_lerp_(averages, plain, weight(t))
            torch._foreach_zero_(grads)

    return Contender(step, lambda: [x.numpy() for x in (*plain, *averages, *grads)])


CONTENDERS: dict[str, Callable[[Problem], Contender]] = {
    "fastopt": with_fastopt,
    "torch, as in the manual": functools.partial(with_torch, manual),
    "torch, folded": functools.partial(with_torch, folded),
    "torch, within the step": functools.partial(with_torch, within),
}
