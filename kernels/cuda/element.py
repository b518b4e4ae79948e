"""Graph -> CUDA C++: an element's formula once, and the kernel around it for one set. Imports neither CuPy nor CUDA.

The text is compiled with `--fmad=false -ftz=true`, correctly rounded division and no include files. The author's names
end in an underscore, ours never do.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays.view import BYTES, compute_type
from ..language.graph import array_nodes
from ..language.storages import ABSENT, SCALES
from ..program.spelling import (
    INFIX,
    Spelling,
    called,
    comment,
    finite_or,
    identifiers,
    indented,
    scalar_names,
    stored,
)
from ..program.stages import Stage
from ..tasks.layout import Layout
from .prelude import MASTERS, prelude

_C_TYPES = {"float32": "float", "float64": "double"}
# The types of the prelude by which arrays are read, where they have another name than that stored type.
_READ_AS = {SCALES: "float32"}
_SPECIAL = {
    "float32": ("__int_as_float(0x7f800000)", "__int_as_float(0x7fffffff)"),
    "float64": ("__longlong_as_double(0x7ff0000000000000)", "__longlong_as_double(0x7fffffffffffffff)"),
}


def kernel_name(name: str) -> str:
    """The name under which a profiler shows a rule's kernel: `fastopt_adam`."""
    return "fastopt_" + re.sub(r"[^0-9A-Za-z]", lambda match: "_" if match[0] == "_" else f"u{ord(match[0]):x}", name)


def pack(storages: Sequence[str]) -> int:
    """The elements that a thread takes at once: 128 bits of the smallest stored type."""
    return 16 // min(BYTES[storage] for storage in storages if storage != ABSENT)


def spelling(compute: str) -> Spelling:
    """How CUDA C++ writes expressions of a type; none of them computes in any other type."""
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
        **called("mark, number"),
        **MASTERS,
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
class Parts:
    """The parts that every kernel of a stage is put together from.

    preamble: an open namespace with the grammar, the stored types, and `element`, which computes one element.
    arrays: their names. kind, compute: the type in which it computes, by NumPy's name and C's. scalars: the variables
    that the scalars are read into. numbered: whether elements are computed by their number.
    """

    preamble: str
    arrays: tuple[str, ...]
    kind: str
    compute: str
    scalars: list[str]
    numbered: bool

    def call(self, values: Sequence[str], results: Sequence[str] = (), number: str = "") -> str:
        """The call that computes an element. number: of the element in its row of the table."""
        own = ["mark", f"begin + {number}"] if self.numbered else []
        return f"element({', '.join([*values, *self.scalars, *results, *own])});"


def accesses(layout: Layout) -> list[str]:
    """For each array the type of the prelude by which it is read and written."""
    kinds = [_C_TYPES[compute_type([storage])] for storage in layout.storages]
    to, read_as = _C_TYPES[layout.compute], [_READ_AS.get(storage, storage) for storage in layout.storages]
    pairs = enumerate(zip(read_as, kinds, strict=True))
    return [f"cast<fastopt::{storage}, {kind}, {to}>" if layout.casts(k) else storage for k, (storage, kind) in pairs]


def parts_of(stage: Stage, layout: Layout) -> Parts:
    kept, compute = stage.kept_in(layout.storages).spelled(layout.pairs), layout.compute
    c, stage = _C_TYPES[compute], kept.on_elements
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
    arguments += ["const long long mark", "const long long number"] if layout.numbered else []
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
    preamble = "".join(
        [
            "namespace fastopt {\n",
            prelude(
                [_READ_AS.get(s := layout.storages[k], s) for k in layout.there], bool(layout.cast), kept.operations
            ),
            "\n".join(text),
        ]
    )
    return Parts(preamble, stage.arrays, compute, c, variables, layout.numbered)


@dataclass(frozen=True)
class Elementwise:
    """The arguments of `cupy.ElementwiseKernel`; its call takes `inputs` arrays, the scalars, then `outputs` arrays.

    inputs, outputs: positions in the stage's arrays. Arrays of 16 and 8 bits are passed as uint16 and uint8.
    """

    in_params: str
    out_params: str
    operation: str
    name: str
    preamble: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def elementwise(name: str, stage: Stage, layout: Layout) -> Elementwise:
    """The kernel that updates one set of arrays of any layout, in place. The two parts of complex arrays are arrays of
    their own."""
    parts, access = parts_of(stage, layout), accesses(layout)
    stage = stage.kept_in(layout.storages).spelled(layout.pairs)
    columns = [k for k in range(layout.width) for _ in range(layout.step)]
    storages, access = [layout.storages[k] for k in columns], [access[k] for k in columns]
    named = {layout.step * k + part: name for k, part, name in layout.among(parts.arrays)}
    arrays = tuple(named)
    outputs = tuple(k for k in arrays if named[k] in stage.writes)
    inputs = tuple(k for k in arrays if k not in outputs)
    kinds = [f"uint{8 * BYTES[storage]}" if BYTES[storage] < 4 else storage for storage in storages]
    scalars = [f"{layout.compute} {variable}" for variable in parts.scalars]
    lines = [f"{parts.compute} v{k};" for k in arrays]
    lines += [f"v{k} = fastopt::{access[k]}::decode(a{k});" for k in arrays if named[k] in stage.reads]
    lines += [f"fastopt::{parts.call([f'v{k}' for k in arrays])}"]
    lines += [f"a{k} = fastopt::{access[k]}::encode(v{k});" for k in outputs]
    return Elementwise(
        ", ".join([*(f"{kinds[k]} a{k}" for k in inputs), *scalars]),
        ", ".join(f"{kinds[k]} a{k}" for k in outputs),
        "\n".join(lines),
        kernel_name(name),
        parts.preamble + "}\n",
        inputs,
        outputs,
    )
