"""Thinc's optimizers on fastopt's kernels, for Thinc and spaCy: `"@optimizers" = "fastopt.Adam.v1"` in a config.

There is an optimizer for each family of fastopt's rules, with Thinc's arguments and conduct: learn_rate, L2, grad_clip,
L2_is_weight_decay, use_averages; the gradient is set to zero; each key has a count of steps of its own. Those that
Thinc has too, `Adam`, `RAdam` and `SGD`, have its formulas and defaults.
"""

import inspect
import itertools
import operator
from collections.abc import Callable, Mapping
from typing import Any

import thinc.schedules
from thinc.optimizers import SGD_DEFAULTS
from thinc.optimizers import Optimizer as Base

from ..kernels import FAMILIES, Family, Rule
from ..kernels.language.hyperparameters import checked, plain_number
from ..kernels.program.floors import flushed
from ..like.building import counted_from_zero, is_off
from ..like.thinc.optimizers import FIXED, average_decay
from .thinc_step import RANGES, Around, Key, thinc_step
from .versions import warn_if_untested

warn_if_untested("thinc", "8.3", "9.1")

# Hyperparameters for which Thinc has an attribute of its own.
_ATTRIBUTES = {"lr": "learn_rate", "beta1": "b1", "beta2": "b2"}
_SCHEDULE: Any = getattr(thinc.schedules, "Schedule", ())  # Thinc 8 has generators only.


class Optimizer(Base):  # type: ignore[misc]
    """A Thinc optimizer with the rule of a family: `opt(key, weights, gradient)` updates one array in place.

    Each hyperparameter is a number, or changes from step to step: a list, a generator or a schedule of Thinc's, or a
    function of the step, which counts from 0 as in Thinc; those of fastopt.schedules count from 1. L2 joins the
    gradient, or with L2_is_weight_decay takes its part of the weights after the step. grad_clip: the largest norm of
    each array's gradient; 0 for none. use_averages: averages of the weights by key, in `averages`.
    Raises TypeError or ValueError for values that the rule cannot use.
    """

    def __init__(
        self,
        family: Family,
        *,
        learn_rate: Any,
        L2: Any,
        grad_clip: Any,
        L2_is_weight_decay: bool,
        use_averages: bool,
        **hyper: Any,
    ) -> None:
        self.rule, hyper = family.select(hyper)
        formula = {name: value for name, value in FIXED.get(family.name, {}).items() if name in self.rule.hyper}
        if formula and any(is_off(hyper.get(beta, 1.0)) for beta in ("beta1", "beta2")):
            raise ValueError("beta1 and beta2 must not be 0, with which thinc does not do Adam's steps; use SGD")
        values = {**self.rule.hyper, **formula, **hyper, "lr": learn_rate, "L2": L2, "grad_clip": grad_clip}
        fixed = [name for name in self.rule.hyper if name in (*self.rule.statics, *self.rule.starts_from)]
        self._fixed = {name: self._check(name, values.pop(name)) for name in fixed}
        _refuse_unfit(self.rule, self._fixed)
        super().__init__(0.0, use_averages=bool(use_averages), L2_is_weight_decay=bool(L2_is_weight_decay))
        self._attributes = {name: _ATTRIBUTES.get(name, name) for name in values}
        # A schedule that Thinc has made of a number need not be asked at each call.
        self._constant: dict[Any, Any] = {}
        for name, attribute in self._attributes.items():
            value = plain_number(values[name])
            self._set_attr_or_schedule(attribute, _source(value))
            stored = getattr(self, attribute)
            if callable(stored) and isinstance(value, int | float):
                self._constant[stored] = value
        # The attributes as they were last read, and whether they give the same numbers at each call.
        self._read = operator.attrgetter(*self._attributes.values())
        self._given, self._steady = (), False
        self._seen: list[Any] = []
        self._numbers: dict[str, Any] = {}
        self._flushed = ""
        self._keys: dict[Any, Key] = {}
        self._now(None)

    def __setattr__(self, name: str, value: Any) -> None:
        # Thinc's class is locked by its slots; this one has a __dict__ beside them.
        locked = "_keys" in self.__dict__ and type(self).__module__ == __name__
        if locked and name not in self.__dict__ and not hasattr(type(self), name):
            raise AttributeError(
                f"{name} cannot be set to {value!r}: this optimizer of {self.rule.name} has "
                f"{', '.join(self._attributes.values())}"
            )
        super().__setattr__(name, value)

    def __call__(self, key: Any, weights: Any, gradient: Any, *, lr_scale: float = 1.0) -> tuple[Any, Any]:
        """Update an array of weights in place and set its gradient to zero in place; returns both.

        key: names the array from step to step. lr_scale: multiplies the rate, and with it the decay.
        Raises TypeError or ValueError that names the key; nothing has then been changed.
        """
        if len(gradient) < 1:
            return weights, gradient
        numbers = self._now(key)
        if self._flushed and weights.dtype != "float64":
            raise ValueError(f"weights of {key}: {self.rule.name}: {self._flushed}")
        known = self._keys.get(key)
        if known is None:
            known = self._keys[key] = Key(key, self.rule)
        t = self.nr_update[key] + 1
        numbers = {**numbers, **known.states, "t": t, "average_decay": average_decay(t)}
        if lr_scale != 1.0:
            numbers["lr"] *= lr_scale
        l2, decays, averages = numbers["L2"] != 0, self.L2_is_weight_decay, self.averages
        around = Around(numbers["grad_clip"] != 0, l2 and not decays, l2 and decays, averages is not None)
        known.update(thinc_step(self.rule, around), weights, gradient, numbers, averages)
        self.nr_update[key] = t
        return weights, gradient

    def _now(self, key: Any) -> dict[str, Any]:
        """The hyperparameters of a call, as Python numbers."""
        given = self._read(self)
        if given == self._given and self._steady:
            return self._numbers
        seen = [self._constant.get(value) if callable(value) else value for value in given]
        steady = None not in seen
        if not steady:
            arguments = self._schedule_args(key)
            pairs = zip(seen, given, strict=True)
            seen = [value(self._step, **arguments) if number is None else number for number, value in pairs]
        if seen != self._seen:
            named = zip(self._attributes, seen, strict=True)
            self._numbers = {**self._fixed, **{name: self._check(name, value) for name, value in named}}
            self._flushed = flushed(self.rule.program(self._numbers), self._numbers)
            self._seen = seen
        # Set last, so that a value that is refused is refused at each call.
        self._given, self._steady = given, steady
        return self._numbers

    def _check(self, name: str, value: Any) -> Any:
        shown = "learn_rate" if name == "lr" else name
        valid = {**RANGES, **self.rule.ranges}.get(name)
        return checked(self.rule.name, shown, value, self.rule.hyper.get(name, 0.0), valid)


