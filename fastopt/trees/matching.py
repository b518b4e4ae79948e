"""The leaves of a tree that is held against a structure, with errors that name what differs."""

from dataclasses import dataclass
from typing import Any

from .attributes import Attributes
from .getter import Code, keys
from .plain import passed_over, way_out
from .tree import ARRAY, children, is_record


@dataclass(frozen=True)
class Wanted:
    """The structure that a tree must have. known: how messages name it. remedy: what they advise. same: whether there
    must be no arrays in other places; else what stands there does not matter, and need not be there."""

    known: str
    remedy: str
    same: bool


def matching(tree: Any, like: Any, path: str, wanted: Wanted, code: Code, at: str = "t", names: str = "") -> list[Any]:
    """The leaves of a tree in the order of a structure. Raises ValueError where they differ.

    code: is written, as a function that gives the leaves of trees like this one. at, names: what the tree, and the
    names of attributes of which it is a part, are called there.
    """
    ours = children(like)
    if _idle(like, wanted):
        return []
    if ours is None and like is not ARRAY:
        if not passed_over(tree, True):
            raise ValueError(f"{path} was {like!r} in {wanted.known} and is {_kind(tree)}; {wanted.remedy}")
        code.kind(at, tree)
        return []
    if ours is None:
        if (children(tree) is not None and not hasattr(tree, "shape")) or (wanted.same and passed_over(tree, True)):
            raise ValueError(f"{path} must be an array as in {wanted.known}; got {_kind(tree)}; {wanted.remedy}")
        code.leaf(at)
        return [tree]
    given = _given(tree, like, path, wanted)
    known = {step for step, _, _ in ours}
    missing = [path + step for step, _, value in ours if step not in given and not _idle(value, wanted)]
    extra = [path + step for step in given if step not in known]
    if missing or extra:
        said = [f"has no {', '.join(missing)}"] * bool(missing)
        said += [f"has {', '.join(extra)}, which is not in {wanted.known}"] * bool(extra)
        raise ValueError(f"{path} {' and '.join(said)}; {wanted.remedy}")
    at, names = code.enter(at, names, tree)
    found: list[Any] = []
    for step, _, value in ours:
        if step in given and _idle(value, wanted):
            code.unread(at, tree, given[step][0])
        elif step in given:
            key, one = given[step]
            found += matching(one, value, path + step, wanted, code, code.part(at, names, tree, key), names)
    if wanted.same and isinstance(tree, Attributes) and not tree.several:
        for key in set(range(len(tree.names))).difference(tree.there()):
            code.without(at, names, key)
    return found


def _idle(like: Any, wanted: Wanted) -> bool:
    """Whether nothing is wanted of what stands in the place of a part of the structure."""
    if wanted.same or like is ARRAY:
        return False
    parts = children(like)
    if parts is None or isinstance(like, Attributes):
        return all(_idle(value, wanted) for _, _, value in parts or [])
    # Of an empty container others may be empty too: what is there is too much.
    return bool(parts) and all(_idle(value, wanted) for _, _, value in parts)


def _given(tree: Any, like: Any, path: str, wanted: Wanted) -> dict[str, tuple[Any, Any]]:
    """The parts of a container, with how they are reached, by the steps that a structure has for them."""
    if isinstance(like, Attributes):
        return _given_for(tree, like, path, wanted)
    if children(tree) is None:
        kind = type(like).__name__
        raise ValueError(f"{path} must be a {kind} as in {wanted.known}; got {_kind(tree)}; {wanted.remedy}")
    return _parts(tree, isinstance(tree, dict) and is_record(like))


def _parts(tree: Any, by_name: bool = False) -> dict[str, tuple[Any, Any]]:
    """The parts of a container with their keys, by step; or by name, as the fields of a record are."""
    parts = zip(children(tree) or (), keys(tree), strict=True)
    return {f".{part}" if by_name else step: (key, value) for (step, part, value), key in parts}


def _given_for(tree: Any, like: Attributes, path: str, wanted: Wanted) -> dict[str, tuple[Any, Any]]:
    """The parts of a container in the place of attributes: these by their order, others by name or, in a list, by
    order."""
    if isinstance(tree, Attributes) and len(tree.names) != len(like.names):
        raise ValueError(
            f"{path} names the attributes {', '.join(tree.names)}, and {wanted.known} {', '.join(like.names)}; "
            "name as many, in the same order"
        )
    if children(tree) is None:
        names = ", ".join(like.names)
        raise ValueError(
            f"{path} must have the attributes {names} as in {wanted.known}; got {_kind(tree)}; {wanted.remedy}"
        )
    if like.several:
        return _parts(tree)
    places = [f".{like.names[k]}" for k in like.there()]
    needed = [step for step, _, value in children(like) or () if not _idle(value, wanted)]
    if isinstance(tree, Attributes) and not tree.several:
        own = {f".{ours}": (k, theirs) for k, (ours, theirs) in enumerate(zip(like.names, tree.names, strict=True))}
        if missing := [] if wanted.same else [own[step][1] for step in needed if not hasattr(tree.of, own[step][1])]:
            raise ValueError(f"{path}: this {type(tree.of).__name__} has no {', '.join(missing)}; {wanted.remedy}")
        looked_at = own if wanted.same else places
        there = {step: own[step] for step in looked_at if hasattr(tree.of, own[step][1])}
        return {step: (k, getattr(tree.of, name)) for step, (k, name) in there.items()}
    if isinstance(tree, Attributes) or not isinstance(tree, dict | list | tuple):
        return _parts(tree)
    if isinstance(tree, dict):
        return _parts(tree, True)
    # What is passed over may be missing.
    for steps in (places, needed):
        if len(steps) == len(tree):
            return {step: (k, value) for k, (step, value) in enumerate(zip(steps, tree, strict=True))}
    raise ValueError(f"{path} has {len(tree)} parts for {', '.join(places)} in {wanted.known}; {wanted.remedy}")


def _kind(value: Any) -> str:
    known = value is None or hasattr(value, "shape") or children(value) is not None
    return f"a {type(value).__name__}{'' if known else way_out(value)}"
