"""The tables on complex arrays: what a step costs, of benchmarks/complex_arrays.py, and the rules with one moment."""

import json
from pathlib import Path

from fastopt.kernels import RULES
from fastopt.kernels.riders import with_riders

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "complex-cpu.json"


def table() -> str:
    """One row a contender: microseconds and the ratio to real arrays, for each number of complex elements."""
    result = json.loads(RESULT.read_text())
    machine, sizes = result["machine"], result["sizes"]
    torch = f", torch {result['torch']}" if result["torch"] else ""
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, numpy {machine['versions']['numpy']}, numba "
        f"{machine['versions']['numba']}{torch}; medians of {result['rounds']} rounds in turn "
        "(`benchmarks/complex_arrays.py`). In brackets the ratio to real arrays of twice the length.",
        "",
        "| Adam, complex64 | " + " | ".join(f"{int(size):,}, µs" for size in sizes) + " |",
        "| --- " * (len(sizes) + 1) + "|",
    ]
    for name in next(iter(sizes.values())):
        rows = [own[name] for own in sizes.values()]
        cells = [f"{row['microseconds']['median']:,.1f} ({row['ratio']['median']:.2f})" for row in rows]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def rules() -> str:
    """The rules that can have one second moment for both parts."""
    chosen = []
    for name, rule in RULES.items():
        definition = with_riders(rule, ("second_moment", "modulus"))
        try:
            program = definition.program(definition.hyper)
        except TypeError:
            continue
        if program.one_moment:
            chosen.append(f"`{name}`")
    return ", ".join(chosen)


TABLES = {"costs of complex arrays": table, "rules with one second moment": rules}
