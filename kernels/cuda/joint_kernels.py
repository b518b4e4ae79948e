"""The CUDA C++ of a step of several programs with one clock: they join what is over all arrays, and end as one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..language.reductions import REDUCTIONS
from ..program.spelling import indented
from .clock import MEANINGS, THREADS, carried_on, counted
from .folds import over_sets
from .parameters import KernelParameters
from .prelude import prelude

# table: as `join_table` gives it.
JOIN = KernelParameters("const long long *__restrict__ table", "const long long *clock")
# table: for each of the programs where its states are, and how many.
END = KernelParameters("const long long *__restrict__ table", "int programs", "long long *clock")


def join_kernel(reductions: Sequence[str]) -> tuple[str, str]:
    """The text and the name of the kernel, of one thread, with the parameters JOIN, that joins reductions by name."""
    body = ["if (clock[DOES] == STOP) return;"]
    for k, op in enumerate(reductions):
        parts = len(REDUCTIONS[op].parts("float64"))
        lines, value = over_sets(op, [f"*(const double *)at[{part} * sets + {{0}}]" for part in range(parts)])
        inner = [
            f"const long long *at = table + table[{3 * k}];",
            f"const int sets = (int)table[{3 * k + 1}], values = (int)table[{3 * k + 2}];",
            *lines,
            f"const double joined = {value};",
            f"for (int k = 0; k < values; k++) *(double *)at[{parts} * sets + k] = joined;",
        ]
        body += ["{", *indented(inner), "}"]
    return _kernel("fastopt_joined", JOIN, body)


def join_table(reductions: Sequence[tuple[Any, Sequence[int]]]) -> Any:
    """The table of a kernel of `join_kernel`, where each reduction has three words, of where its addresses begin, how
    many sets it has and how many values.

    reductions: for each the addresses of the totals, (parts, sets), and those of the values, one for each program.
    """
    words, addresses = [], np.zeros(0, np.int64)
    for totals, values in reductions:
        words += [3 * len(reductions) + len(addresses), totals.shape[1], len(values)]
        addresses = np.concatenate([addresses, totals.ravel(), values])
    return np.concatenate([words, addresses])


def end_kernel() -> tuple[str, str]:
    """The text and the name of the kernel, of one block of THREADS threads, with the parameters END, that takes the
    verdict of all programs: their new states are kept if the step counts, and the clock counts it."""
    body = [
        "for (int program = 0; program < programs; program++) {",
        "    double *carried = (double *)table[2 * program];",
        *indented(carried_on("table[2 * program + 1]")),
        "}",
        "if (threadIdx.x == 0) {",
        *indented(counted()),
        "}",
    ]
    return _kernel("fastopt_ends", END, body)


def _kernel(name: str, parameters: KernelParameters, body: Sequence[str]) -> tuple[str, str]:
    text = f"""\
{MEANINGS}
extern "C" __global__ void __launch_bounds__({THREADS}) {name}(
{parameters.declared()})
{{
"""
    whole = ["namespace fastopt {\n", prelude(("float64",)), text, "\n".join(indented(body)), "\n}\n}\n"]
    return "".join(whole), name
