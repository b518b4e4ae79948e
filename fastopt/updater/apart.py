"""The arrays of several rules in one step lie apart: each plan sees its own, and this module all of them."""

from collections.abc import Collection, Sequence
from typing import Any

from ..kernels.arrays.overlaps import check_overlaps
from ..kernels.arrays.row_sparse import RowSparse
from ..kernels.arrays.view import View
from ..kernels.libraries.library import as_array, state_view_of, view_of
from ..kernels.step.plan import Plan


class Apart:
    """The arrays of parameters whose rules differ.

    paths: how messages name the parameters. state: for each its arrays by slot. parameters: those of the step. renewed:
    whether a plan has taken arrays that `check` has not seen.
    """

    def __init__(self, paths: Sequence[str], state: Sequence[dict[str, Any]]) -> None:
        self._paths, self._state = paths, state
        self.parameters: Sequence[Any] = ()
        self.renewed = False
        # Where the arrays that a step writes lay when they were compared last.
        self._lay: list[Any] = []
        self._compared: Any = None  # as `lie` gave it

    def beside(self, own: Collection[int]) -> list[View]:
        """What a step writes of the parameters of other rules. own: the numbers of those of one rule."""
        self.renewed = True
        theirs = set(range(len(self._paths))).difference(own)
        return [view for k in sorted(theirs) for view in self._written(k).values()]

    def _written(self, k: int) -> dict[str, View]:
        name = f"params{self._paths[k]}"
        arrays = {name: self.parameters[k]} | {f"state {slot!r} of {name}": a for slot, a in self._state[k].items()}
        return {label: state_view_of(array, label)[1] for label, array in arrays.items()}

    def lie(self, plans: Sequence[tuple[Plan, Sequence[int]]]) -> Any:
        """Where the arrays of a step lie, if that is known. plans: with the parameters that have a gradient."""
        known = [(plan.addresses, plan.touched, chosen) for plan, chosen in plans]
        if any(addresses is None or touched for addresses, touched, _ in known):
            return None
        return [(addresses.tobytes(), tuple(chosen)) for addresses, _, chosen in known]

    def due(self, lie: Any) -> bool:
        """Whether arrays have to be compared. lie: as `lie` gives it; () where only a plan can have new arrays."""
        return self.renewed or (lie != () and (lie is None or lie != self._compared))

    def check(self, gradients: Sequence[Any], zeroed: bool, lie: Any) -> bool:
        """Raise ValueError if what a step writes shares memory with other arrays. zeroed: whether it sets gradients.
        lie: as in `due`.

        Returns whether parameters lie elsewhere than before, which plans that have not taken them do not know.
        """
        every = [self._written(k) for k in range(len(self._paths))]
        views = [view for own in every for view in own.values()]
        labels = [label for own in every for label in own]
        firsts = [labels.index(f"params{path}") for path in self._paths]
        written = [(view.address, view.shape, view.strides) for view in views]
        for path, gradient in zip(self._paths, gradients, strict=True):
            if gradient is not None:
                sparse = isinstance(gradient, RowSparse)
                labels.append(f"grads{path}" + ".values" * sparse)
                views.append(view_of(as_array(gradient.values if sparse else gradient), labels[-1])[1])
        check_overlaps(views, labels.__getitem__, range(len(views) if zeroed else len(written)), firsts)
        moved, self._lay, self.renewed = bool(self._lay) and self._lay != written, written, False
        self._compared = lie
        return moved
