"""What a user waits for before the first update: imports, the command line, the first use of a rule.

    python benchmarks/startup.py --json benchmarks/results/startup.json

Every figure is the median over fresh processes that run in turn with the process that they are compared with.
"""

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from processes import run_python

from fastopt import measure

TIMED = "import time; began = time.perf_counter()\n{body}\nprint(time.perf_counter() - began)"
PREPARED = "import numpy, numba, fastopt; p, g = (numpy.ones(200_000, 'float32') for _ in range(2))\n" + TIMED
# The rule with a norm has two kernels.
FIRST = {rule: PREPARED.format(body=f"fastopt.Optimizer(p, {rule!r}).step(g)") for rule in ("adamw", "adam_max_norm")}
LIMITS = {
    "import fastopt beyond numpy": 0.15,
    "fastopt --help": 0.3,
    **{f"first step of {rule}, compiled": 2.5 for rule in FIRST},
    **{f"first step of {rule}, cached": 0.3 for rule in FIRST},
    "fastopt train, compile included": 60.0,
}


def printed(text: str, **environment: str) -> float:
    """The seconds that a fresh process took, as it prints them."""
    return float(run_python("-c", text, **environment).stdout)


def command(*arguments: str, **environment: str) -> float:
    """Seconds of the whole command line."""
    return measure.timed(lambda: run_python("-m", "fastopt", *arguments, **environment))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in LIMITS}
    for _ in range(given.rounds):
        both, alone = (printed(TIMED.format(body=f"import {name}")) for name in ("numpy, fastopt", "numpy"))
        times["import fastopt beyond numpy"].append(both - alone)
        times["fastopt --help"].append(command("--help"))
        with tempfile.TemporaryDirectory() as folder:
            for rule, text in FIRST.items():
                cache = str(Path(folder) / rule)
                for state in ("compiled", "cached"):
                    times[f"first step of {rule}, {state}"].append(printed(text, FASTOPT_CACHE_DIR=cache))
            cache = str(Path(folder) / "train")
            times["fastopt train, compile included"].append(command("train", FASTOPT_CACHE_DIR=cache))
    result: dict[str, Any] = {}
    for name, values in times.items():
        low, median, high = statistics.quantiles(values, n=4)
        result[name] = {"median": median, "low": low, "high": high, "limit": LIMITS[name]}
        print(f"{name:38}{median:8.3f} s ({low:.3f} to {high:.3f}), wanted under {LIMITS[name]} s")
    if given.json:
        measure.write(given.json, {"rounds": given.rounds, "seconds": result})


if __name__ == "__main__":
    main()
