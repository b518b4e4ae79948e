"""`param_groups` as torch has it: the present numbers of each group, by torch's names, to be read and set."""

from collections.abc import Iterator, MutableMapping
from typing import Any

from ...kernels.language.spellings import PAIRS
from ...kernels.language.spellings import TORCH as NAMES
from ...optimizer.names import put
from ...optimizer.optimizer import Optimizer
from ...trees.tree import leaves


class ParamGroup(MutableMapping[str, Any]):
    """The hyperparameters of a group: opt.param_groups[0]["lr"] *= 0.1. "params" are its arrays.

    place: its place in the list of groups that the optimizer was made from. count: how many groups there are; None for
    an optimizer that was not made from groups.
    """

    def __init__(self, optimizer: Optimizer, place: int, count: int | None) -> None:
        self._optimizer, self._place, self._count = optimizer, place, count

    def __getitem__(self, name: str) -> Any:
        if name == "params":
            tree = self._optimizer.params if self._count is None else self._optimizer.params[self._place]
            return [array for _, _, array in leaves(tree, "")]
        if name not in list(self):
            raise KeyError(f"{name!r}; this group has {', '.join(self)}")
        values = tuple(self._holder(self._place, one)[one] for one in _ours(name))
        return values if name in PAIRS else values[0]

    def __setitem__(self, name: str, value: Any) -> None:
        ours = _ours(name)
        if name == "params" or any(one not in self._optimizer.hyper for one in ours):
            raise KeyError(f"{name!r} cannot be set; this group has {', '.join(n for n in self if n != 'params')}")
        holder = self._holder(self._place, ours[0])
        sharing = [k for k in range(self._count or 1) if self._holder(k, ours[0]) is holder]
        if len(sharing) > 1:
            raise ValueError(
                f"the groups {', '.join(map(str, sharing))} share {name}: set opt.{ours[0]} for all of them, or give "
                f"each its own {name} when the optimizer is made"
            )
        put(holder, ours, value, called=name)

    def _holder(self, place: int, name: str) -> Any:
        """What has a hyperparameter of the group at a place: its own numbers, or those of all."""
        own: Any = self._optimizer.groups.get(str(place), {}) if self._count is not None else {}
        return own if name in own else self._optimizer.hyper

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"the hyperparameter {name} cannot be removed; set {name} to another value")

    def __iter__(self) -> Iterator[str]:
        theirs = {ours: name for name, ours in NAMES.items()}
        theirs |= {ours: pair for pair, names in PAIRS.items() for ours in names}
        return iter(dict.fromkeys(["params", *(theirs.get(name, name) for name in self._optimizer.hyper)]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        return repr({name: value for name, value in self.items() if name != "params"})


def _ours(name: str) -> tuple[str, ...]:
    return PAIRS.get(name, (NAMES.get(name, name),))


def param_groups(optimizer: Optimizer, count: int | None) -> list[ParamGroup]:
    """The groups of an optimizer, made from so many; from none it has one, of all its parameters."""
    return [ParamGroup(optimizer, place, count) for place in range(count or 1)]
