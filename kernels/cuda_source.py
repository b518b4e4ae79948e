"""Graph -> CUDA C++: an element's formula once, and the kernels around it. Imports neither CuPy nor CUDA.

The text is compiled with `--fmad=false -ftz=true`, correctly rounded division and nothing included. The author's names
end in an underscore, ours never do.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .arrays import ITEM_SIZES, compute_type
from .cuda_prelude import prelude
from .emit import (
    FUNCTIONS,
    INFIX,
    Spelling,
    array_nodes,
    comment,
    finite_or,
    identifiers,
    indented,
    scalar_names,
    stored,
)
from .program import Stage
from .reductions import LANES, REDUCTIONS
from .table import index

# Threads of a block of the update kernel.
THREADS = 256

_C_TYPES = {"float32": "float", "float64": "double"}
_SPECIAL = {
    "float32": ("__int_as_float(0x7f800000)", "__int_as_float(0x7fffffff)"),
    "float64": ("__longlong_as_double(0x7ff0000000000000)", "__longlong_as_double(0x7fffffffffffffff)"),
}


def kernel_name(name: str) -> str:
    """The name under which a profiler shows a rule's kernel: `fastopt_adam`."""
    return "fastopt_" + re.sub(r"[^0-9A-Za-z]", lambda match: "_" if match[0] == "_" else f"u{ord(match[0]):x}", name)


def pack(storages: Sequence[str]) -> int:
    """The elements that a thread takes at once: 128 bits of the smallest stored type."""
    return 16 // min(ITEM_SIZES[storage] for storage in storages)


def spelling(compute: str) -> Spelling:
    """How CUDA C++ writes expressions of a type; nothing of it computes in any other type."""
    single = compute == "float32"
    f = "f" if single else ""

    def constant(value: bool | int | float) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        with np.errstate(over="ignore"):
            rounded = float(np.float32(float(value))) if single else float(value)
        written = finite_or(rounded, *_SPECIAL[compute]) or f"{rounded.hex()}{f}"
        return f"({written})" if written.startswith("-") else written

    operations = {
        **FUNCTIONS,
        **INFIX,
        "absolute": f"fabs{f}({{0}})",
        "sqrt": f"__{f or 'd'}sqrt_rn({{0}})",
        "where": "({0} ? {1} : {2})",
        "logical_and": "({0} && {1})",
        "logical_or": "({0} || {1})",
        "logical_not": "(!{0})",
        "power": f"pow{f}({{0}}, {{1}})",
        "exp": f"exp{f}({{0}})",
        "log": f"log{f}({{0}})",
    }
    return Spelling(operations, constant, f"const {_C_TYPES[compute]} {{name}} = {{value}};")


@dataclass(frozen=True)
class _Parts:
    """What every kernel of a stage is put together from.

    preamble: an open namespace with the grammar, the stored types, and `element`, which computes one element.
    compute: the type in which it computes. scalars: the variables that the scalars are read into.
    """

    preamble: str
    compute: str
    scalars: list[str]

    def call(self, values: Sequence[str], results: Sequence[str] = ()) -> str:
        return f"element({', '.join([*values, *self.scalars, *results])});"


def _parts(stage: Stage, storages: Sequence[str]) -> _Parts:
    compute = compute_type(storages)
    c = _C_TYPES[compute]
    own = identifiers([*stage.arrays, *(node.value for node in stage.scalars if node.op == "scalar")])
    names, variables = scalar_names(stage.scalars, own)
    names |= {node: own[node.value] for node in array_nodes(stage.roots, stage.scalars)}
    body, results = spelling(compute).statements(stage.roots, names)
    arguments = [f"{c} &{own[a]}" if a in stage.writes else f"const {c} {own[a]}" for a in stage.arrays]
    arguments += [f"const {c} {variable}" for variable in variables]
    for k, result in enumerate(results):
        if stage.reductions:
            arguments.append(f"{c} &y{k}")
            body.append(f"y{k} = {result};")
        else:
            body.append(f"const {c} y{k} = {stored(stage.stores[k][1], result, compute)};")
    body += [f"{own[array]} = y{k};" for k, (array, _) in enumerate(stage.stores)]
    text = [
        *[f"// {v}: {comment(node)}" for v, node in zip(variables, stage.scalars, strict=True) if node.args],
        "__device__ __forceinline__ void element(",
        *indented([",\n    ".join(arguments) + ")"]),
        "{",
        *indented(body),
        "}",
        "",
    ]
    preamble = "".join(["namespace fastopt {\n", prelude(storages), "\n".join(text)])
    return _Parts(preamble, c, variables)


