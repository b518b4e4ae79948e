"""The table of benchmarks/calls.py: what a step costs the host beside the arithmetic."""

import json
from pathlib import Path

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "calls-cpu.json"


def table() -> str:
    """One row a case: microseconds now, and of the version before."""
    result = json.loads(RESULT.read_text())
    machine, now, before = result["machine"], result["microseconds"]["now"], result["microseconds"]["before"]
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, numpy {machine['versions']['numpy']}, numba "
        f"{machine['versions']['numba']}; medians of {result['processes']} processes in turn, each on gradients at new "
        "addresses (`benchmarks/calls.py`). Before: when each set of gradients had a plan of its own, and direct calls "
        "and row-sparse steps looked at every array anew.",
        "",
        "| step | now, µs | before, µs |",
        "| --- | --- | --- |",
    ]
    for name, row in now.items():
        lines.append(f"| {name} | {_rounded(row['median'])} | {_rounded(before[name]['median'])} |")
    return "\n".join(lines)


def _rounded(microseconds: float) -> str:
    return f"{microseconds:,.0f}" if microseconds >= 100 else f"{microseconds:.1f}"


TABLES = {"costs of calls": table}
