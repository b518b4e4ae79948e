"""The same parameters under one of torch's optimizers and under ours of the same name. Imports torch."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from paths import Path
from torch import optim

import fastopt.integrations.torch as fast

__all__ = ["fast", "optim", "torch"]
NAMES = [name for name in fast.__all__ if name != "Updates"]


def infos() -> dict[str, Any]:
    """torch's own database of its optimizers, by name."""
    from torch.testing._internal.common_optimizers import optim_db

    return {info.optim_cls.__name__: info for info in optim_db}


def configurations(name: str) -> list[Any]:
    """torch's own configurations of an optimizer, each also with foreach, fused and differentiable where it can."""
    from torch.testing._internal.common_optimizers import _get_optim_inputs_including_global_cliquey_kwargs

    return _get_optim_inputs_including_global_cliquey_kwargs("cpu", torch.float32, infos()[name])


def start(*shapes: tuple[int, ...], dtype: Any = torch.float32, seed: int = 0) -> list[Any]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes]


def gradients(like: Sequence[Any], seed: int) -> list[Any]:
    """Gradients that lie in memory as the parameters do; the same for the same seed."""
    generator = torch.Generator().manual_seed(1000 + seed)
    drawn = [torch.randn(p.shape, generator=generator, dtype=torch.float64) for p in like]
    return [torch.empty_like(p, requires_grad=False).copy_(g) for p, g in zip(like, drawn, strict=True)]


class Twins:
    """One optimizer of ours and one of torch's, from the same start.

    make: called with the class and the parameters; gives the optimizer.
    """

    def __init__(self, name: str, begin: Sequence[Any], make: Callable[[Any, list[Any]], Any]) -> None:
        copies = [[torch.nn.Parameter(tensor.detach().clone()) for tensor in begin] for _ in range(2)]
        self.params, self.others = copies
        self.ours, self.theirs = make(getattr(fast, name), self.params), make(getattr(torch.optim, name), self.others)
        self.steps = 0

    def give(self, absent: Sequence[int] = ()) -> None:
        """New gradients for both, but for the parameters that are absent."""
        self.steps += 1
        for k, g in enumerate(gradients(self.params, self.steps)):
            self.params[k].grad = None if k in absent else g
            self.others[k].grad = None if k in absent else g.clone()

    def step(self, absent: Sequence[int] = ()) -> None:
        self.give(absent)
        self.ours.step()
        self.theirs.step()

    def apart(self) -> float:
        """The largest difference of parameters and state, relative to the largest of their array.

        Names, types, shapes and strides must be the same.
        """
        pairs = list(zip(self.params, self.others, strict=True))
        for p, q in list(pairs):
            mine, other = self.ours.state.get(p, {}), self.theirs.state.get(q, {})
            assert list(mine) == list(other)
            pairs += [(mine[key], other[key]) for key in mine if other[key] is not None]
        worst = 0.0
        for p, q in pairs:
            assert (p.dtype, p.shape, p.stride()) == (q.dtype, q.shape, q.stride())
            a, b = (x.detach().double().reshape(-1) for x in (p, q))
            assert torch.isfinite(b).all()
            if len(b):
                worst = max(worst, float((a - b).abs().max() / b.abs().max().clamp_min(1e-300)))
        return worst


def path(optimizer: Any, grads: Sequence[np.ndarray]) -> Path:
    """Its one parameter after each step."""
    (parameter,) = optimizer.param_groups[0]["params"]
    found = []
    for grad in grads:
        parameter.grad = torch.tensor(grad, dtype=parameter.dtype)
        optimizer.step()
        found.append(parameter.detach().double().numpy().copy())
    return found
