"""Nested lists, tuples, dicts, named tuples and dataclasses of arrays, as flat lists with a path for each array."""

import dataclasses
import inspect
import itertools
import operator
from collections.abc import Callable, Iterator
from typing import Any

# A part of a container: its step in a path, its part of a dotted name, and its value.
Child = tuple[str, str, Any]


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
    return None


def leaves(tree: Any, path: str, name: str = "") -> Iterator[tuple[str, str, Any]]:
    """Every array of a tree with its path, as in params['W'][0], and its dotted name, as in W.0."""
    parts = children(tree)
    if parts is None:
        yield path, name, tree
        return
    for step, part, value in parts:
        yield from leaves(value, path + step, f"{name}.{part}" if name else part)


def matching(tree: Any, like: Any, path: str, known: str, remedy: str) -> list[Any]:
    """The leaves of a tree in the order of `like`. Raises ValueError where their structures differ.

    known: how messages name `like`.
    """
    wanted, given = children(like), children(tree)
    if wanted is None:
        if given is not None and not hasattr(tree, "shape"):
            raise ValueError(f"{path} must be an array as in {known}; got a {type(tree).__name__}; {remedy}")
        return [tree]
    if given is None:
        raise ValueError(f"{path} must be a {type(like).__name__} as in {known}; got a {type(tree).__name__}; {remedy}")
    theirs = {step: value for step, _, value in given}
    ours = [step for step, _, _ in wanted]
    missing = [path + step for step in ours if step not in theirs]
    extra = [path + step for step in theirs if step not in ours]
    if missing or extra:
        said = [f"has no {', '.join(missing)}"] * bool(missing)
        said += [f"has {', '.join(extra)}, which is not in {known}"] * bool(extra)
        raise ValueError(f"{path} {' and '.join(said)}; {remedy}")
    return [leaf for step, _, value in wanted for leaf in matching(theirs[step], value, path + step, known, remedy)]


def rebuilt(like: Any, arrays: Iterator[Any]) -> Any:
    """A tree of the structure of `like` with these arrays for its leaves, in order."""
    return _rebuilt(like, arrays, _made)


def _rebuilt(like: Any, arrays: Iterator[Any], made: Callable[[type, dict[str, Any]], Any]) -> Any:
    """`rebuilt`; made: makes a dataclass of its fields."""
    parts = children(like)
    if parts is None:
        return next(arrays)
    values = [_rebuilt(value, arrays, made) for _, _, value in parts]
    if isinstance(like, dict):
        return dict(zip(like, values, strict=True))
    if isinstance(like, list):
        return values
    if isinstance(like, tuple):
        return type(like)(*values) if hasattr(like, "_fields") else tuple(values)
    return made(type(like), {part: value for (_, part, _), value in zip(parts, values, strict=True)})


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


def structure(tree: Any) -> Any:
    """A tree of the same structure without arrays, which stays as it is when the containers of the first change."""
    return _rebuilt(tree, itertools.repeat(None), _bare)


def getter_code(like: Any) -> tuple[str, list[Any]]:
    """What `getter` is made of, for trees of this structure: a text, and the objects that it names."""
    lines: list[str] = []
    constants: list[Any] = []
    elements: list[str] = []  # of the list that the function returns

    def constant(value: Any) -> str:
        constants.append(value)
        return f"K[{len(constants) - 1}]"

    def visit(tree: Any, name: str) -> None:
        parts = children(tree)
        if parts is None:
            elements.append(name)
            return
        sized = f"len({name}) != {len(parts)} or " if isinstance(tree, dict | list | tuple) else ""
        lines.append(f"if {sized}type({name}) is not {constant(type(tree))}: return None")
        flat = len(parts) > 1 and all(children(value) is None for _, _, value in parts)
        if flat and isinstance(tree, dict):
            elements.append(f"*{constant(operator.itemgetter(*tree))}({name})")
        elif flat and isinstance(tree, list | tuple):
            elements.append(f"*{name}")
        else:
            for position, (step, _, value) in enumerate(parts):
                inner = f"t{len(lines)}_{position}"
                key = f"[{constant(list(tree)[position])}]" if isinstance(tree, dict) else step
                lines.append(f"{inner} = {name}{key}")
                visit(value, inner)

    visit(like, "t")
    return "\n".join(f"    {line}" for line in [*lines, f"return [{', '.join(elements)}]"]), constants


def getter(body: str, constants: list[Any]) -> Callable[[Any], list[Any] | None]:
    """A fast function that gives the leaves of trees of one structure; for others it gives None or raises."""
    namespace: dict[str, Any] = {"K": constants}
    exec(f"def leaves_of(t):\n{body}\n", namespace)
    function: Callable[[Any], list[Any] | None] = namespace["leaves_of"]
    return function
