"""Groups: some of the parameters, by a pattern or a function, with numbers and perhaps a rule of their own."""

import copy
import fnmatch
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..kernels.language.values import shown
from .hyper import Hyper, all_or_none


@dataclass(frozen=True, eq=False)
class Group:
    """Some of the parameters.

    key: its pattern, or the place of its function among the groups. function: of the name of a parameter and its array,
    whether it is in the group; None for a pattern. rule: the number of its rule among those of the optimizer, or None.
    hypers: its hyperparameters by the number of the rule that they are for; or why they are not for that rule. formats:
    the format of its state, of the option state_format, if it has one of its own; else empty.
    """

    key: str | int
    function: Callable[[str, Any], Any] | None
    rule: int | None
    hypers: Mapping[int, "Hyper | Exception"]
    formats: tuple[str | None, ...] = ()

    def chooses(self, name: str, array: Any) -> bool:
        """Whether a parameter is in the group."""
        if isinstance(self.key, str):
            return matches(name, self.key)
        if self.function is None:
            raise TypeError(
                f"groups[{self.key!r}]: its function was not pickled with the optimizer, so {name} is in no group; "
                "make the optimizer anew and load its state_dict()"
            )
        chosen = self.function(name, array)
        try:
            return bool(chosen)
        except (TypeError, ValueError):
            raise TypeError(
                f"groups[{self.key!r}]: its function must say whether {name} is in the group, by True or False; got "
                f"{shown(chosen)}"
            ) from None

    def of(self, rule: int) -> Hyper:
        """Its hyperparameters for a rule. Raises why there are none."""
        hyper = self.hypers[rule]
        if isinstance(hyper, Exception):
            raise hyper
        return hyper

    @property
    def usable(self) -> list[Hyper]:
        """Its hyperparameters for each rule that takes them; they are the same."""
        return [hyper for hyper in self.hypers.values() if isinstance(hyper, Hyper)]

    @property
    def hyper(self) -> Any:
        """Its hyperparameters, to be read and set."""
        each = self.usable
        return each[0] if len(each) == 1 else OfSeveralRules(each)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Group":
        return replace(self, hypers=copy.deepcopy(self.hypers, memo))

    def __reduce__(self) -> tuple[Any, ...]:
        # Which parameters it chose is kept beside it; many functions cannot be pickled.
        return Group, (self.key, None, self.rule, self.hypers, self.formats)


class OfSeveralRules(MutableMapping[str, Any]):
    """The hyperparameters of a group whose parameters may be of several rules, as one."""

    def __init__(self, each: Sequence[Hyper]) -> None:
        self.__dict__.update(_each=tuple(each))

    def __getitem__(self, name: str) -> Any:
        return self._each[0][name]

    def __setitem__(self, name: str, value: Any) -> None:
        with all_or_none(*self._each):
            for hyper in self._each:
                hyper[name] = value

    def update(self, *given: Any, **named: Any) -> None:
        """As Hyper.update."""
        with all_or_none(*self._each):
            super().update(*given, **named)

    def __delitem__(self, name: str) -> None:
        del self._each[0][name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._each[0])

    def __len__(self) -> int:
        return len(self._each[0])

    def put(self, name: str, value: Any) -> None:
        """As Hyper.put."""
        for hyper in self._each:
            hyper.put(name, value)

    @property
    def monitors(self) -> dict[str, Any]:
        """As Hyper.monitors: those that functions have called for one rule or another."""
        called: dict[str, list[Any]] = {}
        for hyper in self._each:
            for place, monitor in hyper.monitors.items():
                own = called.setdefault(place.partition("[")[0], [])
                if all(monitor is not other for other in own):
                    own.append(monitor)
        return {f"{name}[{k}]": monitor for name, own in called.items() for k, monitor in enumerate(own)}

    def __getattr__(self, name: str) -> Any:
        if "_each" not in vars(self):  # While a copy is made.
            raise AttributeError(name)
        return getattr(self._each[0], name)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        del self[name]

    def __repr__(self) -> str:
        return repr(self._each[0])


class Groups(Mapping[str | int, Any]):
    """The hyperparameters of groups by their patterns: opt.groups["b"].lr = 0.1; of functions by their places in the
    list of groups. Which there are is fixed."""

    def __init__(self, each: Sequence[Group]) -> None:
        self.each = tuple(each)
        self._by_key = {group.key: group for group in each}

    def __getitem__(self, key: str | int) -> Any:
        if key not in self._by_key:
            there = f"the groups {', '.join(map(repr, self))}" if self._by_key else "no groups"
            raise KeyError(f"no group {key!r}; this optimizer was made with {there}")
        return self._by_key[key].hyper

    def __setitem__(self, key: str | int, given: Any) -> None:
        raise TypeError(
            f"groups are fixed when an optimizer is made; make another with groups={{{key!r}: {given!r}}}, or set "
            "a number of a group that is there, as opt.groups['b'].lr = 0.1"
        )

    def __delitem__(self, key: str | int) -> None:
        raise TypeError(
            f"groups are fixed when an optimizer is made; set the numbers of groups[{key!r}] to those of all parameters"
        )

    def __iter__(self) -> Iterator[str | int]:
        return iter(self._by_key)

    def __len__(self) -> int:
        return len(self._by_key)

    def __repr__(self) -> str:
        return repr(dict(self))

    def layers(self, of_rules: Sequence[Hyper], chosen: Sequence[bool]) -> tuple[int, tuple[Hyper, ...]]:
        """The rule of a parameter, by its number, and the hyperparameters that hold, where later ones override earlier
        ones. of_rules: those of all parameters of each rule. chosen: for each group whether the parameter is in it."""
        rule, layers = 0, [of_rules[0]]
        for group, is_in in zip(self.each, chosen, strict=True):
            if is_in and group.rule is not None:
                rule = group.rule
                layers.append(of_rules[rule])
            elif is_in:
                layers.append(group.of(rule))
        return rule, tuple(layers)

    def state_format(self, chosen: Sequence[bool], of_all: str | None) -> str | None:
        """The format of a parameter's state, where later groups override earlier ones. of_all: that of the optimizer.
        chosen: as for `layers`."""
        for group, is_in in zip(self.each, chosen, strict=True):
            if is_in and group.formats:
                (of_all,) = group.formats
        return of_all


def check_chosen(groups: Groups, chosen: Sequence[Sequence[bool]], names: Sequence[str]) -> None:
    """Raise ValueError for a group that has no parameter. chosen: of each parameter, for each group."""
    for group, of_group in zip(groups.each, zip(*chosen, strict=True), strict=True):
        if not any(of_group):
            who = f"{group.key!r} matches" if group.function is None else f"the function {shown(group.function)} chose"
            raise ValueError(f"groups: {who} no parameter; the parameters are {', '.join(names)}")


def check_patterns(option: str, patterns: Iterable[str], names: Sequence[str]) -> None:
    """Raise ValueError for a pattern that matches no parameter."""
    for pattern in patterns:
        if not any(matches(name, pattern) for name in names):
            raise ValueError(f"{option}: {pattern!r} matches no parameter; the parameters are {', '.join(names)}")


def matches(name: str, pattern: str) -> bool:
    """Whether a pattern of groups matches a parameter's name."""
    return name == pattern or name.startswith(pattern + ".") or fnmatch.fnmatchcase(name, pattern)
