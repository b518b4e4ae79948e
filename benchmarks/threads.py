"""From how many elements on threads pay, and what idle threads cost those of NumPy.

    python benchmarks/threads.py --json benchmarks/results/threads.json

Times an Adam step on one thread and on all, on arrays of growing size; and a step of 200,000 elements right after a
NumPy matrix product, with OpenMP's threads sleeping when idle (as fastopt starts them) and spinning, and where torch,
which does nothing, has loaded OpenMP before, as fastopt leaves its threads and as they are by default.
"""

import argparse
import importlib.util
import os
from pathlib import Path
from typing import Any

from processes import run_python

from fastopt import measure

STEP = """
import statistics, time, numba, numpy as np, fastopt
from fastopt.kernels import cpu
def seconds(threads, elements, product, rounds):
    cpu.PARALLEL_FROM = 0 if threads > 1 else 1 << 62
    opt = fastopt.Adam(np.ones(elements, "float32"))
    gradient, found = np.ones(elements, "float32"), []
    for _ in range(rounds):
        product @ product
        began = time.perf_counter()
        opt.step(gradient)
        found.append(time.perf_counter() - began)
    return statistics.median(found[3:])
"""
SIZES = f"""{STEP}
few = np.ones((1, 1), "float32")
for power in range(10, 23):
    pairs = [[seconds(t, 1 << power, few, 60) for t in (1, 2)] for _ in range(5)]
    print(1 << power, *(statistics.median(column) for column in zip(*pairs)))
"""
AFTER_PRODUCT = f"""{STEP}
print(seconds(2, 200_000, np.ones((300, 300), "float32"), 60))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    os.environ["NUMBA_NUM_THREADS"] = "2"
    for line in run_python("-c", SIZES).stdout.splitlines():
        elements, alone, both = line.split()
        rows.append({"elements": int(elements), "one_thread": float(alone), "two_threads": float(both)})
        print(
            f"{elements:>10} elements: {float(alone) * 1e6:9.1f} us on one thread, {float(both) * 1e6:9.1f} us on two"
        )
    waits = {}
    policies = {
        "sleeping": ("", {}),
        "spinning": ("", {"OMP_WAIT_POLICY": "active"}),
        "with torch": ("import torch", {}),
        # libgomp's own default; since it is set, fastopt does nothing about it.
        "with torch, as by default": ("import torch", {"GOMP_SPINCOUNT": "300000"}),
    }
    for policy, (before, environment) in policies.items():
        if before and importlib.util.find_spec("torch") is None:
            continue
        waits[policy] = float(run_python("-c", f"{before}\n{AFTER_PRODUCT}", **environment).stdout)
        print(f"after a matrix product, idle threads {policy}: {waits[policy] * 1e6:.0f} us")
    if given.json:
        measure.write(given.json, {"sizes": rows, "after_a_product": waits})


if __name__ == "__main__":
    main()
