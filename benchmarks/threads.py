"""From how many elements on threads pay, and what idle threads cost those of NumPy.

    python benchmarks/threads.py --json benchmarks/results/threads.json

Times an Adam step on arrays of growing size: alone, on one thread and on two of its own; and right after a NumPy matrix
product, on one thread and on the BLAS's, which are awake then. And a step of 200,000 elements right after a product: on
the BLAS's threads; on threads of its own that sleep when idle, as fastopt starts them, and that spin; and on its own
where torch, which does nothing, has loaded OpenMP before, as fastopt leaves its threads and as they are by default.
"""

import argparse
import importlib.util
import os
from pathlib import Path
from typing import Any

from processes import run_python

from fastopt import measure

STEP = """
import statistics, time, numpy as np, fastopt
from fastopt.kernels.cpu import backend, blas_threads, threads
WAYS = {"one": lambda: (threads, 1), "own": lambda: (threads, threads.usable()), "blas": lambda: (blas_threads, 2)}
def seconds(way, elements, product, rounds):
    if way:
        backend._threads = lambda work: WAYS[way]()
    opt = fastopt.Adam(np.ones(elements, "float32"))
    gradient, times = np.ones(elements, "float32"), []
    for _ in range(rounds):
        product @ product
        began = time.perf_counter()
        opt.step(gradient)
        times.append(time.perf_counter() - began)
    return statistics.median(times[3:])
"""
SIZES = f"""{STEP}
few, many = np.ones((1, 1), "float32"), np.ones((200, 200), "float32")
for power in range(10, 23):
    cases = (("one", few), ("own", few), ("one", many), ("blas", many))
    rows = [[seconds(way, 1 << power, product, 60) for way, product in cases] for _ in range(5)]
    print(1 << power, *(statistics.median(column) for column in zip(*rows)))
"""
COLUMNS = ("one_thread", "two_threads", "one_thread_after_a_product", "the_blas_threads_after_a_product")
AFTER_PRODUCT = f"""{STEP}
print(seconds(None, 200_000, np.ones((300, 300), "float32"), 3000))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    os.environ["NUMBA_NUM_THREADS"] = "2"
    for line in run_python("-c", SIZES).stdout.splitlines():
        elements, *times = line.split()
        rows.append({"elements": int(elements), **dict(zip(COLUMNS, map(float, times), strict=True))})
        alone, own, after, theirs = (f"{float(seconds) * 1e6:9.1f} us" for seconds in times)
        print(f"{elements:>10} elements: {alone} on one thread, {own} on two; after a product {after} and {theirs}")
    waits = {}
    own = {"FASTOPT_BLAS_THREADS": "0"}
    policies = {
        "of the BLAS": ("", {}),
        "sleeping": ("", own),
        "spinning": ("", {**own, "OMP_WAIT_POLICY": "active"}),
        "with torch": ("import torch", own),
        # libgomp's own default; since it is set, fastopt does nothing about it.
        "with torch, as by default": ("import torch", {**own, "GOMP_SPINCOUNT": "300000"}),
    }
    for policy, (before, environment) in policies.items():
        if before and importlib.util.find_spec("torch") is None:
            continue
        waits[policy] = float(run_python("-c", f"{before}\n{AFTER_PRODUCT}", **environment).stdout)
        print(f"after a matrix product, threads {policy}: {waits[policy] * 1e6:.0f} us")
    if given.json:
        measure.write(given.json, {"sizes": rows, "after_a_product": waits})


if __name__ == "__main__":
    main()
