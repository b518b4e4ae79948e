"""Functions that give the leaves of a tree of a known structure, as fast as Python can."""

import itertools
import operator
from collections.abc import Callable
from typing import Any

from .attributes import Attributes
from .tree import ARRAY, children


def getter_code(tree: Any, like: Any, same: bool) -> tuple[str, list[Any]]:
    """What `getter` is made of, for trees of this structure: a text, and the objects that it names.

    tree: one of them, and like: its structure. same: whether it gives None too where there may be arrays in other
    places.
    """
    lines: list[str] = []
    constants: list[Any] = []
    elements: list[str] = []  # of the list that the function returns
    numbers = itertools.count()

    def constant(value: Any) -> str:
        constants.append(value)
        return f"K[{len(constants) - 1}]"

    def new(value: str) -> str:
        lines.append(f"{(name := f't{next(numbers)}')} = {value}")
        return name

    def leaf(name: str, value: Any, like: Any) -> None:
        if like is ARRAY:
            elements.append(name)
        elif same:
            lines.append(f"if type({name}) is not {constant(type(value))}: return None")

    def kind_of(name: str, tree: Any) -> None:
        sized = f"len({name}) != {len(children(tree) or ())} or " if isinstance(tree, dict | list | tuple) else ""
        lines.append(f"if {sized}type({name}) is not {constant(type(tree))}: return None")

    def key_of(name: str, tree: Any, step: str, position: int) -> str:
        return f"{name}[{constant(list(tree)[position])}]" if isinstance(tree, dict) else name + step

    def visit(name: str, tree: Any, like: Any) -> None:
        parts = children(tree)
        if parts is None:
            return leaf(name, tree, like)
        if isinstance(tree, Attributes):
            kind_of(name, tree)
            lines.append(f"if len({name}.names) != {len(tree.names)}: return None")
            return visit_attributes(new(f"{name}.of"), new(f"{name}.names"), tree, like)
        kind_of(name, tree)
        wanted = [value for _, _, value in children(like) or []]
        flat = len(parts) > 1 and all(value is ARRAY for value in wanted)
        if flat and isinstance(tree, dict):
            elements.append(f"*{constant(operator.itemgetter(*tree))}({name})")
        elif flat and isinstance(tree, list | tuple):
            elements.append(f"*{name}")
        else:
            for position, ((step, _, value), own) in enumerate(zip(parts, wanted, strict=True)):
                visit(new(key_of(name, tree, step, position)), value, own)

    def visit_attributes(of: str, names: str, tree: Attributes, like: Attributes) -> None:
        parts, wanted = children(tree) or [], [value for _, _, value in children(like) or []]
        if tree.several:
            kind_of(of, tree.of)
            for position, ((step, _, value), own) in enumerate(zip(parts, wanted, strict=True)):
                visit_attributes(new(key_of(of, tree.of, step, position)), names, value, own)
            return
        there = tree.there()
        for k, (_, _, value), own in zip(there, parts, wanted, strict=True):
            visit(new(f"getattr({of}, {names}[{k}])"), value, own)
        for k in set(range(len(tree.names))).difference(there) if same else ():
            lines.append(f"if hasattr({of}, {names}[{k}]): return None")

    visit("t", tree, like)
    return "\n".join(f"    {line}" for line in [*lines, f"return [{', '.join(elements)}]"]), constants


def getter(body: str, constants: list[Any]) -> Callable[[Any], list[Any] | None]:
    """A fast function that gives the leaves of trees of one structure; for others it gives None or raises."""
    namespace: dict[str, Any] = {"K": constants}
    exec(f"def leaves_of(t):\n{body}\n", namespace)
    function: Callable[[Any], list[Any] | None] = namespace["leaves_of"]
    return function
