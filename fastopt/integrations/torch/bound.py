"""The parameters that the kernels update in a step, call by call, and those that are left to torch, with the reason."""

import inspect
import itertools
from collections.abc import Mapping, Sequence
from operator import is_
from typing import Any

import torch

from ...kernels.arrays.extents import Extents
from ...kernels.arrays.view import ITEM_SIZES
from ...kernels.backends import backend
from .kinds import Kind, Options
from .run import TorchRun

_TYPES = (torch.Tensor, torch.nn.Parameter)
_STORED = {*(getattr(torch, name) for name in ITEM_SIZES), torch.complex64, torch.complex128}


class Bound:
    """The parameters that have gradients, each bound to a run of the kernels or left to torch.

    groups: the number of each parameter's group. options: of each group. left: the reason for each parameter that is
    left to torch, by position.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        kind: Kind,
        params: list[Any],
        grads: list[Any],
        groups: list[int],
        options: Sequence[Options],
    ) -> None:
        self._kind = kind
        self.groups, self._structures = groups, _structures(options)
        self._cuda = any(p.is_cuda for p in params)
        # Reasons that are seen without the kernels, and so looked for again in each step.
        self._seen = {
            k: why
            for k, (p, g, group) in enumerate(zip(params, grads, groups, strict=True))
            if (why := reason(p, g, options[group]))
        }
        self.left: dict[int, str] = dict(self._seen)
        self._begin(optimizer, params)
        self.runs: list[TorchRun] = []
        apart: dict[Any, list[int]] = {}
        for k, group in enumerate(groups):
            if k not in self.left:
                apart.setdefault((options[group].structure, params[k].device), []).append(k)
        for positions in apart.values():
            self._prepare(optimizer, positions, params, grads, options)
        for run in self.runs:
            for k, fresh in run.made.items():
                optimizer.state[params[k]].update(fresh)
        self._values = _values(optimizer.state)
        self._tensors = [value for value in self._values if isinstance(value, torch.Tensor)]
        self._headers = backend("cpu").headers(self._tensors, [], Extents()) if self._tensors else None

    def holds(
        self,
        state: Mapping[Any, Any],
        params: list[Any],
        grads: list[Any],
        groups: list[int],
        options: Sequence[Options],
    ) -> bool:
        """Whether the next step can be made by these runs; they are then prepared for it."""
        if self._cuda and torch.cuda.is_current_stream_capturing():
            return False
        if groups != self.groups or len(self.left) > len(self._seen) or _structures(options) != self._structures:
            return False
        values = _values(state)
        if len(values) != len(self._values) or not all(map(is_, values, self._values)):
            return False
        # A tensor may have been given other memory.
        if self._tensors and (self._headers is None or self._headers.look(self._tensors, [])):
            return False
        if any(reason(params[k], grads[k], options[groups[k]]) != why for k, why in self._seen.items()):
            return False
        try:
            for run in self.runs:
                run.prepare(params, grads, options)
        except (TypeError, ValueError):
            return False
        return True

    def _begin(self, optimizer: torch.optim.Optimizer, params: list[Any]) -> None:
        """Have torch make the state that is missing."""
        start = optimizer._init_group
        lists = len(inspect.signature(start).parameters) - 1
        for number, group in enumerate(optimizer.param_groups):
            own = [p for k, p in enumerate(params) if self.groups[k] == number and k not in self.left]
            if own:
                start({**group, "params": own}, *([] for _ in range(lists)))

    def _prepare(
        self,
        optimizer: torch.optim.Optimizer,
        positions: list[int],
        params: list[Any],
        grads: list[Any],
        options: Sequence[Options],
    ) -> None:
        """Make a run of these parameters; those that the kernels refuse are left to torch."""

        def run(chosen: list[int]) -> TorchRun:
            states, groups = [optimizer.state[params[k]] for k in chosen], [self.groups[k] for k in chosen]
            prepared = TorchRun(self._kind, options, chosen, groups, states, [grads[k] for k in chosen])
            prepared.prepare(params, grads, options)
            return prepared

        try:
            self.runs.append(run(positions))
            return
        except (TypeError, ValueError) as error:
            together = str(error)
        rest = []
        for k in positions:
            try:
                run([k])
                rest.append(k)
            except (TypeError, ValueError) as error:
                self.left[k] = str(error)
        if len(rest) == len(positions):
            # Each parameter alone is taken, but not all together: they share memory.
            self.left |= dict.fromkeys(rest, together)
        elif rest:
            self._prepare(optimizer, rest, params, grads, options)


def reason(param: Any, grad: Any, options: Options) -> str:
    """Why a parameter is left to torch; empty if the kernels may try."""
    if options.refused:
        return options.refused
    if options.flushed and param.dtype not in (torch.float64, torch.complex128):
        return options.flushed
    if param.is_inference():
        return "a parameter made in inference mode"
    for tensor in (param, grad):
        if type(tensor) not in _TYPES:
            return f"a {type(tensor).__name__}"
        if tensor.layout is not torch.strided:
            return "a sparse gradient" if tensor is grad else "a sparse parameter"
        if tensor.dtype not in _STORED:
            return f"a tensor of {tensor.dtype}"
        if tensor.device.type not in ("cpu", "cuda"):
            return f"a tensor on {tensor.device.type}"
        if tensor.is_cuda and torch.cuda.is_current_stream_capturing():
            return "a CUDA graph that is being captured"
        if tensor.is_neg():
            return "a negated view"
        if tensor.is_conj():
            return "a conjugated view"
    return ""


def _structures(options: Sequence[Options]) -> list[Any]:
    return [(group.structure, group.decay, group.refused, group.flushed) for group in options]


def _values(state: Mapping[Any, Any]) -> list[Any]:
    try:
        return list(itertools.chain.from_iterable(map(dict.values, state.values())))
    except TypeError:
        return [value for own in state.values() if isinstance(own, dict) for value in own.values()]
