"""Containers of arrays: nested lists, tuples, dicts, named tuples, dataclasses, SimpleNamespaces and attributes."""

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from .attributes import Attributes
from .plain import passed_over

# A part of a container: its step in a path, its part of a dotted name, and its value.
Child = tuple[str, str, Any]


class ARRAY:
    """Stands in a structure in the place of an array."""


def children(tree: Any) -> list[Child] | None:
    """The parts of a container with their paths and names; None for a leaf."""
    if isinstance(tree, dict):
        return [(f"[{key!r}]", str(key), value) for key, value in tree.items()]
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return [(f".{name}", name, getattr(tree, name)) for name in tree._fields]
    if isinstance(tree, list | tuple):
        return [(f"[{position}]", str(position), value) for position, value in enumerate(tree)]
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return [(f".{field.name}", field.name, getattr(tree, field.name)) for field in dataclasses.fields(tree)]
    if isinstance(tree, SimpleNamespace):
        return [(f".{name}", name, value) for name, value in vars(tree).items()]
    if isinstance(tree, Attributes):
        if tree.several:
            return [(step, part, tree.within(value)) for step, part, value in children(tree.of) or []]
        return [(f".{tree.names[k]}", tree.names[k], getattr(tree.of, tree.names[k])) for k in tree.there()]
    return None


def is_record(tree: Any) -> bool:
    """Whether a container has named fields, of which some may be no parameters."""
    return not isinstance(tree, dict | list | Attributes) and type(tree) is not tuple


def leaves(tree: Any, path: str, name: str = "", record: bool = False) -> Iterator[tuple[str, str, Any]]:
    """Every array of a tree with its path, as in params['W'][0], and its dotted name, as in W.0.

    record: whether the tree is within a record.
    """
    parts = children(tree)
    if parts is None:
        if not passed_over(tree, record):
            yield path, name, tree
        return
    if isinstance(tree, Attributes):
        tree.check()
    for step, part, value in parts:
        yield from leaves(value, path + step, f"{name}.{part}" if name else part, _within(tree, record))


def _within(tree: Any, record: bool) -> bool:
    # Each of attributes was asked for, so none is a number by the way.
    return not isinstance(tree, Attributes) and (record or is_record(tree))


def structure(tree: Any) -> Any:
    """A tree of the same containers, with ARRAY in the places of arrays and other leaves as they are; it stays when the
    containers of the first change."""
    return _rebuilt(tree, lambda leaf, record: leaf if passed_over(leaf, record) else ARRAY, _bare, Attributes.like)


def rebuilt(like: Any, arrays: Iterator[Any]) -> Any:
    """A tree of a structure with these arrays in its places, in order; attributes are those of SimpleNamespaces."""
    return _rebuilt(like, lambda leaf, record: next(arrays) if leaf is ARRAY else leaf, _made, lambda _, of: of)


def _rebuilt(
    tree: Any,
    leaf: Callable[[Any, bool], Any],
    made: Callable[[type, dict[str, Any]], Any],
    attributes: Callable[[Attributes, Any], Any],
    record: bool = False,
) -> Any:
    """A tree with other leaves. made: makes a dataclass of its fields. attributes: of attributes of other objects."""
    parts = children(tree)
    if parts is None:
        return leaf(tree, record)
    values = [_rebuilt(value, leaf, made, attributes, _within(tree, record)) for _, _, value in parts]
    if isinstance(tree, Attributes):
        return attributes(tree, _filled(tree.of if tree.several else SimpleNamespace(), parts, values, made))
    return _filled(tree, parts, values, made)


def _filled(like: Any, parts: list[Child], values: list[Any], made: Callable[[type, dict[str, Any]], Any]) -> Any:
    """A container with other values."""
    if isinstance(like, dict):
        return dict(zip(like, values, strict=True))
    if isinstance(like, list):
        return values
    if isinstance(like, tuple):
        return type(like)(*values) if hasattr(like, "_fields") else tuple(values)
    fields = {part: value for (_, part, _), value in zip(parts, values, strict=True)}
    return SimpleNamespace(**fields) if isinstance(like, SimpleNamespace) else made(type(like), fields)


def _made(kind: type, values: dict[str, Any]) -> Any:
    """A dataclass made by its own __init__, if that takes its fields and nothing else."""
    signature = inspect.signature(kind).parameters
    return kind(**values) if set(signature) == set(values) else _bare(kind, values)


def _bare(kind: type, values: dict[str, Any]) -> Any:
    """A dataclass with its fields alone."""
    new: Any = object.__new__(kind)
    for name, value in values.items():
        object.__setattr__(new, name, value)
    return new
