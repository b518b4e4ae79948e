"""The loop of an update that writes codes in blocks: a warp takes a block, whose lanes have neighbours side by side."""

from collections.abc import Mapping, Sequence

from ..language.root8 import STEPS
from ..language.storages import BLOCK, SCALES, SHIFT
from ..program.spelling import indented
from ..program.stages import Stage
from ..tasks.layout import Layout
from .element import Parts, accesses

_WARP = 32
# The elements of a lane: that of its number, and of each 32nd after it, so that the lanes read side by side.
OF_LANE = BLOCK // _WARP


def in_blocks(
    stage: Stage, layout: Layout, parts: Parts, find: Sequence[str], places: Mapping[int, str], number: str
) -> list[str]:
    """Statements that update the elements of a row by blocks.

    All threads come to where a warp joins, so that these may be places where all threads meet.
    stage: as it is on arrays that are stored so. find: statements that find element `number`, and where it then is in
    each array. number: its number in the order of memory.
    """
    storages, columns = accesses(layout), dict(zip(stage.arrays, layout.there, strict=True))
    scales = [k for k in layout.there if layout.storages[k] == SCALES]
    others = [k for k in layout.there if k not in scales]
    read = [columns[array] for array in stage.reads]
    coded = {columns[codes]: columns[own] for codes, own in stage.blocks.items()}
    written = [k for array, k in columns.items() if array in stage.writes and k not in (*coded, *scales)]
    loads = [f"a{k}[k] = load<{storages[k]}>(at{k}, {places[k]});" for k in others if k in read]
    arguments = [f"a{k}" if k in scales else f"a{k}[k]" for k in layout.there]
    stores = [f"store<{storages[k]}>(at{k}, {places[k]}, a{k}[k]);" for k in written]
    codes = [f"__stcs((unsigned char *)at{k} + {number}, {storages[k]}_code(a{k}[k], inverse{k}));" for k in coded]
    end = []
    for k, own in coded.items():
        steps = f"{STEPS[storages[k]]}f"
        end += [
            f"const float root{k} = __fsqrt_rn(__uint_as_float(largest_of_warp(top{k})));",
            f"const float inverse{k} = inverse_of(root{k}, {steps});",
            f"if (lane == 0 && first_of_lane < n) store<float32>(at{own}, block, scale_from(root{k}, {steps}));",
        ]
    inner = [
        f"const int first_of_lane = start + (int)threadIdx.x / {_WARP} * {BLOCK} + lane;",
        f"const long long block = ({number.replace('number', 'first_of_lane')}) >> {SHIFT};",
        *[f"const float a{k} = {_scale(k, storages) if k in read else '0.0f'};" for k in scales],
        *[f"{parts.compute} a{k}[{OF_LANE}] = {{}};" for k in others],
        *_each([*find, *loads]),
        *[f"unsigned top{k} = 0;" for k in coded],
        # The elements that are not there too: no lane takes a way of its own through the formula.
        *_each(
            [*find, *stores, *[f"top{k} = larger(top{k}, a{k}[k]);" for k in coded]],
            [parts.call(arguments, number="number")],
        ),
        *end,
        *_each(codes),
    ]
    return [
        f"const int lane = (int)threadIdx.x % {_WARP};",
        f"for (int start = (first - (int)threadIdx.x) * {OF_LANE}; start < n; start += stride * {OF_LANE}) {{",
        *indented(inner),
        "}",
    ]


def _scale(k: int, storages: Sequence[str]) -> str:
    return f"first_of_lane < n ? load<{storages[k]}>(at{k}, block) : 0.0f"


def _each(there: Sequence[str], all_the_same: Sequence[str] = ()) -> list[str]:
    """A loop over the elements of a lane. there: statements for an element that is in the row."""
    return [
        "#pragma unroll",
        f"for (int k = 0; k < {OF_LANE}; k++) {{",
        f"    const int number = first_of_lane + {_WARP} * k;",
        *indented(all_the_same),
        "    if (number < n) {",
        *indented(there, 2),
        "    }",
        "}",
    ]
