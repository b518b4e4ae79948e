"""Parameters that one kernel call updates, with torch's own tensors for state."""

from collections.abc import Sequence
from typing import Any

import torch

from ...kernels.step.plan import Plan
from ..scattered import Scattered
from .kinds import Kind, Options, definition_of


class TorchRun:
    """Parameters whose groups have one structure, on one device.

    positions: their places among all parameters that have gradients; groups: the group of each. states: torch's
    state of each. made: the state that SGD does not have before its first step, by position.
    """

    def __init__(
        self,
        kind: Kind,
        options: Sequence[Options],
        positions: Sequence[int],
        groups: Sequence[int],
        states: Sequence[dict[str, Any]],
        grads: Sequence[Any],
    ) -> None:
        step = definition_of([options[group] for group in dict.fromkeys(groups)])
        self._program = step.program(step.hyper)
        self._hyper, self._carried = step.hyper, tuple(step.states)
        self.positions, self._groups = positions, groups
        self.made: dict[int, dict[str, Any]] = {}
        self._slots = []
        for position, state, grad in zip(positions, states, grads, strict=True):
            if not kind.counted:
                missing = [kind.names[slot] for slot in step.slots if state.get(kind.names[slot]) is None]
                fresh = {name: torch.zeros_like(grad, memory_format=torch.preserve_format) for name in missing}
                if fresh:
                    self.made[position] = fresh
                state = {**state, **fresh}
            self._slots.append([state[kind.names[slot]] for slot in step.slots])
        # torch's tensors of one number: the counts of steps, then the uniform states.
        tables = [*(["step"] if kind.counted else []), *(kind.names[name] for name in self._carried)]
        self._kept = [Scattered([state[name].numpy() for state in states]) for name in tables]
        self._counted = kind.counted
        self._begun = [float(position not in self.made) for position in positions]
        self._labels: list[int] = []
        self._plan: Any = None
        self._prepared: Any = None

    def prepare(self, params: list[Any], grads: list[Any], options: Sequence[Options]) -> None:
        """Check all arrays and compute the numbers of the step.

        Raises TypeError or ValueError for arrays that the kernels cannot update; nothing has then been changed.
        """
        if len(self.positions) < len(params):
            params, grads = [params[k] for k in self.positions], [grads[k] for k in self.positions]
        kept = [numbers.read() for numbers in self._kept]
        if not self._counted:
            kept.insert(0, self._begun)
        # Parameters of one group, count and history share a row of numbers.
        rows: dict[Any, int] = {}
        labels = [rows.setdefault(row, len(rows)) for row in zip(self._groups, *kept, strict=True)]
        if labels != self._labels or self._plan is None:
            self._plan, self._labels = Plan(self._program, self._slots, labels, _label(self._program.arrays)), labels
        executor = self._plan.take(params, grads)
        numbers = [
            {**self._hyper, **options[group].numbers, "t": int(count) + 1, **dict(zip(self._carried, own, strict=True))}
            for group, count, *own in rows
        ]
        self._prepared = executor, kept[0], executor.decide(numbers)

    @property
    def calls(self) -> int:
        """How many kernel calls a step takes: one for all arrays of the same types."""
        executor, _, _ = self._prepared
        return int(executor.writes)

    def apply(self) -> None:
        """Write the step that was prepared."""
        executor, counts, new = self._prepared
        executor.write([])
        if not self._counted:
            self._begun = [1.0] * len(self._begun)
            return
        steps, *carried = self._kept
        steps.write([count + 1 for count in counts])
        for k, numbers in enumerate(carried):
            numbers.write([new[label][k] for label in self._labels])


def _label(arrays: Sequence[str]) -> Any:
    """How messages name an array: equal for all parameters, since messages are counted as reasons."""
    parameter, gradient = arrays[:2]
    words = {parameter: "the parameter", gradient: "the gradient"}
    return lambda position, name: words.get(name, f"the state {name}")
