"""A peer's names for what an optimizer has: read and set as ours."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..updater.hyper import Hyper


@dataclass(frozen=True)
class Spelled:
    """A peer's names. ours: by names of hyperparameters ours. taken: what a value that is set is taken for. others: by
    the names of other attributes functions that read them, and functions that set them, or None. arguments: those of
    the peer's constructor. All are picklable if their functions are of modules."""

    ours: Mapping[str, tuple[str, ...]]
    taken: Callable[[Any], Any]
    others: Mapping[str, tuple[Callable[[Any], Any], Callable[[Any, Any], None] | None]]
    arguments: frozenset[str]
    check: Callable[[Any, str], None] | None


def as_it_is(value: Any) -> Any:
    """The value."""
    return value


def spell(
    optimizer: Any,
    ours: Mapping[str, str | tuple[str, ...]],
    arguments: Collection[str],
    taken: Callable[[Any], Any] = as_it_is,
    others: Mapping[str, tuple[Callable[[Any], Any], Callable[[Any, Any], None] | None]] | None = None,
    check: Callable[[Any, str], None] | None = None,
) -> None:
    """Let an optimizer be read and set by a peer's names too, as Spelled has them."""
    each = {theirs: (names,) if isinstance(names, str) else names for theirs, names in ours.items()}
    vars(optimizer)["_spelled"] = Spelled(each, taken, others or {}, frozenset(arguments), check)


def by_spelling(optimizer: Any, name: str) -> tuple[str, ...]:
    """Our names for a peer's, if the optimizer has these."""
    spelled, hyper = vars(optimizer).get("_spelled"), vars(optimizer).get("hyper", ())
    names: tuple[str, ...] = spelled.ours.get(name, ()) if spelled else ()
    return names if all(one in hyper for one in names) else ()


def check_set(optimizer: Any, *names: str) -> None:
    """Raise what the peer's check raises for hyperparameters of ours that are to be set."""
    spelled = vars(optimizer).get("_spelled")
    for name in names if spelled and spelled.check else ():
        spelled.check(optimizer, name)


def put(hyper: Hyper, names: tuple[str, ...], value: Any, taken: Callable[[Any], Any] = as_it_is) -> None:
    """Set a hyperparameter, or each of several to one of the values. Raises TypeError or ValueError, and then sets
    none."""
    values = [value] if len(names) == 1 else value
    if not isinstance(values, list | tuple) or len(values) != len(names):
        raise ValueError(f"{' and '.join(names)} take a pair of values; got {value!r}")
    hyper.update(zip(names, map(taken, values), strict=True))
