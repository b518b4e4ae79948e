"""What an updater is told once, and the monitors behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..kernels.program.stages import Program
from ..kernels.riders import WithRiders
from .groups import Groups
from .hyper import Hyper
from .state import started


@dataclass(frozen=True)
class Ruled:
    """A rule of an optimizer.

    definition: the rule with what rides along. hyper: the hyperparameters of all parameters that it updates. start: the
    values of slots before the first step, in the place of the rule's own.
    """

    definition: WithRiders
    hyper: Hyper
    start: Mapping[str, float]

    @property
    def kind(self) -> Any:
        """Equal for rules that can be updated together."""
        return self.program, tuple(self.start.items())

    @property
    def program(self) -> Program:
        """The formula that its choices give."""
        return self.definition.program(self.hyper)

    def started(self, hyper: Mapping[str, Any], array: Any, path: str, state_format: str | None) -> dict[str, Any]:
        """As state.started has it. hyper: the numbers of the parameter."""
        return started(self.definition, hyper, self.start, array, path, state_format)


@dataclass(frozen=True)
class Choices:
    """What an updater is told once, and keeps for parameters that come later.

    rules: the rule of all parameters, and then those of groups. groups: some of the parameters, with numbers of their
    own. sparse: what a row-sparse gradient does to the rows that it does not touch. together: whether t counts
    the optimizer's steps in a formula, and not each parameter's own. lr_scale: by pattern the arrays that multiply lr.
    may_share: whether an array may stand in several places. monitors: objects to save along. casts: whether gradients
    are cast to the type in which their parameter is computed with. accumulate: what a step takes of gradients that were
    added up, or None.
    """

    rules: Sequence[Ruled]
    groups: Groups
    sparse: str
    together: bool
    lr_scale: Mapping[str, Any] | None
    may_share: bool
    monitors: Sequence[Any]
    casts: bool
    accumulate: str | None = None

    @property
    def definition(self) -> WithRiders:
        """That of the rule of all parameters."""
        return self.rules[0].definition

    @property
    def hyper(self) -> Hyper:
        """The hyperparameters of all parameters."""
        return self.rules[0].hyper

    def state_format(self, chosen: Sequence[bool]) -> str | None:
        """The format of a parameter's state. chosen: for each group whether it is in it."""
        return self.groups.state_format(chosen, self.definition.on.get("state_format"))

    @property
    def every_hyper(self) -> list[tuple[Hyper, Hyper]]:
        """All hyperparameters, each with those of all parameters of its rule."""
        of_rules = [ruled.hyper for ruled in self.rules]
        groups = [
            (hyper, of_rules[rule])
            for group in self.groups.each
            for rule, hyper in group.hypers.items()
            if isinstance(hyper, Hyper) and hyper is not of_rules[rule]
        ]
        return [*zip(of_rules, of_rules, strict=True), *groups]

    @property
    def every_monitor(self) -> dict[str, Any]:
        """What is saved along, by its place: the monitors of `called_monitors`, and those that the user named."""
        named = {f"monitors[{k}]": monitor for k, monitor in enumerate(self.monitors)}
        return _each_once({**self.called_monitors, **named})

    @property
    def called_monitors(self) -> dict[str, Any]:
        """The monitors that functions of the step have called, by the hyperparameter and the order of first calls."""
        layers = [("", self.hyper), *((f"groups[{key!r}].", hyper) for key, hyper in self.groups.items())]
        return _each_once({f"{of}{place}": m for of, hyper in layers for place, m in hyper.monitors.items()})


def _each_once(monitors: dict[str, Any]) -> dict[str, Any]:
    """Each monitor at its first place."""
    firsts: dict[int, str] = {}
    for place, monitor in monitors.items():
        firsts.setdefault(id(monitor), place)
    return {place: monitors[place] for place in firsts.values()}
