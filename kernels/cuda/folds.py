"""The CUDA C++ that combines the partial results of a stage: those of each set, then those of all sets."""

from collections.abc import Sequence

from ..language.graph import ALL_RULES, Node
from ..language.reductions import REDUCTIONS
from ..program.gpu_numbers import GpuNumbers
from ..program.spelling import finished_text, indented
from ..program.stages import Stage
from .clock import THREADS
from .element import spelling


def places(numbers: GpuNumbers) -> dict[Node, list[int]]:
    """For each reduction where the total of each of its parts is, in a row of `found`; its value is in the first."""
    stages = numbers.program.stages
    columns = [stage.reductions[k] for stage in stages for k, _ in stage.columns("float64")]
    found: dict[Node, list[int]] = {}
    for place, node in enumerate(columns):
        found.setdefault(node, []).append(place)
    return found


def found_width(numbers: GpuNumbers) -> int:
    """How long a row of `found` is."""
    return max(1, sum(map(len, places(numbers).values())))


def over_sets(op: str, at: Sequence[str]) -> tuple[list[str], str]:
    """Statements that combine the totals of `sets` sets in order, and the value of the reduction.

    at: a template for each part, of where the total of set {0} is.
    """
    double = spelling("float64")
    combine = double.operations[REDUCTIONS[op].combine]
    totals = [f"all{part}" for part in range(len(at))]
    lines: list[str] = []
    for total, place in zip(totals, at, strict=True):
        joined = f"{total} = {combine.format(total, place.format('set'))};"
        lines += [f"double {total} = {place.format(0)};", f"for (int set = 1; set < sets; set++) {joined}"]
    return lines, finished_text(REDUCTIONS[op], totals, double)


def fold(numbers: GpuNumbers, stage: Stage, joined: bool) -> list[str]:
    """Statements that combine the partial results of each set, and the sets of the model, as StageRun.reduced does.

    joined: whether the sets are all arrays of the optimizer too, so that what is over those is combined here.
    """
    double, columns, count = spelling("float64"), stage.columns("float64"), len(stage.reductions)
    place_of, width = places(numbers), found_width(numbers)
    begin: list[str] = []
    end: list[str] = []
    whole: list[str] = []
    steps: tuple[list[str], list[str]] = [], []
    for column, (k, part) in enumerate(columns):
        node, total = stage.reductions[k], f"total{column}"
        combine = double.operations[REDUCTIONS[node.op].combine]
        there = "first < end" if column < count else f"step > {count}"
        begin.append(f"double {total} = {there} ? partials[first + {column}] : 0.0;")
        steps[column >= count].append(f"{total} = {combine.format(total, f'partials[chunk + {column}]')};")
        if node.value != "array":
            end.append(f"found[set * {width} + {place_of[node][part]}] = {total};")
    for k, node in enumerate(stage.reductions):
        if node.value == "array":
            totals = [f"total{column}" for column, (own, _) in enumerate(columns) if own == k]
            value = finished_text(REDUCTIONS[node.op], totals, double)
            end.append(f"found[set * {width} + {place_of[node][0]}] = {value};")
        elif joined or node.value != ALL_RULES:
            lines, value = over_sets(node.op, [f"found[{{0}} * {width} + {place}]" for place in place_of[node]])
            value = f"found[sets * {width} + {place_of[node][0]}] = {value};"
            whole += ["{", *indented([*lines, value]), "}"]

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
