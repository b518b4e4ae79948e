"""State arrays that older files and peers keep in other words: how ours are made of theirs, and theirs of ours."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..kernels.arrays.view import as_complex, as_pairs, in_both_parts
from ..kernels.language.parts import seen_as
from ..kernels.rules.rmsprop import mean_square, variance
from ..kernels.system import memory_for


@dataclass(frozen=True)
class Made:
    """An array that a function makes of others of the same parameter; it takes the place of the first.

    of: the names of their slots.
    """

    function: Callable[..., Any]
    of: tuple[str, ...]

    def array(self, arrays: Callable[[str], Any], one_moment: bool = False) -> Any:
        """The array, worked out in float64, in the type of the first if that has fractions; of complex arrays complex.

        arrays: gives a NumPy array by its slot. one_moment: whether both parts of a complex number have one second
        moment. Raises ValueError if the shapes differ.
        """
        given, names = [arrays(slot) for slot in self.of], " and ".join(self.of)
        if len(shapes := {one.shape for one in given}) > 1:
            raise ValueError(f"{names} must have one shape; got {shapes}")
        if pairs := any(one.dtype.kind == "c" for one in given):
            given = [as_pairs(in_both_parts(one)) for one in given]
        stored = np.dtype("float64") if given[0].dtype.kind in "biu" else given[0].dtype
        with (
            memory_for(f"what is made of {names}", "Free three times what one of them has, in float64"),
            np.errstate(all="ignore"),
            seen_as(pairs, one_moment),
        ):
            made = np.asarray(self.function(*(one.reshape(-1).astype("float64") for one in given))).astype(stored)
        made = made.reshape(given[0].shape)
        return as_complex(made) if pairs else made


_CENTERED = ("rmsprop_centered", "rmsprop_centered_momentum")
# For each rule the slots that are made of what a peer, or a file of format 1, has: a mean square beside the mean.
OURS = {name: {"var": Made(variance, ("v", "a"))} for name in _CENTERED}
# And what the others have, made of our slots.
THEIRS = {name: {"v": Made(mean_square, ("var", "a"))} for name in _CENTERED}
