"""Functions that give the leaves of a tree of a known structure, as fast as Python can."""

import itertools
import operator
from collections.abc import Callable
from typing import Any

from .attributes import Attributes
from .tree import children


class Code:
    """The text of a function of a tree `t`, written while the tree is held against a structure, part by part.

    The function gives the leaves of trees that have the same containers; for others it gives None or raises.
    """

    def __init__(self) -> None:
        self._constants: list[Any] = []  # K in the text
        self._lines: list[str] = []
        self._elements: list[str] = []  # of the list that the function returns
        self._origins: dict[str, tuple[str, Any, Any]] = {}  # by expression the container's name, itself, and the key

    def made(self) -> tuple[str, list[Any]]:
        """What `getter` makes the function of: its body, and the objects that it names. They hold no arrays."""
        by_container = itertools.groupby(self._elements, lambda element: self._origins.get(element, ("",))[0])
        returned = [part for name, elements in by_container for part in self._together(name, list(elements))]
        lines = [*self._lines, f"return [{', '.join(returned)}]"]
        return "\n".join(f"    {line}" for line in lines), self._constants

    def _together(self, name: str, elements: list[str]) -> list[str]:
        """Neighbours out of one container, given at once."""
        if not name or len(elements) == 1:
            return elements
        tree, keys = self._origins[elements[0]][1], [self._origins[element][2] for element in elements]
        if isinstance(tree, dict):
            return [f"*{self._constant(operator.itemgetter(*keys))}({name})"]
        return [f"*{name}"] if isinstance(tree, list | tuple) and keys == list(range(len(tree))) else elements

    def leaf(self, at: str) -> None:
        """What an expression gives is the next leaf."""
        self._elements.append(at)

    def kind(self, at: str, value: Any) -> None:
        """What an expression gives has the type of this value, and of containers the length."""
        sized = f"len({at}) != {len(value)} or " if isinstance(value, dict | list | tuple) else ""
        self._lines.append(f"if {sized}type({at}) is not {self._constant(type(value))}: return None")

    def enter(self, at: str, names: str, tree: Any) -> tuple[str, str]:
        """Give a name to the container that an expression gives; of attributes to the object, and to their names.

        names: what the names of attributes are called, if the container is a part of attributes.
        """
        at = self._new(at)
        if not isinstance(tree, Attributes):
            self.kind(at, tree)
            return at, names
        if not tree.part:
            self.kind(at, tree)
            self._lines.append(f"if len({at}.names) != {len(tree.names)}: return None")
            at, names = self._new(f"{at}.of"), self._new(f"{at}.names")
        if tree.several:
            self.kind(at, tree.of)
        return at, names

    def part(self, at: str, names: str, tree: Any, key: Any) -> str:
        """An expression for a part of a container that was entered. key: as `keys` gives it."""
        if isinstance(tree, Attributes) and not tree.several:
            return f"getattr({at}, {names}[{key}])"
        tree = tree.of if isinstance(tree, Attributes) else tree
        if isinstance(tree, dict):
            expression = f"{at}[{self._constant(key)}]"
        else:
            expression = f"{at}.{key}" if isinstance(key, str) else f"{at}[{key}]"
        self._origins[expression] = at, tree, key
        return expression

    def unread(self, at: str, tree: Any, key: Any) -> None:
        """A container has a part that is not looked at."""
        tree = tree.of if isinstance(tree, Attributes) and tree.several else tree
        if isinstance(tree, dict):
            self._lines.append(f"if {self._constant(key)} not in {at}: return None")

    def without(self, at: str, names: str, key: int) -> None:
        """An object has no attribute of this name."""
        self._lines.append(f"if hasattr({at}, {names}[{key}]): return None")

    def _constant(self, value: Any) -> str:
        self._constants.append(value)
        return f"K[{len(self._constants) - 1}]"

    def _new(self, value: str) -> str:
        self._lines.append(f"t{len(self._lines)} = {value}")
        return f"t{len(self._lines) - 1}"


def keys(tree: Any) -> list[Any]:
    """How the parts of a container are reached, in the order of `children`: by key, place, name, or number of a name
    of attributes."""
    if isinstance(tree, Attributes):
        return keys(tree.of) if tree.several else tree.there()
    if isinstance(tree, dict):
        return list(tree)
    parts = children(tree) or []
    return [part if step.startswith(".") else place for place, (step, part, _) in enumerate(parts)]


def getter(body: str, constants: list[Any]) -> Callable[[Any], list[Any] | None]:
    """A fast function that gives the leaves of trees of one structure; for others it gives None or raises."""
    namespace: dict[str, Any] = {"K": constants}
    exec(f"def leaves_of(t):\n{body}\n", namespace)
    function: Callable[[Any], list[Any] | None] = namespace["leaves_of"]
    return function
