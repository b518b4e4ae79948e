"""What a user waits for before the first update: imports, the command line, the first use of a rule.

    python benchmarks/startup.py --json benchmarks/results/startup.json

Every figure is the median over fresh processes that run in turn with the process that they are compared with.
"""

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

import measure

TIMED = "import time; began = time.perf_counter()\n{body}\nprint(time.perf_counter() - began)"
PREPARED = "import numpy, numba, fastopt; arrays = [numpy.ones(200_000, 'float32') for _ in range(4)]\n" + TIMED
FIRST = PREPARED.format(body="fastopt.kernels.adamw(*arrays, t=1)")
LIMITS = {
    "import fastopt beyond numpy": 0.15,
    "fastopt --help": 0.3,
    "first use, compiled": 2.5,
    "first use, cached": 0.3,
}


def printed(text: str, **environment: str) -> float:
    """What a fresh process prints: the seconds that it took."""
    return float(measure.run_python("-c", text, **environment).stdout)


def helped() -> float:
    return measure.timed(lambda: measure.run_python("-m", "fastopt", "--help"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in LIMITS}
    for _ in range(given.rounds):
        both, alone = (printed(TIMED.format(body=f"import {name}")) for name in ("numpy, fastopt", "numpy"))
        times["import fastopt beyond numpy"].append(both - alone)
        times["fastopt --help"].append(helped())
        with tempfile.TemporaryDirectory() as folder:
            cache = str(Path(folder) / "cache")
            times["first use, compiled"].append(printed(FIRST, FASTOPT_CACHE_DIR=cache))
            times["first use, cached"].append(printed(FIRST, FASTOPT_CACHE_DIR=cache))
    result: dict[str, Any] = {}
    for name, values in times.items():
        low, median, high = statistics.quantiles(values, n=4)
        result[name] = {"median": median, "low": low, "high": high, "limit": LIMITS[name]}
        print(f"{name:30}{median:8.3f} s ({low:.3f} to {high:.3f}), wanted under {LIMITS[name]} s")
    if given.json:
        measure.write(given.json, {"rounds": given.rounds, "seconds": result})


if __name__ == "__main__":
    main()
