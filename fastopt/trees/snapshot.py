"""A copy of the arrays of a tree, which can be put back bit for bit."""

from typing import Any

from ..kernels.libraries.library import array_like, assignable, check_parameters, view_of
from .followers import announce
from .parameters import Parameters


class Snapshot:
    """Room for one copy of the arrays of a tree, in their types and on their device; filled by `take`.

    The arrays are those that stand in the tree when `take` and `restore` are called. whose: how messages name what has
    the snapshot. tree: params. taken: whether there is a copy. Raises TypeError or ValueError, naming the array, as an
    optimizer does; `take` and `restore` do so for a tree of another structure, and for arrays of other shapes or types.
    """

    def __init__(self, params: Any, whose: str) -> None:
        self.tree = params
        self._remedy = f"make another {whose} for the new structure"
        self._parameters = Parameters(params, may_share=True, remedy=self._remedy)
        self._names = [f"params{path}" for path in self._parameters.paths]
        arrays = self._parameters.of(params, "params")
        self._storages = check_parameters(arrays, self._names)
        pairs = zip(arrays, self._storages, self._names, strict=True)
        self._copies = [assignable(array_like(array, 0.0, storage, name), name) for array, storage, name in pairs]
        self._shapes = [view_of(array, name)[1].shape for array, name in zip(arrays, self._names, strict=True)]
        self.taken = False

    def _found(self, written: bool = False) -> tuple[list[Any], list[Any]]:
        """The arrays that stand in the tree, and for each the object to assign to. written: whether they will be."""
        arrays = self._parameters.of(self.tree, "params")
        views = [view_of(array, name)[1] for array, name in zip(arrays, self._names, strict=True)]
        for view, name, shape, storage in zip(views, self._names, self._shapes, self._storages, strict=True):
            if written and not view.writable:
                raise ValueError(f"{name} is read-only; make {name} writable, or put a writable array there")
            if (view.shape, view.storage) != (shape, storage):
                raise ValueError(
                    f"{name} is {view.storage} of shape {view.shape}, but was {storage} of shape {shape}; "
                    f"{self._remedy}"
                )
        return arrays, [view.array for view in views]

    def check(self) -> None:
        """Raise what `take` would raise for the tree as it is."""
        self._found()

    def take(self) -> None:
        """Copy the arrays."""
        _, sources = self._found()
        self.taken = False  # until the copy is whole
        for source, copy in zip(sources, self._copies, strict=True):
            copy[...] = source
        self.taken = True

    def restore(self) -> None:
        """Put the copy back into the arrays."""
        arrays, targets = self._found(written=True)
        try:
            for target, copy in zip(targets, self._copies, strict=True):
                target[...] = copy
        finally:
            # After an interrupt too, of what was written by then.
            announce(arrays)

    def drop(self) -> None:
        """Forget the copy."""
        self.taken = False
