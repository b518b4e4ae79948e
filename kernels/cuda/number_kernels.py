"""The CUDA C++ between two stages: one block folds norms, and works out the scalars of the next stage in float64.

So the host need not wait for a norm, and a step that was captured in a CUDA graph finds its numbers by itself: row k of
a table has what the host says of the k-th applied step, and a clock on the GPU counts the applied steps.
"""

from dataclasses import replace

from ..language.graph import Node
from ..language.reductions import REDUCTIONS
from ..program.gpu_numbers import GpuNumbers
from ..program.spelling import comment, finished_text, indented
from ..program.stages import Stage
from .element import kernel_name, spelling
from .parameters import KernelParameters
from .prelude import prelude
from .table_kernels import given_struct

# The threads of the single block of such a kernel.
THREADS = 1024
# The words of a clock: what has stopped it for good, what this step does, how many steps were applied and skipped.
STOPPED, DOES, APPLIED, SKIPPED = range(4)
CLOCK = 4
# What stops a clock: the table has no more steps; a division by zero.
PAST_THE_END, ZERO = 1, 2
# What a step does: it writes, it is skipped, it stops there.
WRITE, SKIP, STOP = 1, 0, -1
# These names again, for people who read the kernel.
_MEANINGS = f"""\
enum word {{ STOPPED = {STOPPED}, DOES = {DOES}, APPLIED = {APPLIED}, SKIPPED = {SKIPPED} }};
enum reason {{ PAST_THE_END = {PAST_THE_END}, ZERO = {ZERO} }};
enum deed {{ WRITE = {WRITE}, SKIP = {SKIP}, STOP = {STOP} }};
"""
# These operations compute as the host does: they notice a division by zero, and compute both sides of a choice.
_OPERATIONS = """\
__device__ __forceinline__ double divided(double a, double b, bool &zero) { return zero |= b == 0.0, a / b; }
__device__ __forceinline__ double chosen(bool which, double a, double b) { return which ? a : b; }
__device__ __forceinline__ bool both(bool a, bool b) { return a && b; }
__device__ __forceinline__ bool either(bool a, bool b) { return a || b; }
"""
_SPELLED = {
    "divide": "divided({0}, {1}, zero)",
    "where": "chosen({0}, {1}, {2})",
    "logical_and": "both({0}, {1})",
    "logical_or": "either({0}, {1})",
}


# spans: where the partial results of each set, of the stage before, begin and end, and how many a chunk has. groups:
# for each set which row of what was told is its own; rows: how many rows of scalars there are, of sets or of groups.
# found: room for each part of each reduction of each set, then for those over the model. uploaded, given: what was
# told, as `GpuNumbers.told` has it, in rows of `steps` steps each, or of one step if `steps` is 0. carried: the states
# of each group, then room for as many. notice: where the host sees what stopped the clock. singles, doubles: where the
# scalars go, in both types.
PARAMETERS = KernelParameters(
    "const long long *__restrict__ spans",
    "const double *partials",
    "const long long *__restrict__ groups",
    "int sets",
    "int rows",
    "int told_rows",
    "double *found",
    "const double *__restrict__ uploaded",
    "const __grid_constant__ Given given",
    "long long steps",
    "long long *clock",
    "long long *notice",
    "double *carried",
    "float *singles",
    "double *doubles",
)


_HEAD = f"{_MEANINGS}{_OPERATIONS}{given_struct('double')}"
_DECLARED = PARAMETERS.declared()


def number_kernel(numbers: GpuNumbers, number: int) -> tuple[str, str]:
    """The text and the name of the kernel before stage `number`, of one block of THREADS threads, with PARAMETERS.

    The kernel before the first stage lets the clock begin a step. The kernel before a later stage folds the partial
    results of the stage before. The kernel before the last stage, which writes, decides whether it may write, and lets
    the clock count. Each kernel gives its stage the scalars.
    """
    program = numbers.program
    name = f"{kernel_name(program.name)}_numbers{number}"
    text = f"""\
{_HEAD}
extern "C" __global__ void __launch_bounds__({THREADS}) {name}(
{_DECLARED})
{{
    __shared__ bool stopped, skipped, zero_divided;
"""
    last = number == len(program.stages) - 1
    body = [
        "if (threadIdx.x == 0) {",
        *indented(_begin() if number == 0 else []),
        "    stopped = clock[DOES] == STOP;",
        "    skipped = zero_divided = false;",
        "}",
        "__syncthreads();",
        "if (stopped) return;",
        *(_fold(numbers, program.stages[number - 1]) if number else []),
        *_scalars(numbers, program.stages[number], last),
        "__syncthreads();",
        *(_carry(len(numbers.carried)) if last and numbers.carried else []),
        "if (threadIdx.x == 0) {",
        *indented(_end(last)),
        "}",
    ]
    whole = ["namespace fastopt {\n", prelude(("float64",)), text, "\n".join(indented(body)), "\n}\n}\n"]
    return "".join(whole), name


def _begin() -> list[str]:
    return [
        "if (steps && !clock[STOPPED] && clock[APPLIED] >= steps) *notice = clock[STOPPED] = PAST_THE_END;",
        "clock[DOES] = clock[STOPPED] ? STOP : WRITE;",
    ]


