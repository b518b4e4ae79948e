"""What an updater is told once, and the monitors behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..kernels.riders import WithRiders
from .hyper import Hyper


@dataclass(frozen=True)
class Choices:
    """What an updater is told once, and keeps for parameters that come later.

    definition: the rule with what rides along. hyper, groups: the hyperparameters of all parameters, and by pattern
    those of some. sparse: what a row-sparse gradient does to the rows that it does not touch. together: whether t
    counts the optimizer's steps in a formula, and not each parameter's own. lr_scale: by pattern the arrays that
    multiply lr. may_share: whether an array may stand in several places. monitors: objects to save along. casts:
    whether gradients are cast to the type in which their parameter is computed with. start: the values of slots before
    the first step, in the place of the rule's own. accumulate: what a step takes of gradients that were added up, or
    None.
    """

    definition: WithRiders
    hyper: Hyper
    groups: Mapping[str, Hyper]
    sparse: str
    together: bool
    lr_scale: Mapping[str, Any] | None
    may_share: bool
    monitors: Sequence[Any]
    casts: bool
    start: Mapping[str, float]
    accumulate: str | None = None

    @property
    def every_monitor(self) -> dict[str, Any]:
        """What is saved along, by its place: the monitors of `called_monitors`, and those that the user named."""
        named = {f"monitors[{k}]": monitor for k, monitor in enumerate(self.monitors)}
        return _each_once({**self.called_monitors, **named})

    @property
    def called_monitors(self) -> dict[str, Any]:
        """The monitors that functions of the step have called, by the hyperparameter and the order of first calls."""
        layers = [("", self.hyper), *((f"groups[{pattern!r}].", hyper) for pattern, hyper in self.groups.items())]
        return _each_once({f"{of}{place}": m for of, hyper in layers for place, m in hyper.monitors.items()})


def _each_once(monitors: dict[str, Any]) -> dict[str, Any]:
    """Each monitor at its first place."""
    firsts: dict[int, str] = {}
    for place, monitor in monitors.items():
        firsts.setdefault(id(monitor), place)
    return {place: monitors[place] for place in firsts.values()}
