"""The Optimizer, and an optimizer class for each family of rules."""

import inspect
from collections.abc import Mapping
from typing import Any

from .kernels import FAMILIES, RULES, Family, Rule
from .kernels.dispatch import check_parameters, state_like
from .kernels.hyperparameters import suggestion
from .kernels.plan import Plan
from .tree import leaves, matching


class Optimizer:
    """Updates the arrays of a model in place by one rule.

    params: an array, or nested lists, tuples and dicts of arrays, of one library and device. rule: a Rule or its name.
    hyper: the rule's hyperparameters, each a number or a function of the step, which counts from 1.
    Raises TypeError or ValueError, naming the array or the hyperparameter, before anything is changed.
    """

    def __init__(self, params: Any, rule: Rule | str, **hyper: Any) -> None:
        if isinstance(rule, str):
            if rule not in RULES:
                raise ValueError(f"there is no rule {rule!r}; {suggestion(rule, RULES)}")
            rule = RULES[rule]
        if not isinstance(rule, Rule):
            raise TypeError(f"rule must be a rule made with @rule, or the name of one; got {rule!r}")
        self.rule = rule
        self.params = params
        self.t = 0
        named = list(leaves(params, "params"))
        if not named:
            raise ValueError("params has no arrays")
        self._paths = [path.removeprefix("params") for path, _ in named]
        self._arrays = [array for _, array in named]
        check_parameters(self._arrays, [path for path, _ in named])
        self._schedules = {name: value for name, value in hyper.items() if callable(value)}
        fixed = {name: value for name, value in hyper.items() if name not in self._schedules}
        scheduled = {name: schedule(1) for name, schedule in self._schedules.items()}
        self._hyper = rule.bind({**fixed, **scheduled})
        starts = {slot: self._hyper[v] if isinstance(v, str) else v for slot, v in rule.start.items()}
        self.state: list[dict[str, Any]] = [
            {slot: state_like(array, start, path) for slot, start in starts.items()} for path, array in named
        ]
        self._plans: dict[Any, Plan] = {}
        self.uniform_states: list[dict[str, float]] = [dict(rule.states)]

    def step(self, grads: Any) -> None:
        """Update every parameter by its gradient.

        grads: arrays in the structure of params, of the same shapes; they are only read.
        Raises TypeError or ValueError naming the array; nothing has then been changed.
        """
        gradients = list(matching(grads, self.params, "grads"))
        t = self.t + 1
        scheduled = {name: schedule(t) for name, schedule in self._schedules.items()}
        hyper = self.rule.bind({**self._hyper, **scheduled}) if scheduled else self._hyper
        program = self.rule.program(hyper)
        if program not in self._plans:
            self._plans[program] = Plan(program, [list(slots.values()) for slots in self.state], self._label)
        numbers = [{"t": t, **hyper, **states} for states in self.uniform_states]
        new = self._plans[program].run(self._arrays, gradients, numbers)
        self.uniform_states = [dict(zip(self.rule.states, values, strict=True)) for values in new]
        self.t = t

    def _label(self, position: int, name: str) -> str:
        parameter, gradient, *_ = self.rule.arrays
        kind = {parameter: "params", gradient: "grads"}.get(name, f"state {name!r} of params")
        return kind + self._paths[position]

    def __repr__(self) -> str:
        hyper = ", ".join(f"{name}={self._schedules.get(name, value)!r}" for name, value in self._hyper.items())
        return f"<{type(self).__name__}: {self.rule.name}, {len(self._arrays)} arrays, step {self.t}, {hyper}>"


def optimizer_class(family: Family) -> type[Optimizer]:
    """The optimizer class of a family, with the signature and the sources of its rules."""

    def __init__(self: Any, params: Any, **hyper: Any) -> None:
        rule, kept = family.select(hyper)
        Optimizer.__init__(self, params, rule, **kept)

    __init__.__signature__ = _signature(family.hyper)  # type: ignore[attr-defined]
    return type(family.name, (Optimizer,), {"__init__": __init__, "__doc__": _doc(family), "__module__": "fastopt"})


def _signature(hyper: Mapping[str, Any]) -> inspect.Signature:
    kinds = inspect.Parameter
    ordinary = [kinds(name, kinds.POSITIONAL_OR_KEYWORD) for name in ("self", "params")]
    return inspect.Signature([*ordinary, *(kinds(n, kinds.KEYWORD_ONLY, default=v) for n, v in hyper.items())])


def _doc(family: Family) -> str:
    lines = [f"{family.name}: updates the arrays of `params` in place.", ""]
    lines += ["Each hyperparameter is a number or a function of the step, which counts from 1.", ""]
    for options, rule in family.variants.items():
        chosen = f"with {' and '.join(options.split())}" if options else "by default"
        lines.append(f"{rule.name} ({chosen}): {inspect.cleandoc(rule.__doc__ or '')}")
        ranges = ", ".join(valid.text for valid in rule.ranges.values())
        lines += [f"  Requires {ranges}.", ""] if ranges else [""]
    return "\n".join(lines)


CLASSES: dict[str, type[Optimizer]] = {name: optimizer_class(family) for name, family in FAMILIES.items()}
