"""The leaves of a tree that is held against a structure, with errors that name what differs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..kernels.language.values import kind_of
from .attributes import Attributes
from .plain import passed_over, way_out
from .tree import ARRAY, children, is_record


@dataclass(frozen=True)
class Wanted:
    """The structure that a tree must have. known: how messages name it. remedy: what they advise. same: whether there
    must be no arrays in other places; else what stands there does not matter, and need not be there."""

    known: str
    remedy: str
    same: bool


def matching(tree: Any, like: Any, path: str, wanted: Wanted) -> list[Any]:
    """The leaves of a tree in the order of a structure. Raises ValueError where they differ."""
    ours = children(like)
    if _idle(like, wanted):
        return []
    if ours is None and like is not ARRAY:
        if not passed_over(tree, True):
            raise ValueError(
                f"{path} must be {like!r}, as in {wanted.known}; got {_kind(tree, wanted)}; {wanted.remedy}"
            )
        return []
    if ours is None:
        if (children(tree) is not None and not hasattr(tree, "shape")) or (wanted.same and passed_over(tree, True)):
            raise ValueError(
                f"{path} must be an array, as in {wanted.known}; got {_kind(tree, wanted)}; {wanted.remedy}"
            )
        return [tree]
    given = _given(tree, like, path, wanted)
    known = {step for step, _, _ in ours}
    missing = [path + step for step, _, value in ours if step not in given and not _idle(value, wanted)]
    extra = [path + step for step in given if step not in known]
    if missing or extra:
        said = [f"{', '.join(missing)} {_are(missing)} missing"] * bool(missing)
        said += [f"{', '.join(extra)} {_are(extra)} not in {wanted.known}"] * bool(extra)
        raise ValueError(f"{', and '.join(said)}; {wanted.remedy}")
    pairs = [(given[step], value, path + step) for step, _, value in ours if step in given]
    return [leaf for one, value, at in pairs for leaf in matching(one, value, at, wanted)]


def _idle(like: Any, wanted: Wanted) -> bool:
    """Whether nothing is wanted of what stands in the place of a part of the structure."""
    if wanted.same or like is ARRAY:
        return False
    parts = children(like)
    if parts is None or isinstance(like, Attributes):
        return all(_idle(value, wanted) for _, _, value in parts or [])
    # Of an empty container others may be empty too: what is there is too much.
    return bool(parts) and all(_idle(value, wanted) for _, _, value in parts)


def _given(tree: Any, like: Any, path: str, wanted: Wanted) -> dict[str, Any]:
    """The parts of a container by the steps that a structure has for them."""
    if isinstance(like, Attributes):
        return _given_for(tree, like, path, wanted)
    parts = children(tree)
    if parts is None:
        raise ValueError(
            f"{path} must be {kind_of(like)}, as in {wanted.known}; got {_kind(tree, wanted)}; {wanted.remedy}"
        )
    if isinstance(tree, dict) and is_record(like):
        return {f".{part}": value for _, part, value in parts}
    return {step: value for step, _, value in parts}


def _given_for(tree: Any, like: Attributes, path: str, wanted: Wanted) -> dict[str, Any]:
    """The parts of a container in the place of attributes: these by their order, others by name or, in a list, by
    order."""
    if isinstance(tree, Attributes):
        if len(tree.names) != len(like.names):
            raise ValueError(
                f"{path} names the attributes {', '.join(tree.names)}, but {wanted.known} names "
                f"{', '.join(like.names)}; name as many, in the same order"
            )
        if not like.several and not tree.several:
            own = {like.names[k]: tree.names[k] for k in (range(len(like.names)) if wanted.same else like.there())}
            missing = [] if wanted.same else [name for name in own.values() if not hasattr(tree.of, name)]
            if missing:
                lacking = f"attribute{'s' * (len(missing) > 1)} {', '.join(missing)}"
                raise ValueError(
                    f"{path}: this {type(tree.of).__name__} has no {lacking}; set each, to None for no gradient"
                )
            return {f".{name}": getattr(tree.of, at) for name, at in own.items() if hasattr(tree.of, at)}
    parts = children(tree)
    if parts is None:
        names = ", ".join(like.names)
        raise ValueError(
            f"{path} must have arrays for {names}, as in {wanted.known}; got {_kind(tree, wanted)}; {wanted.remedy}"
        )
    if like.several or isinstance(tree, Attributes) or not isinstance(tree, dict | list | tuple):
        return {step: value for step, _, value in parts}
    if isinstance(tree, dict):
        return {f".{part}": value for _, part, value in parts}
    places = [f".{like.names[k]}" for k in like.there()]
    if len(places) != len(tree):
        raise ValueError(
            f"{path} must have {len(places)} parts, for {', '.join(places)} of {wanted.known}; got {len(tree)}; "
            f"{wanted.remedy}"
        )
    return dict(zip(places, tree, strict=True))


def _kind(value: Any, wanted: Wanted) -> str:
    known = value is None or hasattr(value, "shape") or children(value) is not None
    return f"{kind_of(value)}{'' if known else way_out(value, wanted.same)}"


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
