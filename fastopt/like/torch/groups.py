"""`param_groups` as torch has it: the present numbers of each group, by torch's names, to be read and set."""

from collections.abc import Iterator, MutableMapping
from typing import Any

from ...kernels.language.spellings import PAIRS
from ...kernels.language.spellings import TORCH as NAMES
from ...optimizer.optimizer import Optimizer
from ...optimizer.spelled import put
from ...trees.tree import leaves
from ...updater.hyper import Hyper, all_or_none


class ParamGroup(MutableMapping[str, Any]):
    """The hyperparameters of a group: opt.param_groups[0]["lr"] *= 0.1. "params" are its arrays.

    As in torch a number that is set is the group's own from then on; opt.lr is that of groups that have none.

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
            raise KeyError(f"{name!r}; there are {', '.join(self)}")
        numbers = {**self._optimizer.hyper, **(self._own or {})}
        values = tuple(numbers[one] for one in _ours(name))
        return values if name in PAIRS else values[0]

    def __setitem__(self, name: str, value: Any) -> None:
        ours = _ours(name)
        if name == "params" or any(one not in self._optimizer.hyper for one in ours):
            raise KeyError(f"{name!r} cannot be set; there are {', '.join(n for n in self if n != 'params')}")
        if self._own is not None:
            put(self._own, ours, value)

    def update(self, *given: Any, **named: Any) -> None:
        """Set several; raises what setting one raises, and then sets none."""
        with all_or_none(self._optimizer.hyper, *self._optimizer.groups.values()):
            super().update(*given, **named)

    @property
    def _own(self) -> Hyper | None:
        """The numbers of this group, which may lack those that are of all; None for a group without arrays."""
        return self._optimizer.hyper if self._count is None else self._optimizer.groups.get(str(self._place))

    def __delitem__(self, name: str) -> None:
        raise TypeError("a hyperparameter cannot be removed; set it to another value")

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(["params", *map(_theirs, self._optimizer.hyper)]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        return repr({name: value for name, value in self.items() if name != "params"})


def _ours(name: str) -> tuple[str, ...]:
    return PAIRS.get(name, (NAMES.get(name, name),))


def _theirs(name: str) -> str:
    """Torch's name for one of ours."""
    theirs = {ours: name for name, ours in NAMES.items()}
    return (theirs | {ours: pair for pair, names in PAIRS.items() for ours in names}).get(name, name)


def check_in_use(optimizer: Optimizer, name: str) -> None:
    """Raise ValueError for a number of all groups that each group has replaced by its own."""
    if optimizer.groups and all(name in own for own in optimizer.groups.values()):
        raise ValueError(
            f"each group has its own {name} here; set those: for g in opt.param_groups: g[{_theirs(name)!r}] = ..."
        )


def param_groups(optimizer: Optimizer, count: int | None) -> list[ParamGroup]:
    """The groups of an optimizer, made from so many; from none it has one, of all its parameters."""
    return [ParamGroup(optimizer, place, count) for place in range(count or 1)]
