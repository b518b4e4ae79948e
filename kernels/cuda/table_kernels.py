"""Graph -> CUDA C++ kernels over the task table: one that updates, one that reduces. Imports neither CuPy nor CUDA."""

from collections.abc import Iterable, Sequence

from ..language.reductions import LANES, REDUCTIONS
from ..program.spelling import element_text, indented
from ..program.stages import Stage
from ..tasks.layout import Layout
from ..tasks.places import place_statements
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
    name: str, parts: Parts, columns: int, threads: int, row: str, parameters: KernelParameters, body: Sequence[str]
) -> str:
    """A kernel over the task table, whose rows have so many columns; row: how a block finds its row.

    Its scalars are those in the GPU's memory, if there is an address, else those that came with the call.
    """
    width = len(parts.arrays)
    lines = [
        given_struct(parts.compute),
        f'extern "C" __global__ void __launch_bounds__({threads}) {name}(',
        f"{parameters.declared(parts.compute)})",
        "{",
        *indented(
            [
                f"const long long *row = table + (long long)({row}) * {columns};",
                *[f"const long long at{k} = row[{k}];" for k in range(width)],
                f"const int n = (int)row[{width}];",
                f"const {parts.compute} *scalars = uploaded ? uploaded : given.values;",
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


def _aligned(layout: Layout) -> str:
    """Whether packs can be loaded of all arrays of a row that are not held."""
    return f"(({' | '.join(f'at{k}' for k in range(layout.width) if k not in layout.held) or '0'}) & 15) == 0"


def _loaded_packs(layout: Layout, arrays: Iterable[int], number: str) -> list[str]:
    """Statements that load the pack at element `number` of each of these arrays; of held ones their element."""
    storages, size = accesses(layout), pack(layout.storages)
    moving = [f"load_packs<{storages[k]}>(at{k}, {number}, a{k});" for k in arrays if k not in layout.held]
    held = [k for k in arrays if k in layout.held]
    return moving + [f"for (int k = 0; k < {size}; k++) a{k}[k] = load<{storages[k]}>(at{k}, 0);" for k in held]


def update_source(name: str, stage: Stage, layout: Layout, threads: int = THREADS) -> str:
    """The kernel that updates many sets of arrays; its arguments are UPDATE.

    It takes dense arrays in packs of 128 bits where every address of the row allows it, element by element elsewhere
    and at the end. threads: of a block.
    """
    storages = accesses(layout)
    parts, size = parts_of(stage, layout), pack(layout.storages)
    arrays = range(layout.width)
    written = [k for k in arrays if stage.arrays[k] in stage.writes]
    # An array that is written but not read needs a place, not a load.
    read = [k for k in arrays if stage.arrays[k] in stage.reads]
    packs = [f"{parts.compute} a{k}[{size}];" for k in arrays]
    packs += _loaded_packs(layout, read, "i")
    packs += ["#pragma unroll", f"for (int k = 0; k < {size}; k++)"]
    packs += indented([parts.call([f"a{k}[k]" for k in arrays])])
    packs += [f"store_packs<{storages[k]}>(at{k}, i, a{k});" for k in written]
    find, places = _places(layout, "number")
    loads = [f" = load<{storages[k]}>(at{k}, {places[k]})" if k in read else "" for k in arrays]
    single = [*find, *[f"{parts.compute} a{k}{loads[k]};" for k in arrays]]
    single += [parts.call([f"a{k}" for k in arrays])]
    single += [f"store<{storages[k]}>(at{k}, {places[k]}, a{k});" for k in written]
    constants = [(stage.arrays.index(array), node) for array, node in stage.stores if node.op == "constant"]
    reset = [
        f"store<{storages[k]}>(at{k}, {places[k]}, {spelling(parts.kind).constant(node.value)});"
        for k, node in constants
    ]
    each = "for (int number = {}; number < n; number += stride) {{"
    body = [
        "const int first = (int)(blockIdx.x % blocks * blockDim.x + threadIdx.x);",
        "const int stride = (int)(blocks * blockDim.x);",
        "if (go && *go < 1) {",
        *indented(["if (*go < 0) return;", each.format("first"), *indented([*find, *reset]), "}"] if reset else []),
        "    return;",
        "}",
    ]
    start = "first"
    if layout.dimensions is None:
        start = "whole + first"
        body += [
            f"const int whole = {_aligned(layout)} ? n / {size} * {size} : 0;",
            f"for (int i = first * {size}; i < whole; i += stride * {size}) {{",
            *indented(packs),
            "}",
        ]
    body += [each.format(start), *indented(single), "}"]
    return _kernel(kernel_name(name), parts, layout.columns, threads, "blockIdx.x / blocks", UPDATE, body)


def _places(layout: Layout, number: str) -> tuple[list[str], list[str]]:
    """Statements that find element `number` of a row, and where it then is in each array."""
    width, dimensions = layout.width, layout.dimensions
    if dimensions is None:
        return [], ["0" if k in layout.held else number for k in range(width)]
    places = [f"e_{k}" for k in range(width)]
    declared = f"long long i = {number}, rest, c, {', '.join(places)};"
    return [declared, *[f"{line};" for line in place_statements(width, dimensions, "row[{0}]", "/")]], places


def reduce_source(name: str, stage: Stage, layout: Layout) -> str:
    """The kernel that reduces a chunk a block, in the order of reductions.py; its arguments are REDUCE.

    A thread has neighbouring lanes, so that it loads packs of 128 bits.
    """
    storages, width = accesses(layout), layout.width
    parts, size = parts_of(stage, layout), pack(layout.storages)
    c, count, columns = parts.compute, len(stage.reductions), stage.columns(layout.compute)
    wide, number = spelling("float64").operations, spelling("float64").constant
    find, places = _places(layout, "first + k")
    single = [*find, *[f"a{k}[k] = load<{storages[k]}>(at{k}, {places[k]});" for k in range(width)]]
    one_by_one = [
        "#pragma unroll",
        f"for (int k = 0; k < {size}; k++)",
        *indented(["if (first + k < n) {", *indented(single), "}"]),
    ]
    if layout.dimensions is None:
        packs = _loaded_packs(layout, range(width), "first")
        loads = [f"if (aligned && first + {size} <= n) {{", *indented(packs), "} else {", *indented(one_by_one), "}"]
    else:
        loads = one_by_one
    steps = [f"{c} {', '.join(f'y{r}' for r in range(count))};"]
    steps.append(parts.call([f"a{k}[k]" for k in range(width)], [f"y{r}" for r in range(count)]))
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
        *([f"const bool aligned = {_aligned(layout)};"] if layout.dimensions is None else []),
        f"__shared__ double lanes[{LANES}];",
    ]
    body = [
        *[f"double lane{r}[{size}] = {{}};" for r in range(count)],
        "#pragma unroll 4",
        f"for (int first = threadIdx.x * {size}; first < n; first += {LANES}) {{",
        *indented([f"{c} a{k}[{size}];" for k in range(width)]),
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
    return _kernel(f"{kernel_name(name)}_norms", parts, layout.columns, LANES // size, "blockIdx.x", REDUCE, body)
