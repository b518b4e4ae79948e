"""A copy of the arrays of a tree, which can be put back bit for bit."""

from typing import Any

from ..kernels.libraries.library import array_like, assignable, check_parameters
from .tree import leaves


class Snapshot:
    """Room for one copy of the arrays of a tree, in their types and on their device; filled by `take`.

    taken: whether there is a copy. Raises TypeError or ValueError, naming the array, as an optimizer does.
    """

    def __init__(self, params: Any) -> None:
        named = {id(array): (path, array) for path, _, array in leaves(params, "params")}
        paths, arrays = zip(*named.values(), strict=True) if named else ((), ())
        if not arrays:
            raise ValueError("params has no arrays")
        storages = check_parameters(arrays, paths)
        self._copies = [array_like(a, 0.0, s, path) for a, s, path in zip(arrays, storages, paths, strict=True)]
        self._arrays = [assignable(array, path) for array, path in zip(arrays, paths, strict=True)]
        self.taken = False

    def take(self) -> None:
        """Copy the arrays."""
        self.taken = False  # until the copy is whole
        for array, copy in zip(self._arrays, self._copies, strict=True):
            copy[...] = array
        self.taken = True

    def restore(self) -> None:
        """Put the copy back into the arrays."""
        for array, copy in zip(self._arrays, self._copies, strict=True):
            array[...] = copy

    def drop(self) -> None:
        """Forget the copy."""
        self.taken = False
