"""Nested lists, tuples and dicts of arrays, as flat lists with a path for each array."""

from collections.abc import Iterator
from typing import Any


def leaves(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every array of a tree with its path, as in params["W"][0]; dicts in their own order."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, f"{path}[{key!r}]")
    elif isinstance(tree, list | tuple):
        for position, value in enumerate(tree):
            yield from leaves(value, f"{path}[{position}]")
    else:
        yield path, tree


def matching(tree: Any, like: Any, path: str) -> Iterator[Any]:
    """The arrays of a tree in the order of another of the same structure. Raises ValueError where they differ."""
    if isinstance(like, dict):
        if not isinstance(tree, dict) or tree.keys() != like.keys():
            found = sorted(map(repr, tree)) if isinstance(tree, dict) else type(tree).__name__
            raise ValueError(f"{path} must have the keys {sorted(map(repr, like))}; got {found}")
        for key, value in like.items():
            yield from matching(tree[key], value, f"{path}[{key!r}]")
    elif isinstance(like, list | tuple):
        if not isinstance(tree, list | tuple) or len(tree) != len(like):
            found = f"{len(tree)}" if isinstance(tree, list | tuple) else type(tree).__name__
            raise ValueError(f"{path} must have {len(like)} entries; got {found}")
        for position, (value, other) in enumerate(zip(tree, like, strict=True)):
            yield from matching(value, other, f"{path}[{position}]")
    else:
        yield tree
