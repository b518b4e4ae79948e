"""An optimizer whose every step is compared with plain NumPy, bit by bit, and timed against it."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..kernels.arrays.view import compute_type
from ..kernels.reference import arithmetic_of
from ..measure.bits import same_bits
from ..optimizer.optimizer import Optimizer
from ..trees.tree import leaves


class CheckedOptimizer:
    """Steps an optimizer and beside it an independent run by `Rule.reference`, and times the plain formula.

    hyper: all hyperparameters of the rule, as numbers. wait: waits for the device of the arrays.
    seconds, plain_seconds: the time of each step, and of the formula on the same arrays in their own library.
    comparable: whether there is a reference to compare with: not for a norm or a sum over the whole model, since
    `Rule.reference` is given one array.
    differs_at: the step and the array in which the bits first differed, or None.
    """

    def __init__(self, optimizer: Optimizer, hyper: dict[str, Any], wait: Callable[[], None] = lambda: None) -> None:
        self.optimizer, self.rule, self.hyper, self._wait = optimizer, optimizer.rule, hyper, wait
        self.comparable = all(node.value == "array" for node in self.rule.program(hyper).reductions)
        self.seconds: list[float] = []
        self.plain_seconds: list[float] = []
        self.differs_at: tuple[int, str] | None = None
        self._paths = [path for path, _, _ in leaves(optimizer.params, "params")]
        self._arrays = [[_on_host(array).copy() for array in arrays] for arrays in self._theirs()]
        self._states: list[dict[str, Any]] = [dict(self.rule.states) for _ in self._arrays]

    def step(self, grads: Any, *, loss: float = math.nan) -> None:
        """Step the optimizer, and compare it if it has not differed yet. loss: for a rule that takes it."""
        t = self.optimizer.t + 1
        told = self.rule.step_numbers(t, loss)
        # The order alternates, so that the step and the formula each find the arrays that the other left in the cache.
        if t % 2:
            self.seconds.append(self._time_step(grads, loss))
            self.plain_seconds.append(self._time_formula(grads, told))
        else:
            self.plain_seconds.append(self._time_formula(grads, told))
            self.seconds.append(self._time_step(grads, loss))
        if self.comparable and self.differs_at is None:
            self._step_reference(grads, told)
            if name := self._difference():
                self.differs_at = (t, name)

    def _time_step(self, grads: Any, loss: float) -> float:
        self._wait()
        start = time.perf_counter()
        self.optimizer.step(grads, **self.rule.told(loss))
        self._wait()
        return time.perf_counter() - start

    def _time_formula(self, grads: Any, told: Mapping[str, Any]) -> float:
        """The time of the formula on the optimizer's own arrays, which it does not change."""
        theirs = self._theirs()
        states = self.optimizer.uniform_states
        numbers = [{**told, **self.hyper, **states[k]} for k in range(len(theirs))]
        jobs = [(p, g, *slots) for (p, *slots), (_, _, g) in zip(theirs, leaves(grads, "grads"), strict=True)]
        formula = self.rule.formula
        # As in the kernels: denormals would slow NumPy down many times.
        with arithmetic_of(compute_type([theirs[0][0].dtype.name])), np.errstate(all="ignore"):
            self._wait()
            start = time.perf_counter()
            for arrays, row in zip(jobs, numbers, strict=True):
                formula(*arrays, **row)
            self._wait()
            return time.perf_counter() - start

    def _step_reference(self, grads: Any, told: Mapping[str, Any]) -> None:
        for arrays, states, (_, _, g) in zip(self._arrays, self._states, leaves(grads, "grads"), strict=True):
            p, *slots = arrays
            new = self.rule.reference(p, _on_host(g), *slots, **told, **self.hyper, **states)
            arrays[:] = new[: len(arrays)]
            states.update(zip(states, new[len(arrays) :], strict=True))

    def _difference(self) -> str | None:
        names = ["", *(f"state {slot!r} of " for slot in self.rule.slots)]
        for path, ours, theirs in zip(self._paths, self._arrays, self._theirs(), strict=True):
            for name, a, b in zip(names, ours, theirs, strict=True):
                if not same_bits(a, _on_host(b)):
                    return name + path
        for path, own, actual in zip(self._paths, self._states, self.optimizer.uniform_states, strict=True):
            for name, value in own.items():
                if not same_bits(np.array([value]), np.array([actual[name]])):
                    return f"uniform state {name!r} of {path}"
        return None

    def _theirs(self) -> list[list[Any]]:
        """For each parameter of the optimizer: the parameter and its state arrays."""
        params = (array for _, _, array in leaves(self.optimizer.params, "params"))
        return [[array, *slots.values()] for array, slots in zip(params, self.optimizer.state, strict=True)]


def _on_host(array: Any) -> Any:
    """A NumPy array, or the copy in NumPy of a CuPy array."""
    return array if isinstance(array, np.ndarray) else array.get()
