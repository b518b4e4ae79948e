"""AdamW with fewer bytes and fewer divisions, beside AdamW as it is: time, and bytes moved and held.

    python benchmarks/fewer_bytes.py --json benchmarks/results/fewer-bytes-cpu.json

All run in turn in one process; the ratios are those of the rounds. Each list is timed alone, and while another process
copies memory, which leaves about as much of it as a processor with many cores has for each. A cache holds the small
array: what counts there is arithmetic. Kernels of rules are timed alone too, with and without reciprocals: the time of
a call is less that of a call on 16 elements, which is the host's.
"""

import argparse
import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from repeated import repeated

import fastopt
from fastopt import measure
from fastopt.bench.streams import bare_rule
from fastopt.kernels import RULES
from fastopt.kernels.riders import with_riders
from fastopt.kernels.step.calls import Calls
from fastopt.optimizer.optimizer import updater_of

SIZES = {"40,000,000 elements": 40_000_000, "1,000,000 elements": 1_000_000, "64,000 elements": 64_000}
PLAIN = "float32"
KERNELS = ("adam", "adamw", "adabelief", "laprop", "nadam", "adan")
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    PLAIN: ("float32", {}),
    "float32, reciprocals": ("float32", {"reciprocals": True}),
    "bfloat16 state": ("float32", {"reciprocals": True, "state_format": "bfloat16"}),
    "bfloat16 state, to nearest": (
        "float32",
        {"reciprocals": True, "state_format": "bfloat16", "state_rounding": "nearest"},
    ),
    "bfloat16 all": ("bfloat16", {"reciprocals": True, "state_format": "bfloat16", "param_rounding": "stochastic"}),
    "8-bit state": ("float32", {"reciprocals": True, "state_format": "8bit"}),
    "24 bits": ("bfloat16", {"reciprocals": True, "master_weight_bits": 24}),
    "32 bits": ("bfloat16", {"reciprocals": True, "master_weight_bits": 32}),
    "24 bits, 8-bit state": ("bfloat16", {"reciprocals": True, "master_weight_bits": 24, "state_format": "8bit"}),
}
# As many bytes as float32, with next to nothing computed.
BARE = "a bare kernel"


def contender(size: int, storage: str, options: dict[str, Any], rule: Any = "adamw") -> tuple[Any, dict[str, float]]:
    """A step, and the bytes for each element: moved with the gradient, and held by parameter and state."""
    dtype = np.dtype(ml_dtypes.bfloat16 if storage == "bfloat16" else storage)
    p, g = np.full(size, 0.5, dtype), np.full(size, 1e-3, dtype)
    opt = fastopt.Optimizer(p, rule, **options)
    (state,) = updater_of(opt).state
    held = (p.nbytes + sum(array.nbytes for array in state.values())) / size
    return lambda: opt.step(g), {"moved": 2 * held + g.itemsize, "held": held}


def kernel(rule: str, options: dict[str, Any], size: int) -> Callable[[], Any]:
    """A call of the kernel of a rule on a small array, in one thread, with the least around it."""
    definition = with_riders(RULES[rule], *options.items())
    arrays = [np.full(size, 0.5, "float32") for _ in definition.arrays]
    program, numbers, calls = definition.program(definition.hyper), definition._numbers(3, None, {}), Calls()
    return lambda: calls.update(program, arrays, numbers)


def copying(begun: Any) -> None:
    source, target = np.ones(20_000_000), np.ones(20_000_000)
    begun.set()
    while True:
        np.copyto(target, source)


@contextmanager
def neighbour(there: bool) -> Iterator[None]:
    """Another process that copies memory meanwhile."""
    if not there:
        yield
        return
    context = multiprocessing.get_context("spawn")
    begun = context.Event()
    process = context.Process(target=copying, args=(begun,), daemon=True)
    process.start()
    begun.wait()
    try:
        yield
    finally:
        process.kill()
        process.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result: dict[str, Any] = {}
    for name, size in SIZES.items():
        calls = max(1, 2_000_000 // size)
        made = {case: contender(size, *choices) for case, choices in CASES.items()}
        made[BARE] = contender(size, "float32", {}, bare_rule(RULES["adamw"]))
        work = {case: step for case, (step, _) in made.items()}
        for beside in (False, True):
            with neighbour(beside):
                times = measure.interleaved(work, given.rounds, sample=repeated(calls))
            place = f"{name}, {'a neighbour copies' if beside else 'alone'}"
            result[place] = {
                case: {
                    "nanoseconds": vars(measure.spread([1e9 * t / size for t in own])),
                    "speed": vars(measure.ratio(times[PLAIN], own)),
                    **made[case][1],
                }
                for case, own in times.items()
            }
            for case, row in result[place].items():
                took, speed = row["nanoseconds"]["median"], row["speed"]["median"]
                print(f"{place:42}{case:28}{row['held']:6.2f} B{took:8.3f} ns{speed:7.2f}", flush=True)
    alone: dict[str, Any] = {}
    for rule in KERNELS:
        forms: dict[str, dict[str, Any]] = {PLAIN: {}, "reciprocals": {"reciprocals": True}}
        sizes = {"": SIZES["64,000 elements"], " of the host": 16}
        calls_of = {form + part: kernel(rule, own, n) for form, own in forms.items() for part, n in sizes.items()}
        times = measure.interleaved(calls_of, 5 * given.rounds, sample=repeated(5))
        plain, other = (
            [whole - host for whole, host in zip(times[form], times[f"{form} of the host"], strict=True)]
            for form in forms
        )
        alone[rule] = vars(measure.ratio(plain, other))
        print(f"the kernel of {rule:28}{'with reciprocals':28}{alone[rule]['median']:21.2f}", flush=True)
    if given.json:
        measure.write(
            given.json, {"rounds": given.rounds, "threads": os.cpu_count(), "lists": result, "kernels": alone}
        )


if __name__ == "__main__":
    main()
