"""Hyperparameters that can be read and set between steps, for all parameters and for groups of them."""

import copy
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..kernels.definition import Definition
from ..kernels.language.hyperparameters import checked, suggestion, unknown_name
from ..kernels.language.values import shown
from ..kernels.program.floors import floors, flushed, is_small
from ..monitors.known import evaluated
from .functions import by_value_only, check_copied


class ABSENT:
    """In the place of a number that a group does not have."""


class Hyper(MutableMapping[str, Any]):
    """Values of a definition's hyperparameters: each a number, or a function of the step, which counts from 1.

    pattern: the key of the group; None for all parameters. whole: whether they are those of all parameters of a rule,
    as a group with a rule has them.
    Also read and set as attributes: hyper.lr = 0.1. Raises TypeError or ValueError for values that cannot be used.
    """

    def __init__(
        self, definition: Definition, given: Mapping[str, Any], pattern: str | int | None = None, whole: bool = False
    ) -> None:
        self.__dict__.update(_definition=definition, _values={}, _called={}, _pattern=pattern, changes=0)
        self.__dict__.update(_whole=whole or pattern is None, _fixed=frozenset(given if whole else ()))
        self.__dict__.update(_under={}, _above=(), _floors=frozenset(), _holds=False)
        self.update(given)

    # Equality is identity: parameters are grouped by which Hyper objects hold for them.
    __hash__ = object.__hash__
    __eq__ = object.__eq__

    def update(self, *given: Any, **named: Any) -> None:
        """Set several; raises TypeError or ValueError for one that cannot be used, and then sets none."""
        with all_or_none(self):
            super().update(*given, **named)

    def __setitem__(self, name: str, value: Any) -> None:
        if why := self._definition.constants.get(name):
            owner = self._definition.name
            if callable(value):
                raise TypeError(f"{owner}: {name} {why}; pass a number, not a function")
            if (name in self._values or self._under) and self.check(name, value) != self._values.get(name):
                raise ValueError(f"{owner}: {name} {why}; make another optimizer with {name}={value!r}")
        self._set(name, value)

    def _set(self, name: str, value: Any) -> None:
        definition: Definition = self._definition
        if name not in definition.hyper:
            raise unknown_name(self._owner, name, definition.hyper)
        if self._pattern is not None and (why := self._of_all(name)):
            raise ValueError(f"groups[{self._pattern!r}]: {name} {why}")
        if name in definition.statics and name in self._values:
            raise ValueError(
                f"{definition.name}: {name} chooses the formula and is fixed once the optimizer is made; make another "
                f"with {name}={value!r}"
            )
        if self._holds:
            self._check_model_wide(name, value, self._under)
        called: list[Any] = []
        number = self._check_at(name, value, 1, called) if callable(value) else self.check(name, value)
        self._values[name] = value if callable(value) else number
        self._called[name] = called
        self.__dict__["changes"] += 1

    def _of_all(self, name: str) -> str:
        """Why a number cannot be a group's; empty if it can."""
        if name in self._definition.statics and not self._whole:
            return f"chooses the formula, which is one for all parameters of a rule; pass {name} beside groups"
        whole = {
            "clip_norm": "is of all gradients together; pass clip_array_norm",
            "clip_eps": "is one for all norms; pass clip_eps beside groups",
        }
        return whole.get(name, "")

    def check_model_wide(self, of_all: "Hyper") -> None:
        """Raise ValueError for a rate of a group alone from which the rule works out a number of the whole model.

        of_all: the hyperparameters of all parameters.
        """
        under = of_all.plain()
        for name, value in self._values.items():
            self._check_model_wide(name, value, under)

    def _check_model_wide(self, name: str, value: Any, under: Mapping[str, Any]) -> None:
        definition: Definition = self._definition
        if self._whole or name != "lr" or name not in definition.program(under).of_model:
            return
        if callable(value) or value != 0:
            raise ValueError(
                f"groups[{self._pattern!r}]: lr must be 0 or left out, since {definition.name} works out one rate for "
                f"the whole model, of which lr is a factor; got {shown(value)}; pass lr beside groups, or over='array' "
                "for a rate of each array"
            )

    @property
    def definition(self) -> Definition:
        """The rule, with what rides along, that they are for."""
        definition: Definition = self._definition
        return definition

    def is_static(self, name: str) -> bool:
        """Whether a hyperparameter chooses the formula."""
        statics: tuple[str, ...] = self._definition.statics
        return name in statics

    def may_have(self, name: str) -> bool:
        """Whether the numbers of a group may come to have this one, and lose it."""
        if self._pattern is None or name in self._fixed:
            return False
        return name in self._definition.hyper and not self._of_all(name)

    def put(self, name: str, value: Any) -> None:
        """Set a number; or, with ABSENT, let that of all hold in a group."""
        if value is not ABSENT:
            self._set(name, value)
        elif self._values.pop(name, ABSENT) is not ABSENT:
            del self._called[name]
            self.__dict__["changes"] += 1

    def hold(self, of_all: "Hyper", above: Sequence[tuple["Hyper", ...]] | None) -> None:
        """Refuse from now on numbers with which the parameters for which they hold cannot be updated.

        of_all: those of all parameters. above: for each parameter that is computed in float32 the Hypers that override
        this one; None if this one holds for no parameter.
        """
        # Not of_all itself, whose own `above` leads here: its functions of the step may have arrays.
        under = of_all.plain()
        names: Iterable[str] = floors(self._definition.program(under)) if above else ()
        self.__dict__.update(
            _under=under, _above=tuple(above or ()), _floors=frozenset(names), _holds=above is not None
        )

    def flushed(
        self, under: Mapping[str, Any], above: Sequence[tuple["Hyper", ...]], new: Mapping[str, Any] | None = None
    ) -> str:
        """Why parameters that are computed in float32 cannot be updated with these numbers; empty if they can.

        under: the numbers of all parameters. above: as `hold` takes it. new: the numbers to look at, in the place of
        the present ones; None for all. Functions of the step are looked at in each step.
        """
        plain, definition = self.plain(), self._definition
        looked_at = plain if new is None else new
        names = [n for n in looked_at if any(all(n not in hyper for hyper in layers) for layers in above)]
        why = flushed(definition.program(under), {**under, **plain, **looked_at}, names) if names else ""
        return why and f"{self._owner}: {why}"

    def plain(self) -> dict[str, Any]:
        """Its numbers, functions of the step left out."""
        return {name: value for name, value in self._values.items() if not callable(value)}

    def at(self, name: str, t: int) -> Any:
        """The value of a function of the step in step t, checked."""
        return self._check_at(name, self._values[name], t, self._called[name])

    def _check_at(self, name: str, function: Any, t: int, called: list[Any]) -> Any:
        value = evaluated(function, t, called)
        try:
            return self.check(name, value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{error}; the function {name} gave this at step {t}") from None

    @property
    def monitors(self) -> dict[str, Any]:
        """The monitors that the functions have called so far, by the name and the order of first calls."""
        return {f"{name}[{k}]": monitor for name, called in self._called.items() for k, monitor in enumerate(called)}

    def check(self, name: str, value: Any) -> Any:
        """The value as a Python number, checked."""
        definition: Definition = self._definition
        number = checked(self._owner, name, value, definition.hyper[name], definition.ranges.get(name))
        if name in self._floors and self._has_small(number):
            why = self.flushed(self._under, self._above, {name: number})
            if why:
                raise ValueError(why)
        return number

    def _has_small(self, number: Any) -> bool:
        """Whether this number, or one of those that floors follow from, is so small that a floor may be flushed."""
        if is_small(number):
            return True
        return any(is_small(layer.get(name)) for name in self._floors for layer in (self._values, self._under))

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __deepcopy__(self, memo: dict[int, Any]) -> "Hyper":
        for name, value in self.items():
            check_copied(self._place(name), value, self._called[name], Hyper, by_value=False)
        new = memo[id(self)] = object.__new__(Hyper)
        new.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return new

    def __getstate__(self) -> dict[str, Any]:
        refused: list[Any] = []
        for name, value in self.items():
            check_copied(self._place(name), value, self._called[name], Hyper, by_value=True)
            refused += by_value_only(self._place(name), value, Hyper)
        return {"refused": refused, **self.__dict__, "_values": dict(self._values), "_called": dict(self._called)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__dict__.pop("refused", None)

    @property
    def _owner(self) -> str:
        """How messages name what has the hyperparameters."""
        own: str = self._definition.name
        return own if self._pattern is None else f"groups[{self._pattern!r}]: {own}"

    def _place(self, name: str) -> str:
        return name if self._pattern is None else f"groups[{self._pattern!r}].{name}"

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"the hyperparameter {name} cannot be removed; set {name} to another value")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            whose = "this optimizer" if self._pattern is None else f"groups[{self._pattern!r}]"
            raise AttributeError(f"{whose} has no hyperparameter {name!r}; {suggestion(name, self)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        del self[name]

    def __repr__(self) -> str:
        return f"<{', '.join(f'{name}={value!r}' for name, value in self.items())}>"


@contextmanager
def all_or_none(*each: Hyper) -> Iterator[None]:
    """A context that puts the values back that it has set, if it raises."""
    before = [{name: dict(vars(hyper)[name]) for name in ("_values", "_called")} for hyper in each]
    try:
        yield
    except BaseException:
        for hyper, held in zip(each, before, strict=True):
            vars(hyper).update(held, changes=hyper.changes + 1)
        raise
