"""Objects whose attributes are set to change what they do: a name that is nearly one of them is an error."""

import functools
import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from .kernels.language.spellings import nearest


class Guarded:
    """Refuses attributes with names that were meant to be others: mistyped, or as another library spells them.

    Its own are those that it has and the arguments that it is made of; other names are free.
    """

    _spelled: ClassVar[Mapping[str, str]] = {}  # by another library's name its own

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.__dict__ and (meant := self._meant(name)):
            raise AttributeError(f"{type(self).__name__} has no {name} to set to {value!r}; did you mean {meant}?")
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if name in self._arguments():
            raise AttributeError(f"{name} cannot be removed from a {type(self).__name__}; set it to another value")
        super().__delattr__(name)

    def __getattr__(self, name: str) -> Any:
        hint = f"; did you mean {meant}?" if (meant := self._meant(name)) else ""
        raise AttributeError(f"{type(self).__name__} has no {name}{hint}")

    def _meant(self, name: str) -> str | None:
        """The own name that another was meant to be."""
        own = self._arguments()
        if name.startswith("_") or name in own or hasattr(type(self), name):
            return None
        return self._spelled.get(name) or nearest(name, tuple(dict.fromkeys([*own, *vars(self)])))

    @classmethod
    @functools.cache
    def _arguments(cls) -> tuple[str, ...]:
        return tuple(inspect.signature(cls).parameters)
