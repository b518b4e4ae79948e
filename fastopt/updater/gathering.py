"""The gradients of several micro-batches, added up until a step takes their sum: what Optimizer.accumulate does."""

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..kernels.arrays.row_sparse import is_row_sparse
from ..kernels.gathering import SUM, begins, gather
from ..kernels.libraries.library import array_like
from ..kernels.step.plan import Plan
from .journal import Journal
from .taken import Taken, kind_of

HOW = ("mean", "sum")


@dataclass(frozen=True)
class Sums:
    """Sums of gradients. taken: the parameters that they are of. arrays: one for each, of whatever values where no
    gradient came yet; none before the first call. calls: how many there were. there: the parameters that had a gradient
    in any."""

    taken: Taken
    arrays: Sequence[Any]
    calls: int
    there: frozenset[int]


class Gathering:
    """The sums of the gradients since the last step. how: what a step takes of them, their "mean" or "sum"."""

    def __init__(self, how: str, zeroes: bool, casts: bool) -> None:
        self.how = how
        self._definition, self._casts = gather(zeroes), casts
        self._plan: tuple[Sequence[Any], Plan, list[int]] | None = None
        # Where the sums stood when these were made of them: a list, and a tree, which takes a while.
        self._given: tuple[Sums, list[Any], Any] | None = None
        self.sums: Sums

    def take(self, taken: Taken) -> None:
        """Take over parameters; may be interrupted and called again. Those that stay keep their sums."""
        before = self.__dict__.get("sums")
        if before is None:
            self.sums = Sums(taken, (), 0, frozenset())
        elif before.taken is not taken:
            there = frozenset(k for k, old in enumerate(taken.kept) if old in before.there)
            self.sums = Sums(taken, _moved(before.arrays, taken), before.calls, there)

    @property
    def arrays(self) -> list[Any]:
        """For each parameter its sum, None for no gradient."""
        return self._as_given()[0]

    def _as_given(self) -> tuple[list[Any], Any]:
        """The sums as a list, and in the tree of the parameters."""
        sums, known = self.sums, self._given
        if known is None or not _same_places(known[0], sums):
            arrays = [sums.arrays[k] if k in sums.there else None for k in range(len(sums.taken.state))]
            known = self._given = sums, arrays, sums.taken.parameters.in_tree(arrays)
        return known[1:]

    def tree(self) -> Any:
        """The sums in the tree of the parameters. Raises TypeError if there are none."""
        if not self.sums.calls:
            raise TypeError(
                "opt.step() without grads takes what opt.accumulate(grads) has added up, which was not called since "
                "the last step; call opt.accumulate(grads) first, or pass the gradients, as in opt.step(grads)"
            )
        return self._as_given()[1]

    def calls_of(self, gradients: Sequence[Any]) -> int:
        """Of how many calls these gradients of a step are the sums; 0 for others. Raises RuntimeError for others while
        there are sums, which would be lost."""
        sums = self.sums
        if sums.calls and not all(map(operator.is_, gradients, self.arrays)):
            raise RuntimeError(
                f"grads were passed to a step, but the gradients of {sums.calls} calls of opt.accumulate wait for one; "
                "call opt.accumulate(grads) and then opt.step(), or first opt.step() for those that wait"
            )
        return sums.calls

    def drop(self) -> None:
        """Begin anew; may be called again."""
        sums = self.sums
        self.sums = Sums(sums.taken, sums.arrays, 0, frozenset())

    def kept(self) -> tuple[dict[int, Any], int]:
        """What `put` takes."""
        return {k: self.sums.arrays[k] for k in self.sums.there}, self.sums.calls

    def put(self, arrays: Mapping[int, Any], calls: int) -> None:
        """Go on from the sums of some parameters; may be called again."""
        room = self.sums.arrays or [None] * len(self.sums.taken.state)
        self.sums = Sums(self.sums.taken, [arrays.get(k, own) for k, own in enumerate(room)], calls, frozenset(arrays))

    def add(
        self,
        parameters: list[Any],
        gradients: list[Any],
        dense: Callable[[int, Any, Any], Any],
        journal: Journal,
    ) -> None:
        """Add gradients to the sums, as Optimizer.accumulate says.

        dense: gives a gradient that is not row-sparse in the form that a plan takes, from the number of the parameter,
        the parameter and the gradient.
        """
        sums = self.sums
        chosen = [k for k, gradient in enumerate(gradients) if gradient is not None]
        after = Sums(sums.taken, sums.arrays, sums.calls + 1, sums.there.union(chosen))
        if not chosen:
            self.sums = after
            return
        first = [k not in sums.there for k in chosen]
        mixed = any(first) and not all(first)
        rows = [begins(False), begins(True)] if mixed else [begins(first[0])]
        row_of = [int(k not in sums.there) for k in range(len(parameters))] if mixed else []
        plan, alike = self._planned(sums.arrays)
        executor = plan.retake(parameters, gradients, row_of or alike) if plan else None
        if plan is None or executor is None:
            self._refuse_sparse(gradients)
            given = zip(range(len(parameters)), parameters, gradients, strict=True)
            # Kept until they are added: a scalar becomes an array here, and the plan knows its address alone.
            gradients = [dense(*one) for one in given]
            after = replace(after, arrays=self._fitting(parameters))
            plan, alike = self._planned(after.arrays)
            assert plan is not None
            executor = plan.take(parameters, gradients, row_of or alike)
        executor.decide(rows)
        executor.write(journal.note(executor.writes, partial(setattr, self, "sums", after), ()))
        journal.settle()

    def _refuse_sparse(self, gradients: Sequence[Any]) -> None:
        for k, gradient in enumerate(gradients):
            if gradient is not None and is_row_sparse(gradient):
                label = self._label(k, "g")
                raise TypeError(
                    f"{label} is row-sparse, and opt.accumulate adds up dense gradients; pass {label}.dense(shape), of "
                    "the parameter's shape, or join the rows and values of all micro-batches, and step with them"
                )

    def _label(self, position: int, name: str) -> str:
        return self.sums.taken.parameters.label(self._definition.arrays, position, name)

    def _planned(self, arrays: Sequence[Any]) -> tuple[Plan | None, list[int]]:
        """The plan that adds to these arrays, and for each parameter the number of the row that all have."""
        if not arrays:
            return None, []
        if self._plan is None or self._plan[0] is not arrays:
            definition, alike = self._definition, [0] * len(arrays)
            # Not of this object: a plan must not lead back to what has it.
            label = partial(self.sums.taken.parameters.label, definition.arrays)
            program = definition.program(definition.hyper)
            self._plan = arrays, Plan(program, [(one,) for one in arrays], alike, label, casts=self._casts), alike
        return self._plan[1:]

    def _fitting(self, parameters: Sequence[Any]) -> Sequence[Any]:
        """Arrays for the sums of these parameters: those that there are, if they fit."""
        sums, names = self.sums, [f"params{path}" for path in self.sums.taken.parameters.paths]
        sums.taken.check(parameters, range(len(names)))
        arrays = list(sums.arrays) or [None] * len(names)
        for k, (parameter, own, name) in enumerate(zip(parameters, arrays, names, strict=True)):
            fits = own is not None and kind_of(own, name) == kind_of(parameter, name)
            if not fits and k in sums.there:
                raise ValueError(
                    f"{name} is another kind of array than when opt.accumulate added up its gradients; put an array "
                    "like the one before there, or call opt.sync(), which drops them"
                )
            arrays[k] = own if fits else array_like(parameter, 0.0, None, name)
        same = len(sums.arrays) == len(arrays) and all(a is b for a, b in zip(sums.arrays, arrays, strict=True))
        return sums.arrays if same else arrays

    def room(self, parameters: Sequence[Any], keys: Collection[str]) -> dict[str, tuple[Any, str]]:
        """New arrays for the sums of some parameters, with their names in messages, by slot/parameter."""
        places = self.sums.taken.parameters
        named = zip(places.keys, places.paths, parameters, strict=True)
        return {
            f"{SUM}/{key}": (array_like(p, 0.0, None, f"params{path}"), self._label(k, SUM))
            for k, (key, path, p) in enumerate(named)
            if key in keys
        }


def _same_places(one: Sums, other: Sums) -> bool:
    return one.taken is other.taken and one.arrays is other.arrays and one.there == other.there


def _moved(arrays: Sequence[Any], taken: Taken) -> Sequence[Any]:
    """The arrays of the parameters that stay, in the order that they now have."""
    return [None if k is None else arrays[k] for k in taken.kept] if arrays else ()