def _source(value: Any) -> Any:
    """A function of the step as a schedule of Thinc's, or as a generator, which Thinc 8 takes but cannot copy."""
    if not callable(value) or isinstance(value, _SCHEDULE):
        return value
    function = counted_from_zero(value)
    if _SCHEDULE:
        return _SCHEDULE("fastopt", _at, attrs={"function": function})
    return (function(t) for t in itertools.count(1))


def _at(schedule: Any, step: int, **_: Any) -> Any:
    return schedule.attrs["function"](step + 1)


def _refuse_unfit(rule: Rule, fixed: Mapping[str, Any]) -> None:
    reason = ""
    if any(node.value != "array" for node in rule.program({**rule.hyper, **fixed}).reductions):
        reason = "needs a norm over the whole model, but Thinc hands over one array at a time"
    elif rule.takes_loss:
        reason = "needs the loss of the step, which Thinc hands to no optimizer"
    elif rule.average is not None:
        reason = "keeps an average of the weights, which Thinc does not read"
    elif "lr" not in rule.hyper:
        reason = "has no rate, but Thinc's optimizers all have a learn_rate"
    if reason:
        raise ValueError(f"{rule.name} {reason}; use another rule")


def _made(family: Family) -> Callable[..., Optimizer]:
    """The function that makes the optimizers of a family, with their signature."""
    kinds = inspect.Parameter
    defaults = {**family.hyper, **FIXED.get(family.name, {}), **_OPTIONS}
    rate = defaults.pop("lr", 1.0)

    def make(learn_rate: Any = rate, **given: Any) -> Optimizer:
        # A config passes every default too, those of other rules of the family included.
        changed = {name: value for name, value in given.items() if not _same(value, defaults.get(name))}
        return Optimizer(family, learn_rate=learn_rate, **{**_OPTIONS, **changed})

    make.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [kinds("learn_rate", kinds.POSITIONAL_OR_KEYWORD, default=rate)]
        + [kinds(name, kinds.KEYWORD_ONLY, default=value) for name, value in defaults.items()]
    )
    make.__name__ = make.__qualname__ = family.name
    make.__doc__ = f"{inspect.getdoc(Optimizer)}\n\nThe rules are those of fastopt.{family.name}."
    return make


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


_OPTIONS: dict[str, Any] = {**SGD_DEFAULTS, "use_averages": True}
MAKERS = {name: _made(family) for name, family in FAMILIES.items()}
globals().update(MAKERS)


def entry_points() -> dict[str, str]:
    """The entries of pyproject.toml's thinc_optimizers: every family whose default rule fits."""
    entries = {}
    for name, family in FAMILIES.items():
        rule, _ = family.select({})
        try:
            _refuse_unfit(rule, {})
        except ValueError:
            continue
        entries[f"fastopt.{name}.v1"] = f"{__name__}:{name}"
    return entries
