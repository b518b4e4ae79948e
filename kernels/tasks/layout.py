"""How the arrays of a batch lie: the one record of it that every kernel is written and compiled from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ..arrays.view import View, compute_type
from ..program.stages import Stage


def in_pairs(stage: Stage, views: Sequence[View], dimensions: int | None) -> bool:
    """Whether a kernel takes both parts of complex numbers together: where it needs both, or has to find a place."""
    together = stage.pairwise or (dimensions is not None and not stage.reductions)
    return together and any(view.complex for view in views)


@dataclass(frozen=True)
class Layout:
    """All that the text of a kernel depends on beside its stage.

    storages: the stored type of each of the stage's arrays. dimensions: how many, if the arrays are not dense together,
    else None. held: the arrays of which each row of the table has a single element. repeated: whether a row goes
    through several rows of scalars in turn, up to the one before the number in its last column. whole: whether the rows
    are pieces of whole arrays, and do not lie anywhere in them. pairs: whether the kernel computes two neighbours
    together, the parts of a complex number.
    """

    storages: tuple[str, ...]
    dimensions: int | None = None
    held: tuple[int, ...] = ()
    repeated: bool = False
    whole: bool = True
    pairs: bool = False

    @property
    def width(self) -> int:
        """How many arrays there are."""
        return len(self.storages)

    @property
    def compute(self) -> str:
        """The type in which the kernel computes."""
        return compute_type(self.storages)

    @property
    def step(self) -> int:
        """How many neighbouring elements a kernel computes together."""
        return 2 if self.pairs else 1

    def among(self, names: Sequence[str]) -> list[tuple[int, int, str]]:
        """For each name of an array the column of its address, its part, and the name. names: as the kernel has them,
        one for each array, or for each part of each."""
        return [(*divmod(k, self.step), name) for k, name in enumerate(names)]

    @property
    def columns(self) -> int:
        """How many columns the task table has."""
        strided = 0 if self.dimensions is None else 1 + self.dimensions * (self.width + 1)
        return self.width + 2 + strided + self.repeated

    @cached_property
    def once(self) -> "Layout":
        """That of the tables which `Batch.turns` yields: pieces of any arrays, each with one row of scalars."""
        return replace(self, repeated=False, whole=True)
