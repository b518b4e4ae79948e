"""Graph -> CUDA C++ kernels over the task table: one that updates, one that reduces. Imports neither CuPy nor CUDA."""

import functools
from collections.abc import Iterable, Sequence

from ..language.reductions import LANES, REDUCTIONS
from ..language.storages import SCALES, SHIFT
from ..program.spelling import element_text, indented
from ..program.stages import Stage
from ..tasks.layout import Layout
from ..tasks.places import neighbour, place_statements
from .blocks import OF_LANE, in_blocks
from .element import Parts, accesses, kernel_name, pack, parts_of, spelling
from .launch_size import THREADS
from .parameters import KernelParameters

# Up to so many bytes of scalars go along as an argument of the kernel; more are put into the GPU's memory.
GIVEN_BYTES = 1024


# The first parameters of both kernels: the task table, and the stage's scalars, in the GPU's memory or as they come
# with the call.
_TABLE = (
    "const long long *__restrict__ table",
    "const {compute} *__restrict__ uploaded",
    "const __grid_constant__ Given given",
)
# blocks: how many each row of the table has. go: the address of a number, or 0 for none. If the number is below 1,
# nothing is written, except that at 0 the arrays that are set to a constant are.
UPDATE = KernelParameters(*_TABLE, "unsigned blocks", "const long long *go")
REDUCE = KernelParameters(*_TABLE, "double *__restrict__ partials")


def _kernel(
    name: str, parts: Parts, layout: Layout, threads: int, row: str, parameters: KernelParameters, body: Sequence[str]
) -> str:
    """A kernel over the task table; row: how a block finds its row.

    Its scalars are those in the GPU's memory, if there is an address, else those that came with the call.
    """
    width = layout.width
    lines = [
        given_struct(parts.compute),
        f'extern "C" __global__ void __launch_bounds__({threads}) {name}(',
        f"{parameters.declared(parts.compute)})",
        "{",
        *indented(
            [
                f"const long long *row = table + (long long)({row}) * {layout.columns};",
                *[f"const long long at{k} = row[{k}];" for k in range(width)],
                f"const int n = (int)row[{width}];",
                f"const {parts.compute} *scalars = uploaded ? uploaded : given.values;",
                *(
                    [f"const long long begin = row[{width + 2}], mark = row[{layout.columns - 1}];"]
                    if parts.numbered
                    else []
                ),
                f"scalars += row[{width + 1}] * {len(parts.scalars)};",
                *[f"const {parts.compute} {v} = scalars[{k}];" for k, v in enumerate(parts.scalars)],
                *body,
            ]
        ),
        "}",
        "}",
        "",
    ]
    return parts.preamble + "\n".join(lines)


def given_struct(compute: str) -> str:
    """The type of the scalars that come with a call."""
    return f"struct Given {{ {compute} values[{GIVEN_BYTES} / sizeof({compute})]; }};"


def _single(layout: Layout) -> dict[int, str]:
    """The arrays of which neighbours have a number together, and a template of its place for element {0}."""
    scales = {k: f"{{0}} >> {SHIFT}" for k, storage in enumerate(layout.storages) if storage == SCALES}
    return scales | dict.fromkeys(layout.held, "0")


def _codes(stage: Stage, layout: Layout) -> list[int]:
    """The columns of the codes that a stage reads."""
    kept = stage.kept_in(layout.storages)
    return [k for name, k in zip(kept.arrays, layout.there, strict=True) if name in kept.codes]


def _without_packs(stage: Stage, layout: Layout, number: str) -> dict[int, str]:
    """The arrays that have no packs, and the place of element k of the pack at element `number`."""
    single = {k: place.format(number) for k, place in _single(layout).items()}
    return single | dict.fromkeys(_codes(stage, layout), f"{number} + k")


def _aligned(stage: Stage, layout: Layout) -> str:
    """Whether packs can be loaded of all arrays of a row that have some."""
    packs = [f"at{k}" for k in range(layout.width) if k not in _without_packs(stage, layout, "")]
    return f"(({' | '.join(packs) or '0'}) & 15) == 0"


def _loaded_packs(stage: Stage, layout: Layout, arrays: Iterable[int], number: str) -> list[str]:
    """Statements that load the pack at element `number` of each of these arrays."""
    storages, size, apart = accesses(layout), per_thread(stage, layout), _without_packs(stage, layout, number)
    lines = [f"load_packs<{storages[k]}>(at{k}, {number}, a{k});" for k in arrays if k not in apart]
    each = f"for (int k = 0; k < {size}; k++)"
    return lines + [f"{each} a{k}[k] = load<{storages[k]}>(at{k}, {apart[k]});" for k in arrays if k in apart]


