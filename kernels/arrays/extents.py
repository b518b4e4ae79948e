"""How far arrays reach, as compiled code has to know it that sees some of them move."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .view import View


@dataclass(frozen=True)
class Extents:
    """Where arrays may move to: apart from what is written, and if they are written themselves, from each other.

    moving: the views of the arrays that may move, None for one that cannot. written: the views of what is written and
    stays where it is. changed: the places in `moving` of the arrays that are written.
    """

    moving: Sequence[View | None] = ()
    written: Sequence[View] = ()
    changed: Sequence[int] = ()

    def spans(self) -> list[int]:
        """Where each moving array begins and ends, from the address of its first element."""
        pairs = ([b - view.address for b in view.bounds] if view and view.size else [0, 0] for view in self.moving)
        return [*itertools.chain.from_iterable(pairs)]

    def apart_from(self) -> list[int]:
        """Where written arrays that stay begin and end, in ascending order, those that interleave or touch as one."""
        return [*itertools.chain.from_iterable(_unions(sorted(view.bounds for view in self.written if view.size)))]


def _unions(spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Ascending spans, those that overlap or touch as one."""
    if not spans:
        return
    low, high = spans[0]
    for begin, end in spans:
        if begin > high:
            yield low, high
            low = begin
        high = max(high, end)
    yield low, high
