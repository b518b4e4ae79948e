"""Thinc's update, the formula and all around it, as one pass: L2, clip, decay, average, a zeroed gradient."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..kernels.definition import Definition
from ..kernels.language.functions import norm, scaled
from ..kernels.language.hyperparameters import parse_ranges
from ..kernels.libraries.library import array_like, copy
from ..kernels.riders import AVERAGE, averaged, decayed, shrink
from ..kernels.rule_type import Rule
from ..kernels.step.plan import Plan

RANGES = parse_ranges("0 <= L2 < inf, grad_clip >= 0", ("L2", "grad_clip"))


class Around(NamedTuple):
    """The parts in use: the clip, L2 as a gradient before the clip or as a decay after the step, the averages."""

    clip: bool
    l2: bool
    decay: bool
    average: bool


class ThincStep(Definition):
    """A rule with all that Thinc's optimizer does around it, for one array.

    L2 joins the gradient before the clip, the decay takes its part of the new weights, the average starts at zero.
    """

    def __init__(self, rule: Rule, around: Around) -> None:
        super().__init__()
        self.rule, self.around = rule, around
        numbers = {"L2": 0.0} if around.l2 or around.decay else {}
        numbers |= {"grad_clip": 1.0} if around.clip else {}
        numbers |= {"average_decay": 0.0} if around.average else {}
        self.name, self.states = rule.name, rule.states
        self.hyper, self.ranges = {**rule.hyper, **numbers}, {**rule.ranges, **RANGES}
        extra = [AVERAGE] if around.average else []
        self.arrays = (*rule.arrays, *extra)
        self.written = (*rule.written, *extra, rule.arrays[1])
        self.start = {**rule.start, **dict.fromkeys(extra, 0.0)}
        self.counters = rule.counters
        self.formula = self._formula

    def _formula(self, p: Any, g: Any, /, *others: Any, **numbers: Any) -> tuple[Any, ...]:
        rule, around = self.rule, self.around
        slots = others[: len(rule.slots)]
        if around.l2:
            g = g + numbers["L2"] * p
        if around.clip:
            g = scaled(g, shrink(norm(g, over="model"), numbers["grad_clip"]))
        given = {name: numbers[name] for name in (*rule.hyper, *rule.states, *rule.of_step)}
        results = rule.formula(p, g, *slots, **given)
        new, *rest = results if isinstance(results, tuple | list) else (results,)
        if around.decay:
            new = decayed(new, new, {"lr": numbers["lr"], "weight_decay": numbers["L2"]})
        written, states = rest[: len(slots)], rest[len(slots) :]
        if around.average:
            (average,) = others[len(slots) :]
            written.append(averaged(average, new, numbers["average_decay"]))
        return (new, *written, 0.0, *states)


@functools.cache
def thinc_step(rule: Rule, around: Around) -> ThincStep:
    """The step of a rule, which all optimizers share: it is traced and compiled once."""
    return ThincStep(rule, around)


class Key:
    """A key of a Thinc optimizer: its state, and the plan that updates its arrays."""

    def __init__(self, key: Any, rule: Rule) -> None:
        self.key, self.states = key, dict(rule.states)
        self.slots: dict[str, Any] = {}
        self._plan: Plan | None = None
        self._step: ThincStep | None = None
        self._average: Any = None

    def update(
        self,
        step: ThincStep,
        weights: Any,
        gradient: Any,
        numbers: Mapping[str, Any],
        averages: dict[Any, Any] | None,
    ) -> None:
        """Apply one step, and set the gradient to zero. averages: by key; a missing average is added."""
        average = None if averages is None else averages.get(self.key)
        plan = self._plan
        slots = self.slots
        if plan is None or step is not self._step or average is not self._average:
            plan, slots, average = self._planned(step, weights, numbers, average)
        executor = plan.take([weights], [gradient])
        new = executor.decide([numbers])
        assert new is not None  # A ThincStep has nothing that skips a step.
        executor.write([])
        if self.states:
            self.states = dict(zip(self.states, new[0], strict=True))
        if plan is not self._plan:
            self._plan, self.slots, self._step, self._average = plan, slots, step, average
            if averages is not None:
                averages[self.key] = average

    def _planned(
        self, step: ThincStep, weights: Any, numbers: Mapping[str, Any], average: Any
    ) -> tuple[Plan, dict[str, Any], Any]:
        """A plan with the state that it updates, its slots and the average; missing state is made."""
        label = f"weights of {self.key}"
        slots = dict(self.slots)
        for slot in step.rule.slots:
            if slot not in slots:
                start = numbers.get(step.start[slot], step.start[slot])
                slots[slot] = array_like(weights, 0.0 if isinstance(start, str) else start, None, label)
                if isinstance(start, str):
                    copy(weights, slots[slot], label)
        arrays = list(slots.values())
        if step.around.average:
            average = array_like(weights, 0.0, None, label) if average is None else average
            arrays.append(average)
        kinds = dict(zip(step.arrays, ("weights", "gradient"), strict=False))
        plan = Plan(step.program(numbers), [arrays], [0], lambda _, name: f"{kinds.get(name, name)} of {self.key}")
        return plan, slots, average

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_plan": None, "_step": None, "_average": None}
