"""How the arrays of a batch lie: the one record of it that every kernel is written and compiled from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ..arrays.view import View, compute_type


@dataclass(frozen=True)
class Layout:
    """All that the text of a kernel depends on beside its stage.

    storages: the stored type of each of the stage's arrays. dimensions: how many, if the arrays are not dense together,
    else None. held: the arrays of which each row of the table has a single element. repeated: whether a row goes
    through several rows of scalars in turn, up to the one before the number in its last column. whole: whether the rows
    are pieces of whole arrays, and do not lie anywhere in them. cast: the type in which the kernel computes, if some
    arrays are cast to it as they are read; None if none is.
    """

    storages: tuple[str, ...]
    dimensions: int | None = None
    held: tuple[int, ...] = ()
    repeated: bool = False
    whole: bool = True
    cast: str | None = None

    @property
    def width(self) -> int:
        """How many arrays there are."""
        return len(self.storages)

    @property
    def compute(self) -> str:
        """The type in which the kernel computes."""
        return self.cast or compute_type(self.storages)

    def casts(self, k: int) -> bool:
        """Whether an array is cast as it is read."""
        return self.cast is not None and compute_type(self.storages[k : k + 1]) != self.cast

    @property
    def columns(self) -> int:
        """How many columns the task table has."""
        strided = 0 if self.dimensions is None else 1 + self.dimensions * (self.width + 1)
        return self.width + 2 + strided + self.repeated

    @cached_property
    def once(self) -> "Layout":
        """That of the tables which `Batch.turns` yields: pieces of any arrays, each with one row of scalars."""
        return replace(self, repeated=False, whole=True)


def cast_of(views: Sequence[View]) -> str | None:
    """The type to which some of the arrays are cast; None if none is."""
    return next((view.cast for view in views if view.cast), None)