@functools.cache
def per_thread(stage: Stage, layout: Layout) -> int:
    """How many elements a thread takes at once: its share of a block of codes that are written, or a pack.

    Codes that are only read have no packs: 16 elements and their sums at once would take nearly all registers.
    """
    if stage.kept_in(layout.storages).blocks:
        return OF_LANE
    codes = _codes(stage, layout)
    return pack([storage for k, storage in enumerate(layout.storages) if k not in codes])


def update_source(name: str, stage: Stage, layout: Layout, threads: int = THREADS) -> str:
    """The kernel that updates many sets of arrays; its arguments are UPDATE.

    It takes dense arrays in packs of 128 bits where every address of the row allows it, element by element elsewhere
    and at the end; where codes are written, as `in_blocks` says. threads: of a block.
    """
    storages, step, width = accesses(layout), layout.step, layout.width
    parts, size = parts_of(stage, layout), per_thread(stage, layout)
    kept, arrays = stage.kept_in(layout.storages), layout.there
    columns = dict(zip(kept.arrays, arrays, strict=True))
    written = [k for name, k in columns.items() if name in kept.writes]
    # An array that is written but not read needs a place, not a load.
    read = [k for name, k in columns.items() if name in kept.reads]
    # The column and the part of each argument of `element`.
    taken = [(k, part) for k, part, _ in layout.among(parts.arrays)]
    packs = [f"{parts.compute} a{k}[{size}];" for k in arrays]
    packs += _loaded_packs(stage, layout, read, "i")
    packs += ["#pragma unroll", f"for (int k = 0; k < {size}; {f'k += {step}' if layout.pairs else 'k++'})"]
    packs += indented([parts.call([f"a{k}[k + {part}]" if part else f"a{k}[k]" for k, part in taken], number="i + k")])
    packs += [f"store_packs<{storages[k]}>(at{k}, i, a{k});" for k in written]
    find, places = _places(layout, "number")
    named = [(k, part, f"a{k}_{part}" if layout.pairs else f"a{k}") for k, part in taken]
    single = [*find]
    for k, part, own in named:
        load = f" = load<{storages[k]}>(at{k}, {places[k, part]})" if k in read else ""
        single.append(f"{parts.compute} {own}{load};")
    single += [parts.call([own for _, _, own in named], number="number")]
    single += [f"store<{storages[k]}>(at{k}, {places[k, part]}, {own});" for k, part, own in named if k in written]
    constants = [(columns[array], node) for array, node in kept.stores if node.op == "constant"]
    reset = [
        f"store<{storages[k]}>(at{k}, {places[k, part]}, {spelling(parts.kind).constant(node.value)});"
        for k, node in constants
        for part in range(step)
    ]
    begin, ahead = (f"{step} * first", f"{step} * stride") if layout.pairs else ("first", "stride")
    each = f"for (int number = {{}}; number < n; number += {ahead}) {{{{"
    body = [
        "const int first = (int)(blockIdx.x % blocks * blockDim.x + threadIdx.x);",
        "const int stride = (int)(blocks * blockDim.x);",
        "if (go && *go < 1) {",
        *indented(["if (*go < 0) return;", each.format(begin), *indented([*find, *reset]), "}"] if reset else []),
        "    return;",
        "}",
    ]
    if kept.blocks:
        own = f"row[{width + 2}] + number" if layout.dimensions is not None else "number"
        body += in_blocks(kept, layout, parts, find, {k: place for (k, part), place in places.items() if not part}, own)
        return _kernel(kernel_name(name), parts, layout, threads, "blockIdx.x / blocks", UPDATE, body)
    start = begin
    if layout.dimensions is None:
        start = f"whole + {begin}"
        body += [
            f"const int whole = {_aligned(stage, layout)} ? n / {size} * {size} : 0;",
            f"for (int i = first * {size}; i < whole; i += stride * {size}) {{",
            *indented(packs),
            "}",
        ]
    body += [each.format(start), *indented(single), "}"]
    return _kernel(kernel_name(name), parts, layout, threads, "blockIdx.x / blocks", UPDATE, body)


def _places(layout: Layout, number: str) -> tuple[list[str], dict[tuple[int, int], str]]:
    """Statements that find element `number` of a row, and where it then is in each array, and the element after it."""
    width, dimensions, cell, single = layout.width, layout.dimensions, "row[{0}]", _single(layout)
    arrays = range(width)
    if dimensions is None:
        pairs = [(single[k].format(number),) * 2 if k in single else (number, f"{number} + 1") for k in arrays]
        find = []
    else:
        pairs = [(f"e_{k}", neighbour(k, width, dimensions, cell)) for k in arrays]
        whole = f"({cell.format(width + 2)} + {number})"
        pairs = [(single[k].format(whole),) * 2 if k in single else pair for k, pair in enumerate(pairs)]
        declared = f"long long i = {number}, rest, c, {', '.join(f'e_{k}' for k in arrays)};"
        find = [declared, *[f"{line};" for line in place_statements(width, dimensions, cell, "/", layout.pairs)]]
    return find, {(k, part): pairs[k][part] for k in arrays for part in range(2)}


