"""AdamW on one list of arrays, by fastopt and by its peers: for each a step and its results.

All do the same: lr 1e-3, betas 0.9 and 0.999, eps 1e-8, decoupled weight decay 0.01, float32. Thinc differs in three
ways that cannot be switched off: eps is not bias-corrected, the decay comes after the step, and the gradients are set
to zero. Its clip and its averages are off. Like every library's own user, each has arrays that its library allocated.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numba
import numpy as np

import fastopt
from fastopt.kernels import RULES

LR, BETA1, BETA2, EPS, DECAY = 1e-3, 0.9, 0.999, 1e-8, 0.01


class Contender(NamedTuple):
    """step: one update, which returns when it is done. results: the arrays that it updates, as NumPy's."""

    step: Callable[[], Any]
    results: Callable[[], Sequence[np.ndarray]]


@dataclass
class Problem:
    """Start values and gradients, the same for every contender. Those who only read a gradient share it."""

    start: list[np.ndarray]
    grads: list[np.ndarray]

    @cached_property
    def torch_grads(self) -> list[Any]:
        return [torch_array(grad) for grad in self.grads]


def problem(shapes: Sequence[tuple[int, ...]]) -> Problem:
    generator = np.random.default_rng(0)
    start = [generator.standard_normal(shape, "float32") * np.float32(0.02) for shape in shapes]
    return Problem(start, [generator.standard_normal(shape, "float32") for shape in shapes])


def expected(given: Problem, steps: int, thinc: bool = False) -> list[np.ndarray]:
    """The parameters after so many steps by the reference; with Thinc's differences if asked."""
    params = []
    for start, g in zip(given.start, given.grads, strict=True):
        p, m, v = start, np.zeros_like(start), np.zeros_like(start)
        for t in range(1, steps + 1):
            if thinc:
                eps = EPS / (1 - BETA2**t) ** 0.5
                p, m, v = RULES["adam"].reference(p, g * np.float32(t == 1), m, v, t=t, eps=eps, lr=LR)
                p *= np.float32(1 - LR * DECAY)
            else:
                p, m, v = RULES["adamw"].reference(p, g, m, v, t=t, lr=LR, eps=EPS, weight_decay=DECAY)
        params.append(p)
    return params


def with_fastopt(given: Problem) -> Contender:
    params = [p.copy() for p in given.start]
    opt = fastopt.AdamW(params, lr=LR, weight_decay=DECAY)
    return Contender(lambda: opt.step(given.grads), lambda: params)


def with_numpy(given: Problem) -> Contender:
    params = [p.copy() for p in given.start]
    moments = [(np.zeros_like(p), np.zeros_like(p)) for p in params]
    t = 0

    def step() -> None:
        nonlocal t
        t += 1
        for p, g, (m, v) in zip(params, given.grads, moments, strict=True):
            m *= BETA1
            m += (1 - BETA1) * g
            v *= BETA2
            v += (1 - BETA2) * g * g
            p *= 1 - LR * DECAY
            p -= LR * (m / (1 - BETA1**t)) / (np.sqrt(v / (1 - BETA2**t)) + EPS)

    return Contender(step, lambda: params)


def torch_array(array: np.ndarray) -> Any:
    """A copy in memory of torch's."""
    import torch

    torch.set_num_threads(numba.get_num_threads())
    return torch.from_numpy(array).clone()


def torch_parameters(given: Problem) -> list[Any]:
    """Parameters with gradients."""
    import torch

    params = [torch.nn.Parameter(torch_array(p)) for p in given.start]
    for p, g in zip(params, given.torch_grads, strict=True):
        p.grad = g
    return params


def _torch(given: Problem, make: Callable[[list[Any]], Any]) -> Contender:
    params = torch_parameters(given)
    return Contender(make(params).step, lambda: [p.detach().numpy() for p in params])


def with_torch_fused(given: Problem) -> Contender:
    import torch

    return _torch(given, lambda params: torch.optim.AdamW(params, lr=LR, weight_decay=DECAY, fused=True))


def with_torch_foreach(given: Problem) -> Contender:
    import torch

    return _torch(given, lambda params: torch.optim.AdamW(params, lr=LR, weight_decay=DECAY, foreach=True))


def with_deepspeed(given: Problem) -> Contender:
    from deepspeed.ops.adam import DeepSpeedCPUAdam

    return _torch(given, lambda params: DeepSpeedCPUAdam(params, lr=LR, weight_decay=DECAY, adamw_mode=True))


def with_optax(given: Problem) -> Contender:
    import jax
    import optax

    # Donated arrays are updated where they are; XLA's own threads are as many as there are cores.
    rule = optax.adamw(LR, weight_decay=DECAY)
    params = [jax.numpy.array(p, copy=True) for p in given.start]
    state = rule.init(params)
    grads = [jax.numpy.array(g, copy=True) for g in given.grads]

    def update(params: Any, state: Any, grads: Any) -> Any:
        updates, state = rule.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    compiled = jax.jit(update, donate_argnums=(0, 1))

    def step() -> None:
        nonlocal params, state
        params, state = jax.block_until_ready(compiled(params, state, grads))

    return Contender(step, lambda: [np.asarray(p) for p in params])


def with_thinc(given: Problem) -> Contender:
    from thinc.api import Adam

    params, grads = [p.copy() for p in given.start], [g.copy() for g in given.grads]
    opt = Adam(LR, L2=DECAY, grad_clip=0.0, use_averages=False)

    def step() -> None:
        for key, (p, g) in enumerate(zip(params, grads, strict=True)):
            opt((key, "W"), p, g)
        opt.step_schedules()

    return Contender(step, lambda: params)


CONTENDERS: dict[str, Callable[[Problem], Contender]] = {
    "fastopt": with_fastopt,
    "torch fused": with_torch_fused,
    "torch foreach": with_torch_foreach,
    "DeepSpeed": with_deepspeed,
    "optax": with_optax,
    "Thinc": with_thinc,
    "NumPy": with_numpy,
}
