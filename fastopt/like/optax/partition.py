"""Which parameters each label of optax.partition has, as the masks in its state show."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from ...optimizer.optimizer import Optimizer, updater_of
from ...trees.plain import passed_over
from ...trees.tree import children, is_record
from ..shares import Share, check_names, places, share
from .chains import TREES, parts


def of_labels(opt: Optimizer, partition: Any, names: Sequence[str] | None) -> list[tuple[Share, Sequence[Hashable]]]:
    """The parameters of each label; labels without arrays of state are taken together, and have those that are left.

    names: our names of all parameters in optax's order. Raises ValueError where the parameters of a label are not ours
    or of several rules.
    """
    keys, inner = updater_of(opt).parameters.keys, partition.inner_states
    check_names(keys, names)
    # Of each label any tree: all have the same masks.
    each = {label: [tree for key, tree in parts(state) if key in TREES] for label, state in inner.items()}
    trees = {label: own[0] for label, own in each.items() if own}
    entries = [pair for name, label in _owners(trees) for pair in _in_ours(name, label, keys)]
    order = places(keys, [name for name, _ in entries], len(entries), names)
    members: dict[Any, list[str]] = {(label,): [] for label in trees}
    left = tuple(label for label in inner if label not in trees)
    at = dict(zip(order, keys, strict=True))
    for place, (_, label) in enumerate(entries):
        members.setdefault(left if label is _NONE else (label,), []).append(at[place])
    found = []
    for labels, own in members.items():
        where = " and ".join(f"inner_states[{label!r}]" for label in labels)
        if own and not labels:
            raise ValueError(f"no label of the state has {', '.join(own)}; pass the state of all parameters")
        if own:
            chosen = set(own)
            found.append((share(opt, [key for key in keys if key in chosen], own, where), labels))
    return found


class _NONE:
    """In the place of a label for what all labels have masked."""


def _owners(trees: Mapping[Any, Any], name: str = "", record: bool = False) -> Iterator[tuple[str, Any]]:
    """Every array of the trees of all labels together, by its dotted name, with the label that has not masked it.

    What all have masked may be a container.
    """
    there = {label: tree for label, tree in trees.items() if type(tree).__name__ != "MaskedNode"}
    if not there:
        yield name, _NONE
        return
    first = next(iter(there.values()))
    own = children(first)
    if own is None:
        if not passed_over(first, record):
            yield from ((name, label) for label in there)
        return
    for place, (_, part, _) in enumerate(own):
        within = {label: (children(tree) or [])[place][2] for label, tree in there.items()}
        yield from _owners(within, f"{name}.{part}" if name else part, record or is_record(first))


def _in_ours(name: str, label: Any, keys: Sequence[str]) -> list[tuple[str, Any]]:
    """An entry of `_owners`, or for a container that all have masked one for each of our parameters in it."""
    within = [key for key in keys if not name or key.startswith(f"{name}.")] if label is _NONE else []
    return [(key, label) for key in within] or [(name, label)]