def _places(numbers: GpuNumbers) -> dict[Node, list[int]]:
    """For each reduction where the total of each of its parts is, in a row of `found`; its value is in the first."""
    stages = numbers.program.stages
    columns = [stage.reductions[k] for stage in stages for k, _ in stage.columns("float64")]
    places: dict[Node, list[int]] = {}
    for place, node in enumerate(columns):
        places.setdefault(node, []).append(place)
    return places


def found_width(numbers: GpuNumbers) -> int:
    """How long a row of `found` is."""
    return max(1, sum(map(len, _places(numbers).values())))


def found_place(numbers: GpuNumbers, node: Node) -> int:
    """Where the value of a reduction is in a row of `found`."""
    return _places(numbers)[node][0]


def _fold(numbers: GpuNumbers, stage: Stage) -> list[str]:
    """Statements that combine the partial results of each set, and the sets of the model, as StageRun.reduced does."""
    double, columns, count = spelling("float64"), stage.columns("float64"), len(stage.reductions)
    places, width = _places(numbers), found_width(numbers)
    begin: list[str] = []
    end: list[str] = []
    whole: list[str] = []
    steps: tuple[list[str], list[str]] = [], []
    for column, (k, part) in enumerate(columns):
        node, total = stage.reductions[k], f"total{column}"
        combine = double.operations[REDUCTIONS[node.op].combine]
        place = places[node][part]
        there = "first < end" if column < count else f"step > {count}"
        begin.append(f"double {total} = {there} ? partials[first + {column}] : 0.0;")
        steps[column >= count].append(f"{total} = {combine.format(total, f'partials[chunk + {column}]')};")
        if node.value != "array":
            at = f"found[set * {width} + {place}]"
            end.append(f"{at} = {total};")
            whole.append(f"double {total} = found[{place}];")
            whole.append(f"for (int set = 1; set < sets; set++) {total} = {combine.format(total, at)};")
    for k, node in enumerate(stage.reductions):
        totals = [f"total{column}" for column, (own, _) in enumerate(columns) if own == k]
        row, lines = ("sets", whole) if node.value != "array" else ("set", end)
        value = finished_text(REDUCTIONS[node.op], totals, double)
        lines.append(f"found[{row} * {width} + {places[node][0]}] = {value};")

    def over_chunks(lines: list[str]) -> list[str]:
        loop = "for (long long chunk = first + step; chunk < end; chunk += step) {"
        return ["#pragma unroll 8", loop, *indented(lines), "}"]

    first, others = steps
    return [
        f"for (long long set = threadIdx.x; set < sets; set += {THREADS}) {{",
        *indented(
            [
                "const long long first = spans[3 * set], end = spans[3 * set + 1], step = spans[3 * set + 2];",
                *begin,
                *over_chunks(first),
                *([f"if (step > {count}) {{", *indented(over_chunks(others)), "}"] if others else []),
                *end,
            ]
        ),
        "}",
        "__syncthreads();",
        *(["if (threadIdx.x == 0) {", *indented(whole), "}", "__syncthreads();"] if whole else []),
    ]


def _scalars(numbers: GpuNumbers, stage: Stage, last: bool) -> list[str]:
    """Statements for the stage's scalars, a row for each set or group; after the last norms also states and guard."""
    program = numbers.program
    places, found, count, width = _places(numbers), found_width(numbers), len(stage.scalars), len(numbers.carried)
    names = {node: f"told[{k}]" + " != 0" * node.boolean for k, node in enumerate(numbers.told)}
    for node in program.reductions:
        names[node] = f"found[{'row' if node.value == 'array' else 'sets'} * {found} + {places[node][0]}]"
    for node in program.nodes:
        if node.op == "scalar" and node.value in numbers.carried:
            names[node] = f"kept[{numbers.carried.index(node.value)}]"
    double = spelling("float64")
    double = replace(double, operations={**double.operations, **_SPELLED})
    states = [program.states[name] for name in numbers.carried] if last else []
    guard = [program.guard] if last and program.guard else []
    lines, results = double.statements([*stage.scalars, *states, *guard], names)
    inner = [
        f"const long long group = {'groups[row]' if program.apart else 'row'};",
        "const double *told = (uploaded ? uploaded : given.values)",
        f"    + (steps ? group * steps + clock[APPLIED] : group) * {len(numbers.told)};",
        f"double *kept = carried + group * {width};",
        "bool zero = false;",
        *lines,
    ]
    for k, (node, value) in enumerate(zip(stage.scalars, results, strict=False)):
        place = f"row * {count} + {k}"
        inner += [f"doubles[{place}] = {value};  // {comment(node)}", f"singles[{place}] = (float)doubles[{place}];"]
    inner += [
        f"kept[told_rows * {width} + {k}] = {value};" for k, value in enumerate(results[count : count + len(states)])
    ]
    inner += [f"if (!({results[-1]})) skipped = true;"] if guard else []
    inner += ["if (zero) zero_divided = true;"]
    return [f"for (long long row = threadIdx.x; row < rows; row += {THREADS}) {{", *indented(inner), "}"]


def _carry(width: int) -> list[str]:
    return [
        f"for (long long k = threadIdx.x; k < told_rows * {width} && !skipped && !zero_divided; k += {THREADS})",
        f"    carried[k] = carried[told_rows * {width} + k];",
    ]


def _end(last: bool) -> list[str]:
    lines = ["if (zero_divided) *notice = clock[STOPPED] = ZERO, clock[DOES] = STOP;"]
    if last:
        lines += ["else if (skipped) clock[SKIPPED]++, clock[DOES] = SKIP;", "else clock[APPLIED]++;"]
    return lines
