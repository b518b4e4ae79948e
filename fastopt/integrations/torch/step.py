"""The step of torch's optimizers on fastopt's kernels; all else stays torch's."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.optim import optimizer as hooks

from .bound import Bound
from .kinds import KINDS, Kind, Options, read
from .refuse import refuse_state


@dataclass
class Updates:
    """How often a parameter was updated: by the kernels, and by torch's own step, by reason."""

    kernels: int = 0
    torch: Counter[str] = field(default_factory=Counter)


class FastStep(torch.optim.Optimizer):
    """A base class that stands before one of torch's optimizer classes and overrides its step."""

    param_groups: list[dict[str, Any]]
    kind: Kind
    _name: str
    _bound: Bound | None = None
    _read: Sequence[tuple[Any, Options]] = ()
    # GradScaler then unscales the gradients and leaves out steps by itself; with fused=True it would leave that to us.
    _step_supports_amp_scaling = property(lambda self: False, lambda self, value: None)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__name__ in KINDS and "kind" not in cls.__dict__:
            cls.kind, cls._name = KINDS[cls.__name__], cls.__name__

    @property
    def updates(self) -> Updates:
        """How many updates of parameters reached the kernels and how many fell back on torch's own step, and why."""
        updates: Updates = self.__dict__.setdefault("_updates", Updates())
        return updates

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient, as torch's step does; returns what the closure does."""
        # torch wraps a class's step in the hooks and in a mark for profilers, which takes a quarter of the time of a
        # small model's step whether or not a profiler runs. The own step of a subclass is wrapped by torch already.
        if type(self).step is FastStep.step and (torch.compiler.is_compiling() or self._attended()):
            return _hooked(self, closure) if closure else _hooked(self)
        return self._step(closure)

    step.hooked = True  # type: ignore[attr-defined]

    def _attended(self) -> bool:
        """Whether somebody has hooked onto the step, or profiles."""
        return bool(
            self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
            or hooks._global_optimizer_pre_hooks
            or hooks._global_optimizer_post_hooks
            or torch.autograd.profiler._is_profiler_enabled
            or torch.autograd._profiler_enabled()
        )

    def _step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if torch.compiler.is_compiling():
            # torch.compile makes a kernel of its own of torch's step.
            self._torch_step(self.param_groups)
            count = sum(p.grad is not None for group in self.param_groups for p in group["params"])
            self.updates.torch["torch.compile"] += count
            return loss
        params: list[Any] = []
        grads: list[Any] = []
        groups: list[int] = []
        for number, group in enumerate(self.param_groups):
            # torch makes an object of a gradient at each access if nobody holds it.
            own = [p.grad for p in group["params"]]
            params += group["params"]
            grads += own
            groups += [number] * len(own)
        if any(grad is None for grad in grads):
            kept = [k for k, grad in enumerate(grads) if grad is not None]
            params, grads, groups = ([values[k] for k in kept] for values in (params, grads, groups))
        if params:
            self._update(params, grads, groups)
        return loss

    def _update(self, params: list[Any], grads: list[Any], groups: list[int]) -> None:
        options = self._options()
        # Cleared until the step is made: after an interrupt it may be wrong.
        bound, self._bound = self._bound, None
        if bound is None or not bound.holds(self.state, params, grads, groups, options):
            # A gradient may be conjugated in name alone, as backward often leaves it.
            grads = [grad.resolve_conj() for grad in grads]
            if bound is None or not bound.holds(self.state, params, grads, groups, options):
                bound = Bound(self, self.kind, params, grads, groups, options)
        updates = self.updates
        if bound.left:
            left = {id(params[k]) for k in bound.left}
            self._torch_step(
                [{**group, "params": [p for p in group["params"] if id(p) in left]} for group in self.param_groups]
            )
            updates.torch.update(bound.left.values())
        for run in bound.runs:
            run.apply()
            updates.kernels += len(run.positions)
        # By its version autograd notices a tensor that was changed after it was saved for the backward pass.
        changed = [p for k, p in enumerate(params) if k not in bound.left] if bound.left else params
        torch.autograd.graph.increment_version(changed)
        self._bound = bound

    def _options(self) -> list[Options]:
        """The options of each group: read anew where they have changed, or may have changed unseen, as tensors do."""
        before, self._read = self._read, []
        for k, group in enumerate(self.param_groups):
            values = tuple(map(group.get, self.defaults))
            if k < len(before) and before[k][1].fixed and before[k][0] == values:
                self._read.append(before[k])
            else:
                self._read.append((values, read(self._name, group, self.defaults)))
        return [options for _, options in self._read]

    def _torch_step(self, groups: list[dict[str, Any]]) -> None:
        """Torch's own step on these groups, without the hooks."""
        own = super().step.__func__
        if getattr(own, "hooked", False):
            own = own.__wrapped__
        kept = self.param_groups
        self.param_groups = [group for group in groups if group["params"]]
        try:
            own(self)
        finally:
            self.param_groups = kept

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        if "defaults" not in state:
            refuse_state(self, self._name, self.kind, state)
        super().__setstate__(state)
        self._bound, self._read = None, ()


_hooked = torch.optim.Optimizer.profile_hook_step(FastStep._step)