def reduce_source(name: str, stage: Stage, layout: Layout) -> str:
    """The kernel that reduces a chunk a block, in the order of reductions.py; its arguments are REDUCE.

    A thread has neighbouring lanes, so that it loads packs of 128 bits.
    """
    storages, arrays = accesses(layout), layout.there
    parts, size = parts_of(stage, layout), per_thread(stage, layout)
    c, count, columns = parts.compute, len(stage.reductions), stage.columns(layout.compute)
    wide, number = spelling("float64").operations, spelling("float64").constant
    find, places = _places(layout, "first + k")
    single = [*find, *[f"a{k}[k] = load<{storages[k]}>(at{k}, {places[k, 0]});" for k in arrays]]
    one_by_one = [
        "#pragma unroll",
        f"for (int k = 0; k < {size}; k++)",
        *indented(["if (first + k < n) {", *indented(single), "}"]),
    ]
    if layout.dimensions is None:
        packs = _loaded_packs(stage, layout, arrays, "first")
        loads = [f"if (aligned && first + {size} <= n) {{", *indented(packs), "} else {", *indented(one_by_one), "}"]
    else:
        loads = one_by_one
    steps = [f"{c} {', '.join(f'y{r}' for r in range(count))};"]
    steps.append(parts.call([f"a{k}[k]" for k in arrays], [f"y{r}" for r in range(count)]))
    fold, first_round = [], []
    for r, node in enumerate(stage.reductions):
        reduction = REDUCTIONS[node.op]
        element = element_text(reduction, f"v{r}", wide)
        combine = wide[reduction.combine]
        scales, own = reduction.scaled(layout.compute), [c for c, (k, _) in enumerate(columns) if k == r]
        steps += [
            f"const double v{r} = y{r}{f' * scale{r}' if scales else ''};",
            f"lane{r}[k] = {combine.format(f'lane{r}[k]', element)};",
        ]
        fold += [
            f"for (int k = 0; k < {size}; k++) lanes[threadIdx.x * {size} + k] = lane{r}[k];",
            "__syncthreads();",
            f"for (int half = {LANES // 2}; half; half /= 2) {{",
            "    for (int j = threadIdx.x; j < half; j += blockDim.x)",
            f"        lanes[j] = {combine.format('lanes[j]', 'lanes[half + j]')};",
            "    __syncthreads();",
            "}",
            *[
                f"if (threadIdx.x == 0) partials[(long long)blockIdx.x * {len(columns)} + {column}] = "
                + (f"part{r} == {part} ? lanes[0] : 0.0;" if scales else "lanes[0];")
                for part, column in enumerate(own)
            ],
        ]
        if scales:
            first_round += [f"int part{r} = 0;", f"double scale{r} = 1.0;"]
            fold += [
                f"if (part{r} == 0 && lanes[0] > {number(scales.high)})",
                f"    part{r} = 1, scale{r} = {number(scales.above)}, again = true;",
                f"else if (part{r} == 0 && lanes[0] < {number(scales.low)})",
                f"    part{r} = 2, scale{r} = {number(scales.below)}, again = true;",
            ]
        fold.append("__syncthreads();")
    before = [
        *([f"const bool aligned = {_aligned(stage, layout)};"] if layout.dimensions is None else []),
        f"__shared__ double lanes[{LANES}];",
    ]
    body = [
        *[f"double lane{r}[{size}] = {{}};" for r in range(count)],
        "#pragma unroll 4",
        f"for (int first = threadIdx.x * {size}; first < n; first += {LANES}) {{",
        *indented([f"{c} a{k}[{size}];" for k in arrays]),
        *indented(loads),
        *indented(["#pragma unroll", f"for (int k = 0; k < {size}; k++)"]),
        *indented(["if (first + k < n) {", *indented(steps), "}"], 2),
        "}",
        *fold,
    ]
    if first_round:
        # A chunk whose result leaves the range of a reduction is reduced once more, with scaled elements.
        rounds = ["for (bool again = true; again;) {", *indented(["again = false;", *body]), "}"]
        body = [*first_round, *rounds]
    body = [*before, *body]
    return _kernel(f"{kernel_name(name)}_norms", parts, layout, LANES // size, "blockIdx.x", REDUCE, body)
