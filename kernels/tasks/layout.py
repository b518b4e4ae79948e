"""How the arrays of a batch lie: the one record of it that every kernel is written and compiled from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

from ..arrays.view import View, compute_type
from ..language.storages import ABSENT
from ..program.stages import Stage


@dataclass(frozen=True)
class Layout:
    """All that the text of a kernel depends on beside its stage.

    storages: the stored type of each of the stage's arrays. dimensions: how many, if the arrays are not dense together,
    else None. held: the arrays of which each row of the table has a single element. repeated: whether a row goes
    through several rows of scalars in turn, up to the one before the number in its last column. whole: whether the rows
    are pieces of whole arrays, and do not lie anywhere in them. pairs: whether the kernel computes two neighbours
    together, the parts of a complex number. cast: the type in which the kernel computes, if some arrays are cast to it
    as they are read; None if none is. numbered: whether the kernel computes elements by their number in the array: rows
    of the table then have that of their first element, and the mark of the array.
    """

    storages: tuple[str, ...]
    dimensions: int | None = None
    held: tuple[int, ...] = ()
    repeated: bool = False
    whole: bool = True
    pairs: bool = False
    cast: str | None = None
    numbered: bool = False

    @classmethod
    def of(
        cls, stage: Stage, views: Sequence[View], dimensions: int | None, held: tuple[int, ...], **more: Any
    ) -> Self:
        """That of the arrays of a stage. The rest as above."""
        # Both parts of complex numbers together where both are needed, or a place has to be found.
        together = stage.pairwise or (dimensions is not None and not stage.reductions)
        pairs = together and any(view.complex for view in views)
        cast = next((view.cast for view in views if view.cast), None)
        storages = tuple(view.storage for view in views)
        numbered = stage.numbered and stage.kept_in(storages).numbered
        return cls(storages, dimensions, held, pairs=pairs, cast=cast, numbered=numbered, **more)

    @classmethod
    def dense(cls, stage: Stage, storages: Sequence[str]) -> Self:
        """That of dense arrays of a stage in stored types: the common one, which is shown and measured."""
        return cls(tuple(storages), numbered=stage.numbered)

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
    def there(self) -> list[int]:
        """The columns of the arrays that are not absent."""
        return [k for k, storage in enumerate(self.storages) if storage != ABSENT]

    @property
    def step(self) -> int:
        """How many neighbouring elements a kernel computes together."""
        return 2 if self.pairs else 1

    def among(self, names: Sequence[str]) -> list[tuple[int, int, str]]:
        """For each name of an array the column of its address, its part, and the name. names: as the kernel has them,
        one for each array that is there, or for each part of each."""
        columns = [(k, part) for k in self.there for part in range(self.step)]
        return [(*column, name) for column, name in zip(columns, names, strict=True)]

    @property
    def columns(self) -> int:
        """How many columns the task table has."""
        strided = 0 if self.dimensions is None else 1 + self.dimensions * (self.width + 1)
        numbered = (1 + (self.dimensions is None)) * self.numbered
        return self.width + 2 + strided + numbered + self.repeated

    @cached_property
    def once(self) -> "Layout":
        """That of the tables which `Batch.turns` yields: pieces of any arrays, each with one row of scalars."""
        return replace(self, repeated=False, whole=True)

    @cached_property
    def alone(self) -> "Layout":
        """That of a set which CuPy walks, however it lies."""
        return Layout(self.storages, pairs=self.pairs, cast=self.cast)
