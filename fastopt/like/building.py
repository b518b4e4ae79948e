"""From a peer's arguments to an optimizer of ours."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..checkpoint.state import text
from ..kernels import FAMILIES
from ..kernels.language.spellings import PAIRS
from ..kernels.language.values import shown
from ..monitors.factor import Factor, Product
from ..optimizer.classes import CLASSES
from ..optimizer.optimizer import Optimizer
from ..schedules.schedule import Schedule

# A hyperparameter: a number, or a function of the step.
Number = float | Callable[[int], float]


def built(family: str, params: Any, hyper: Mapping[str, Any], fixed: Mapping[str, Any]) -> Optimizer:
    """An optimizer of a class of ours. fixed: values of the peer's formula, used if the chosen rule has them."""
    own = FAMILIES[family].hyper
    given = {name: value for name, value in hyper.items() if name in own}
    rule, _ = FAMILIES[family].select(given)
    make: Callable[..., Optimizer] = CLASSES[family]
    return make(params, **hyper, **{name: value for name, value in fixed.items() if name in rule.hyper})


def decayed(family: str, hyper: Mapping[str, Any], decay: str) -> dict[str, Any]:
    """The hyperparameters with the peer's kind of decay; a decay of zero is left out unless it is the rule's own."""
    if "weight_decay" not in hyper or "weight_decay" in FAMILIES[family].hyper:
        return dict(hyper)
    if is_off(hyper["weight_decay"]):
        return {name: value for name, value in hyper.items() if name != "weight_decay"}
    return {**hyper, "decay": decay}


def unpaired(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with each pair, such as betas, as two. Raises TypeError or ValueError for what is no pair."""
    given = dict(arguments)
    for pair, names in PAIRS.items():
        if pair in given:
            values = given.pop(pair)
            each = tuple(values) if isinstance(values, Iterable) else ()
            if len(each) != len(names):
                kind = ValueError if isinstance(values, Iterable) else TypeError
                raise kind(f"{pair} must be a pair of values, of {' and '.join(names)}; got {shown(values)}")
            given.update(zip(names, each, strict=True))
    return given


def is_off(value: Any) -> bool:
    """Whether a hyperparameter has the value at which it does nothing."""
    return not callable(value) and not value


class FromZero:
    """A peer's function of the step, counted from 0, as a function counted from 1.

    Not a closure, so that it is copied and pickled with what it holds.
    """

    def __init__(self, function: Callable[[int], Any]) -> None:
        self.function = function

    def __call__(self, t: int) -> float:
        return float(self.function(t - 1))

    def __repr__(self) -> str:
        return f"{text(self.function)}, counted from 0"


def counted_from_zero(value: Any) -> Any:
    """A peer's function of the step, counted from 0, as a function counted from 1; other values as they are."""
    return FromZero(value) if is_foreign(value) else value


def is_foreign(value: Any) -> bool:
    """Whether a value is a function, but not one of ours: those count steps from 1."""
    return callable(value) and not isinstance(value, Schedule | Factor | Product)
