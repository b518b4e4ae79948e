"""The headers of NumPy arrays, read by compiled code: has any of them changed, and where do they lie?

Asking an array for its address takes a microsecond; a model has hundreds of arrays, and each step brings new gradients.
The address of a list, `id(list)`, leads to its arrays and to NumPy's own structs, whose layout is part of its stable
interface. They are compared once with what Python and NumPy say; where that differs, `available` is False and the slow
way is taken. Importing this module imports numba.
"""

import functools
import itertools
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays.extents import Extents
from ..arrays.view import place
from ..jit.compiler import compiled, entry_point

SAME, MOVED, CHANGED, OTHERS = 0, 1, 2, 3
# C and F contiguous, aligned, writable: the flags on which a plan depends.
_FLAGS = 0x1 | 0x2 | 0x100 | 0x400

AHEAD = 16  # arrays

# All that compiled code knows beforehand comes as the address of one frame of words of eight bytes: to hand over an
# array takes as long as looking at thirty. Words of a list: 2 length, 3 items.
_FRAME = (
    *("count", "others", "addresses", "found", "spans", "movable", "written", "apart", "changed", "changes"),
    *("expected", "width", "gap", "here", "there", "fixed_length", "moving_length", "places"),
)

# In lists of the arrays of a whole model, where those are that are looked at, and how long the lists are.
Among = tuple[Sequence[int], int]


def look_source(name: str, own: Sequence[str], compare: str) -> str:
    """The source of a function (fixed, moving, frame) that tells whether the arrays of two lists are as they were.

    own: names of words of the frame after _FRAME. compare: statements for number k, the object at address `at`, with
    what was noted of it at address `noted`: they set `address`, or return CHANGED. `items` has the objects, that with
    number k at place `word(places, k)`, up to number `last`.
    """
    words = "\n".join(f"    {word} = word(frame, {k})" for k, word in enumerate([*_FRAME, *own]))
    return f"""
def {name}(fixed, moving, frame):
{words}
    if word(fixed, 2) != fixed_length or word(moving, 2) != moving_length:
        return {CHANGED}
    moved, others_came = 0, 0
    for half in range(2):
        first, last = half * count, count + half * others
        items = word(moving if half else fixed, 3)
        for k in range(first, last):
            at, noted = word(items, word(places, k)), expected + 8 * k * width
            if half:
                came = 1 if at != gap else 0
                set_word(here, k - first, came)
                others_came |= came ^ word(there, k - first)
                if came == 0:
                    set_word(found, k, word(addresses, k))
                    continue
{textwrap.indent(textwrap.dedent(compare).strip(), " " * 12)}
            set_word(found, k, address)
            moved |= address ^ word(addresses, k)
        # Only a moving array may lie elsewhere, and only apart from all that is written.
        if moved and not (half and movable):
            return {CHANGED}
    if not moved and not others_came:
        return {SAME}
    for k in range(others):
        address = word(found, count + k)
        if address != word(addresses, count + k):
            low, high = address + word(spans, 2 * k), address + word(spans, 2 * k + 1)
            first, last = 0, apart
            while first < last:
                middle = (first + last) // 2
                if word(written, 2 * middle) < high:
                    first = middle + 1
                else:
                    last = middle
            if low < high and first > 0 and word(written, 2 * first - 1) > low:
                return {CHANGED}
    for n in range(changes):
        k = word(changed, n)
        if word(here, k) == 0:
            continue
        address = word(found, count + k)
        low, high = address + word(spans, 2 * k), address + word(spans, 2 * k + 1)
        for other in range(others):
            address = word(found, count + other)
            begin, end = address + word(spans, 2 * other), address + word(spans, 2 * other + 1)
            if other != k and word(here, other) and max(low, begin) < min(high, end):
                return {CHANGED}
    for k in range(others):
        set_word(addresses, count + k, word(found, count + k))
        set_word(there, k, word(here, k))
    return {OTHERS} if others_came else {MOVED}
"""