def _kernel(name: str, parts: _Parts, width: int, threads: int, row: str, arguments: str, body: Sequence[str]) -> str:
    """A kernel over the task table; row: how a block finds its row."""
    lines = [
        f'extern "C" __global__ void __launch_bounds__({threads}) {name}(',
        f"    const long long *__restrict__ table, const {parts.compute} *__restrict__ scalars, {arguments})",
        "{",
        *indented(
            [
                f"const long long *row = table + {row};",
                *[f"const long long at{k} = row[{k}];" for k in range(width)],
                f"const int n = (int)row[{width}];",
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


def _aligned(arrays: Iterable[int]) -> str:
    return f"(({' | '.join(f'at{k}' for k in arrays)}) & 15) == 0"


def update_source(name: str, stage: Stage, storages: Sequence[str], held: Collection[int] = ()) -> str:
    """The kernel that updates many sets of dense arrays: (table, scalars, blocks of each row).

    In packs of 128 bits where every address of the row allows it, element by element elsewhere and at the end. held:
    the arrays of which a row has one element alone.
    """
    parts, size = _parts(stage, storages), pack(storages)
    written = [k for k, array in enumerate(stage.arrays) if array in stage.writes]
    # What is written but not read needs a place, not a load.
    read = [k for k, array in enumerate(stage.arrays) if array in stage.reads]
    arrays = range(len(storages))
    packs = [f"{parts.compute} a{k}[{size}];" for k in arrays]
    packs += [f"load_packs<{storages[k]}>(at{k}, i, a{k});" for k in read if k not in held]
    packs += [f"for (int k = 0; k < {size}; k++) a{k}[k] = load<{storages[k]}>(at{k}, 0);" for k in held]
    packs += ["#pragma unroll", f"for (int k = 0; k < {size}; k++)"]
    packs += indented([parts.call([f"a{k}[k]" for k in arrays])])
    packs += [f"store_packs<{storages[k]}>(at{k}, i, a{k});" for k in written]
    places = ["0" if k in held else "i" for k in arrays]
    loads = [f" = load<{storages[k]}>(at{k}, {places[k]})" if k in read else "" for k in arrays]
    single = [f"{parts.compute} a{k}{loads[k]};" for k in arrays]
    single += [parts.call([f"a{k}" for k in arrays])]
    single += [f"store<{storages[k]}>(at{k}, i, a{k});" for k in written]
    body = [
        "const int first = (int)(blockIdx.x % blocks * blockDim.x + threadIdx.x);",
        "const int stride = (int)(blocks * blockDim.x);",
        f"const int whole = {_aligned([k for k in arrays if k not in held])} ? n / {size} * {size} : 0;",
        f"for (int i = first * {size}; i < whole; i += stride * {size}) {{",
        *indented(packs),
        "}",
        "for (int i = whole + first; i < n; i += stride) {",
        *indented(single),
        "}",
    ]
    row = f"(long long)(blockIdx.x / blocks) * {len(storages) + 2}"
    return _kernel(kernel_name(name), parts, len(storages), THREADS, row, "unsigned blocks", body)


def reduce_source(name: str, stage: Stage, storages: Sequence[str], dimensions: int | None) -> str:
    """The kernel that reduces a chunk a block, in the order of reductions.py: (table, scalars, partials).

    A thread has neighbouring lanes, so that it loads packs of 128 bits. dimensions: of arrays that are not dense
    together, else None.
    """
    parts, size, width = _parts(stage, storages), pack(storages), len(storages)
    c, count = parts.compute, len(stage.reductions)
    wide = spelling("float64").operations
    columns = width + 2 + (0 if dimensions is None else 1 + dimensions * (width + 1))
    places = ["first + k"] * width if dimensions is None else [f"e_{k}" for k in range(width)]
    single = [f"a{k}[k] = load<{storages[k]}>(at{k}, {places[k]});" for k in range(width)]
    if dimensions is not None:
        declared = f"long long i = first + k, rest, c, {', '.join(f'e_{k}' for k in range(width))};"
        single = [declared, *[f"{line};" for line in index(width, dimensions, "row[{0}]", "/")], *single]
    one_by_one = [
        "#pragma unroll",
        f"for (int k = 0; k < {size}; k++)",
        *indented(["if (first + k < n) {", *indented(single), "}"]),
    ]
    if dimensions is None:
        packs = [f"load_packs<{storages[k]}>(at{k}, first, a{k});" for k in range(width)]
        loads = [f"if (aligned && first + {size} <= n) {{", *indented(packs), "} else {", *indented(one_by_one), "}"]
    else:
        loads = one_by_one
    steps = [f"{c} {', '.join(f'y{r}' for r in range(count))};"]
    steps.append(parts.call([f"a{k}[k]" for k in range(width)], [f"y{r}" for r in range(count)]))
    fold = []
    for r, node in enumerate(stage.reductions):
        reduction = REDUCTIONS[node.op]
        element = reduction.spelled(f"v{r}", wide)
        combine = wide[reduction.combine]
        steps += [f"const double v{r} = y{r};", f"lane{r}[k] = {combine.format(f'lane{r}[k]', element)};"]
        fold += [
            f"for (int k = 0; k < {size}; k++) lanes[threadIdx.x * {size} + k] = lane{r}[k];",
            "__syncthreads();",
            f"for (int half = {LANES // 2}; half; half /= 2) {{",
            "    for (int j = threadIdx.x; j < half; j += blockDim.x)",
            f"        lanes[j] = {combine.format('lanes[j]', 'lanes[half + j]')};",
            "    __syncthreads();",
            "}",
            f"if (threadIdx.x == 0) partials[(long long)blockIdx.x * {count} + {r}] = lanes[0];",
            "__syncthreads();",
        ]
    body = [
        *([f"const bool aligned = {_aligned(range(width))};"] if dimensions is None else []),
        f"__shared__ double lanes[{LANES}];",
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
    threads, row = LANES // size, f"(long long)blockIdx.x * {columns}"
    return _kernel(f"{kernel_name(name)}_norms", parts, width, threads, row, "double *__restrict__ partials", body)


@dataclass(frozen=True)
class Elementwise:
    """The arguments of `cupy.ElementwiseKernel`; its call takes `inputs` arrays, the scalars, then `outputs` arrays.

    inputs, outputs: positions in the stage's arrays. 16-bit arrays are passed as uint16.
    """

    in_params: str
    out_params: str
    operation: str
    name: str
    preamble: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def elementwise(name: str, stage: Stage, storages: Sequence[str]) -> Elementwise:
    """The kernel that updates one set of arrays of any layout, in place."""
    parts = _parts(stage, storages)
    arrays = range(len(storages))
    outputs = tuple(k for k in arrays if stage.arrays[k] in stage.writes)
    inputs = tuple(k for k in arrays if k not in outputs)
    kinds = ["uint16" if storage.endswith("16") else storage for storage in storages]
    scalars = [f"{compute_type(storages)} {variable}" for variable in parts.scalars]
    lines = [f"{parts.compute} v{k};" for k in arrays]
    lines += [f"v{k} = fastopt::{storages[k]}::decode(a{k});" for k in arrays if stage.arrays[k] in stage.reads]
    lines += [f"fastopt::{parts.call([f'v{k}' for k in arrays])}"]
    lines += [f"a{k} = fastopt::{storages[k]}::encode(v{k});" for k in outputs]
    return Elementwise(
        ", ".join([*(f"{kinds[k]} a{k}" for k in inputs), *scalars]),
        ", ".join(f"{kinds[k]} a{k}" for k in outputs),
        "\n".join(lines),
        kernel_name(name),
        parts.preamble + "}\n",
        inputs,
        outputs,
    )
