"""The CUDA C++ between two stages: one block folds norms, and works out the scalars of the next stage in float64.

So the host need not wait for a norm, and a step that was captured in a CUDA graph finds its numbers by itself: row k of
a table has what the host says of the k-th applied step, and a clock on the GPU counts the applied steps.
"""

from dataclasses import replace

from ..program.gpu_numbers import GpuNumbers
from ..program.spelling import comment, indented
from ..program.stages import Stage
from .clock import MEANINGS, THREADS, begun, carried_on, counted, heard
from .element import kernel_name, spelling
from .folds import fold, found_width, places
from .parameters import KernelParameters
from .prelude import prelude
from .table_kernels import given_struct

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


_HEAD = f"{MEANINGS}{_OPERATIONS}{given_struct('double')}"
_DECLARED = PARAMETERS.declared()


def number_kernel(numbers: GpuNumbers, number: int, alone: bool = True) -> tuple[str, str]:
    """The text and the name of the kernel before stage `number`, of one block of THREADS threads, with PARAMETERS.

    The kernel before the first stage lets the clock begin a step. The kernel before a later stage folds the partial
    results of the stage before. The kernel before the last stage, which writes, decides whether it may write, and lets
    the clock count. Each kernel gives its stage the scalars.
    alone: whether no other program shares the clock. Else each lets it begin, which the others then find done, a kernel
    of joint_kernels.py lets it count, and that of `fold_kernel` folds what is joined over all programs.
    """
    program = numbers.program
    last, folded = number == len(program.stages) - 1, number == 0 or (number == 1 and not alone and program.shared)
    many = len(numbers.carried) if last and alone else 0
    body = [
        *([] if folded else fold(numbers, program.stages[number - 1], alone)),
        *_scalars(numbers, program.stages[number], last),
        "__syncthreads();",
        "if (threadIdx.x == 0) {",
        *indented([*heard(last), *(counted() if last and alone else [])]),
        "}",
        *(["__syncthreads();", *carried_on(f"told_rows * {many}")] if many else []),
    ]
    return _kernel(program.name, f"numbers{number}", begun() if number == 0 else [], body)


def fold_kernel(numbers: GpuNumbers) -> tuple[str, str]:
    """The text and the name of the kernel that folds the first stage, whose totals are joined over all programs."""
    program = numbers.program
    return _kernel(program.name, "folded", [], fold(numbers, program.stages[0], False))


def _kernel(program: str, title: str, begin: list[str], body: list[str]) -> tuple[str, str]:
    """begin: what one thread does first."""
    name = f"{kernel_name(program)}_{title}"
    text = f"""\
{_HEAD}
extern "C" __global__ void __launch_bounds__({THREADS}) {name}(
{_DECLARED})
{{
    __shared__ bool stopped, skipped, zero_divided;
"""
    lines = [
        "if (threadIdx.x == 0) {",
        *indented(begin),
        "    stopped = clock[DOES] == STOP;",
        "    skipped = zero_divided = false;",
        "}",
        "__syncthreads();",
        "if (stopped) return;",
        *body,
    ]
    whole = ["namespace fastopt {\n", prelude(("float64",)), text, "\n".join(indented(lines)), "\n}\n}\n"]
    return "".join(whole), name


def _scalars(numbers: GpuNumbers, stage: Stage, last: bool) -> list[str]:
    """Statements for the stage's scalars, a row for each set or group; after the last norms also states and guard."""
    program = numbers.program
    place_of, found, count, width = places(numbers), found_width(numbers), len(stage.scalars), len(numbers.carried)
    names = {node: f"told[{k}]" + " != 0" * node.boolean for k, node in enumerate(numbers.told)}
    for node in program.reductions:
        names[node] = f"found[{'row' if node.value == 'array' else 'sets'} * {found} + {place_of[node][0]}]"
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