class Frame:
    """The frame of the compiled function: what it is told of the arrays that it looks at.

    fixed, moving: the arrays, each gap filled. among: as Headers has it. width: how many words are noted of each.
    extents: as Headers has them. own: the words of the frame that are the function's own. noted: the words noted of
    each array, one after the other, and addresses: those of the fixed, then those of the moving arrays; zeros where
    these two are not known.

    words: the frame itself. addresses: those at the last look, of a gap the last one that was known. moving: those of
    the moving arrays alone. noted: the words noted of each array in a row.
    """

    def __init__(
        self,
        fixed: Sequence[Any],
        moving: Sequence[Any],
        width: int,
        extents: Extents,
        own: Sequence[Any],
        among: Among | None,
        addresses: Sequence[int] = (),
        noted: Sequence[int] = (),
    ) -> None:
        total, length = len(fixed) + len(moving), len(_FRAME) + len(own)
        spans, written, changed = extents.spans(), extents.apart_from(), [*extents.changed]
        nothing, there = [0] * total, [True] * len(moving)
        places, lengths = [*range(len(fixed)), *range(len(moving))], [len(fixed), len(moving)]
        if among is not None:
            places, lengths = [*among[0], *among[0]], [among[1]] * 2
        tables = [
            addresses or nothing,
            nothing,
            spans,
            written,
            changed,
            noted or nothing * width,
            there,
            there,
            places,
        ]
        # All in one array: NumPy takes a microsecond for the address of each.
        room = np.zeros(length + sum(map(len, tables)), np.int64)
        self.place = room.ctypes.data
        starts = list(itertools.accumulate(map(len, tables), initial=length))
        known, found, *sized_at, expected, here, before, placed = [self.place + 8 * start for start in starts[:-1]]
        sized = zip(sized_at, (len(spans) // 2, len(written) // 2, len(changed)), strict=True)
        # Without fixed arrays there is nothing that a gap could be like.
        gap = id(None) if fixed else 0
        frame = [len(fixed), len(moving), known, found, *itertools.chain.from_iterable(sized), expected, width]
        room[:] = [*frame, gap, here, before, *lengths, placed, *own, *itertools.chain.from_iterable(tables)]
        self.words, self.addresses = room[:length], room[length : length + total]
        self.moving = self.addresses[len(fixed) :]
        self.noted = room[starts[5] : starts[6]].reshape(total, width)
        self._there = room[starts[7] : starts[8]]

    def note_gaps(self, moving: Sequence[Any], before: "Frame | None") -> bool:
        """Note which of the moving arrays are gaps, and of these what was noted of them before; returns whether that
        is known."""
        known = before is not None and before.noted.shape == self.noted.shape
        for k, array in enumerate(moving, -len(moving)):
            if array is None:
                self.addresses[k] = self._there[k] = 0
                if known:
                    self.noted[k] = before.noted[k]  # type: ignore[union-attr]
        return known


# Of PyArrayObject_fields: 1 type, 2 data, 3 nd, 4 dimensions, 5 strides, 7 descr, 8 flags. NumPy keeps the strides
# behind the dimensions; where they are not, all is looked at anew. After a forward and a backward pass no cache has
# them: memory is asked for the struct of an array that comes soon, and then, if it is an array, for its shape.
_COMPARE = f"""
    far = word(items, word(places, min(k + {2 * AHEAD}, last - 1)))
    near = word(items, word(places, min(k + {AHEAD}, last - 1)))
    prefetch(far + 16)
    prefetch(far + 64)
    if word(near, 1) == kind:
        prefetch(word(near, 4))
    if word(at, 1) != kind:
        return {CHANGED}
    nd, shape = word(at, 3) & 0xFFFFFFFF, word(at, 4)
    if nd != word(noted, 0) or word(at, 7) != word(noted, 1) or word(at, 8) & {_FLAGS} != word(noted, 2):
        return {CHANGED}
    if word(at, 5) != shape + 8 * nd:
        return {CHANGED}
    for d in range(nd):
        if not same_pair(shape + 16 * d, noted + 24 + 16 * d):
            return {CHANGED}
    address = word(at, 2)
"""


@dataclass(frozen=True)
class ArrayKind:
    """A library's arrays. compare: as look_source has it, where word `kind` of the frame is the type's address.

    extra: a number of an array, beside its type, shape and strides, that must stay. address: where an array lies.
    """

    type: type
    compare: str
    extra: Callable[[Any], int]
    address: Callable[[Any], int]

    @functools.cached_property
    def look(self) -> Any:
        """The compiled function."""
        name = f"look_at_{self.type.__module__}_{self.type.__name__}".replace(".", "_")
        return entry_point(compiled(name, look_source(name, ["kind"], self.compare), "int64(int64, int64, int64)"))


NUMPY = ArrayKind(np.ndarray, _COMPARE, lambda array: array.flags.num & _FLAGS, place)


class Headers:
    """Checks whether arrays are as they were in type, shape, strides and what else must stay.

    fixed: arrays that must lie where they are. moving: those that may move as far as `extents` lets them; if there are
    fixed ones, None is a gap, which may be filled in a later look by an array as it was before the headers `before` had
    the gap, or like the fixed array in the same place. among: where these arrays are in the lists that are looked at;
    None if they are all. addresses: those of the fixed, then those of the moving arrays, at the last look. moving: the
    addresses of the moving alone. known: the frame. types: the types of the elements, by their addresses. gaps_known:
    whether `before` had what was noted of gaps; else each is expected to be like the fixed array. checkable: False if
    an array is of another class than `kind.type`, even one that inherits from it: then every look gives CHANGED, and
    there are no addresses.
    """

    def __init__(
        self,
        fixed: list[Any],
        moving: list[Any],
        extents: Extents,
        before: Any = None,
        among: Among | None = None,
        kind: ArrayKind = NUMPY,
    ) -> None:
        arrays = [*fixed, *(there := filled(moving, fixed))]
        # The function itself, since finding it in its cache takes as long as running it.
        self._look, self.checkable = kind.look, all(type(array) is kind.type for array in arrays)
        self.known: Frame | None = None
        self.gaps_known = False
        self.kind, self.types = kind, {id(array.dtype): array.dtype for array in arrays if self.checkable}
        if not self.checkable:
            return
        width = 3 + 2 * max(array.ndim for array in arrays)
        noted: list[int] = []
        for array in arrays:
            noted += array.ndim, id(array.dtype), kind.extra(array), *array.shape, *array.strides
            noted += [0] * (-len(noted) % width)
        addresses = list(map(kind.address, arrays))
        self.known = known = Frame(fixed, there, width, extents, [id(kind.type)], among, addresses, noted)
        alike = isinstance(before, Headers) and before.kind is kind
        self.gaps_known = known.note_gaps(moving, before.known if alike else None)
        self.addresses, self.moving, self._place = known.addresses, known.moving, known.place
        if alike:
            # Types are compared by address, which must not be given to another meanwhile.
            self.types |= before.types

    def look(self, fixed: list[Any], moving: list[Any]) -> int:
        """SAME, or MOVED if only moving arrays lie elsewhere, or OTHERS if there are gaps in other places, or CHANGED.

        MOVED and OTHERS enter the new addresses into `addresses`; CHANGED leaves them as they were.
        """
        if not self.checkable:
            return CHANGED
        # The arrays stay alive, and so do their addresses, while the caller holds the lists.
        answer: int = self._look(id(fixed), id(moving), self._place)
        return answer


def filled(moving: Sequence[Any], fixed: Sequence[Any]) -> list[Any]:
    """The moving arrays, with the fixed array of the same place in each gap."""
    if not fixed:
        return list(moving)
    return [fixed[k] if array is None else array for k, array in enumerate(moving)]


def spread(arrays: Sequence[Any], among: Among) -> list[Any]:
    """A list as long as those that are looked at, with the arrays in their places."""
    places, length = among
    every: list[Any] = [None] * length
    for k, array in zip(places, arrays, strict=True):
        every[k] = array
    return every


@functools.cache
def available() -> bool:
    """Whether Python's lists and NumPy's structs are where this module expects them."""
    grid = np.arange(24.0, dtype="float32").reshape(2, 3, 4)
    read_only = np.ones(3)
    read_only.flags.writeable = False
    arrays = [grid, grid[:, ::2].T, np.array(1.0), np.zeros((0, 5), "float16"), read_only]
    headers = Headers(arrays, arrays[::-1], Extents())
    # The words that are read are compared with what Python says, of arrays that differ in everything.
    return headers.look(arrays, arrays[::-1]) == SAME
