"""Hyperparameters that can be read and set between steps, for all parameters and for groups of them."""

import fnmatch
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from ..kernels.definition import Definition
from ..kernels.language.hyperparameters import checked, unknown_name


class Hyper(MutableMapping[str, Any]):
    """Values of a definition's hyperparameters: each a number, or a function of the step, which counts from 1.

    pattern: the pattern of the group; None for all parameters.
    Also read and set as attributes: hyper.lr = 0.1. Raises TypeError or ValueError for values that cannot be used.
    """

    def __init__(self, definition: Definition, given: Mapping[str, Any], pattern: str | None = None) -> None:
        self.__dict__.update(_definition=definition, _values={}, _pattern=pattern, changes=0)
        self.update(given)

    # Equality is identity: parameters are grouped by which Hyper objects hold for them.
    __hash__ = object.__hash__
    __eq__ = object.__eq__

    def __setitem__(self, name: str, value: Any) -> None:
        definition: Definition = self._definition
        if name not in definition.hyper:
            raise unknown_name(definition.name, name, definition.hyper)
        if self._pattern is not None and name in definition.statics:
            raise ValueError(f"groups[{self._pattern!r}]: {name} chooses the formula, which is one for all parameters")
        if self._pattern is not None and name == "clip_norm":
            raise ValueError(f"groups[{self._pattern!r}]: clip_norm is of all gradients together; use clip_array_norm")
        if name in definition.statics and name in self._values:
            raise ValueError(f"{definition.name}: {name} chooses the formula and is fixed once the optimizer is made")
        self.check(name, value(1) if callable(value) else value)
        self._values[name] = value if callable(value) else self.check(name, value)
        self.__dict__["changes"] += 1

    def check(self, name: str, value: Any) -> Any:
        """The value as a Python number, checked."""
        definition: Definition = self._definition
        return checked(definition.name, name, value, definition.hyper[name], definition.ranges.get(name))

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __delitem__(self, name: str) -> None:
        raise TypeError("a hyperparameter cannot be removed; set it to another value")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(f"no hyperparameter {name!r} is set here; there are {', '.join(self)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __repr__(self) -> str:
        return f"<{', '.join(f'{name}={value!r}' for name, value in self.items())}>"


def grouped(
    definition: Definition, names: Sequence[str], groups: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Hyper], list[Any]]:
    """The hyperparameters of each group, and for each parameter the groups that it belongs to, in their order.

    groups: by pattern, which is a dotted name as in layers.0.W, the name of a subtree, or has * and ?.
    Raises ValueError for a pattern that matches nothing.
    """
    hypers = {pattern: Hyper(definition, given, pattern) for pattern, given in groups.items()}
    for pattern in hypers:
        if not any(matches(name, pattern) for name in names):
            raise ValueError(f"groups: {pattern!r} matches no parameter; there are {', '.join(names)}")
    return hypers, [tuple(hyper for pattern, hyper in hypers.items() if matches(name, pattern)) for name in names]


def matches(name: str, pattern: str) -> bool:
    """Whether a pattern of groups matches a parameter's name."""
    return name == pattern or name.startswith(pattern + ".") or fnmatch.fnmatchcase(name, pattern)
