"""A whole optimizer step on the parameter lists of real models, against the strongest peers.

    python benchmarks/step.py --json benchmarks/results/step-cpu.json

AdamW in float32 on every list of lists.py, by every contender of step_peers.py; on the two large lists also the bare
kernels of step_limits.py, whose time over fastopt's is the share of the memory's bandwidth that fastopt reaches. Then
the tail of a training step on GPT-2's list (step_tail.py), and what `step` costs the host (step_overhead.py).

Each contender's parameters after three steps are compared with plain NumPy's before anything is timed: fastopt's must
be the same to the bit, the others' within 4e-6 of the parameter or 1e-5 of what the steps may change, whichever is
more. Then all run in turn, with pauses in which idle threads go to sleep. Where the arrays are small a turn is ten
steps, after one that is not timed, in which processor and threads wake. Peak memory is how much the resident set grows
at most during the last of the checked steps.

torch is imported first, and OMP_WAIT_POLICY is left unset. numba and torch share the OpenMP library that is loaded
first, and passive waiting, which fastopt sets where it starts the threads, makes torch pay for waking them at each
array: fused AdamW took 3.9 instead of 1.2 ms on 200 arrays of 64, and 14 to 60 instead of 7 ms on 1,000 of 1,000.
Active waiting was no better for torch than none set. torch's memory is in huge pages as NumPy's is
(THP_MEM_ALLOC_ENABLE), with which torch is 2 % faster on large arrays.

A machine without other work is needed: where a thread has to wait for a core, torch and DeepSpeed lose a time slice at
each array, fastopt one at each step, and the figures flatter fastopt. The load average after each list, of which this
process itself is some 2, is in the result.
"""

import argparse
import contextlib
import gc
import os
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

with contextlib.suppress(ImportError):
    import torch  # noqa: F401
import numba
import step_peers
import step_tail
from lists import LISTS, Shapes, elements
from step_compare import CHECKED, checked, say, summary, timed
from step_limits import step_limits, tail_limits
from step_overhead import lists, overhead, resident_peak, thread_start, traced_peak
from step_peers import problem

from fastopt import measure

LARGE = 10_000_000  # elements of a list that no cache holds
TAIL_OF = "GPT-2 small"
WANTED_BOUND = 15.0
PARTS = ("lists", "tail", "overhead")


def measured_list(shapes: Shapes, rounds: int) -> dict[str, Any]:
    """AdamW by every contender on one list."""
    given = problem(shapes)
    plain = step_peers.expected(given, CHECKED)
    contenders, seen = checked(
        given,
        step_peers.CONTENDERS,
        lambda name: step_peers.expected(given, CHECKED, thinc=True) if name == "Thinc" else plain,
        exact=("fastopt",),
    )
    plain.clear()
    count = elements(shapes)
    limits = step_limits(shapes, given.grads) if count >= LARGE else {}
    # Few enough that Thinc's moments, whose gradients it has set to zero, do not come down to denormals.
    steps = max(1, min(10, LARGE // count))
    times = timed({**contenders, **limits}, rounds, steps)
    sizes = {"arrays": len(shapes), "elements": count, "steps_a_turn": steps}
    return {**sizes, **summary(times, list(limits), 28 * count), **seen}


def measured_tail(shapes: Shapes, rounds: int) -> dict[str, Any]:
    """The tail by every contender on one list; torch's fastest way is named."""
    given = problem(shapes)
    ours, theirs = (step_tail.expected(given, CHECKED, norm) for norm in step_tail.norms(given))
    contenders, seen = checked(given, step_tail.CONTENDERS, lambda name: ours if name == "fastopt" else theirs)
    ours.clear()
    theirs.clear()
    given.grads.clear()
    limits = tail_limits(shapes)
    result = summary(timed({**contenders, **limits}, rounds, 1), list(limits), 44 * elements(shapes))
    ways = {name: result["milliseconds"][name]["median"] for name in contenders if name != "fastopt"}
    return {"list": TAIL_OF, **result, "fastest_of_torch": min(ways, key=ways.__getitem__, default=None), **seen}


def measured_overhead() -> dict[str, Any]:
    """Microseconds of a step on tiny arrays, those of starting threads, and the memory of a step on a large list."""
    rows = {}
    print("\nhost: a step on one thread, us")
    for name, shapes in lists().items():
        row = rows[name] = {"arrays": len(shapes), **overhead(shapes), "wanted_fresh": 10 + 0.3 * len(shapes)}
        print(
            f"  {name:12} fresh gradients {row['fresh']['median']:7.1f} (wanted {row['wanted_fresh']:.1f}), "
            f"bound {row['bound']['median']:7.1f} (wanted {WANTED_BOUND:.1f})",
            flush=True,
        )
    start = thread_start()
    print(f"  an empty parallel kernel: {start['median']:.1f} us ({start['low']:.1f} to {start['high']:.1f})")
    step = step_peers.with_fastopt(problem(LISTS["ResNet-50"]())).step
    step()
    peaks = {"traced": traced_peak(step), "resident": resident_peak(step)}
    print(f"  memory of a step on ResNet-50's list: {peaks['traced']:,} bytes of Python and NumPy at most")
    return {"microseconds": rows, "wanted_bound": WANTED_BOUND, "empty_parallel_kernel": start, "memory": peaks}


def show(title: str, row: Mapping[str, Any]) -> None:
    print(f"\n{title}")
    for name, spread in row["milliseconds"].items():
        against = row["speed_against"].get(name)
        peak = row["resident_peak"].get(name)
        print(
            f"  {name:24}{spread['median']:10.3f} ms ({spread['low']:.3f} to {spread['high']:.3f})"
            + (f"  fastopt is {against['median']:6.2f} times as fast" if against else "")
            + (f" ({against['low']:.2f} to {against['high']:.2f})" if against else "")
            + (f"  peak +{peak / 1e6:.1f} MB" if peak is not None else "")
        )
    if "limit" in row:
        share, rates = row["share_of_limit"], row["gigabytes_per_second"]
        print(
            f"  share of the bandwidth: {share['median']:.3f} ({share['low']:.3f} to {share['high']:.3f}) of the "
            f"{row['limit']}'s {rates[row['limit']]:.1f} GB/s",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--lists", nargs="+", choices=LISTS, default=list(LISTS))
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if torch := sys.modules.get("torch"):
        # torch's threads must be in use before fastopt's first step, which makes unused threads sleep.
        torch.ones(LARGE).add_(1)
    result: dict[str, Any] = {"rounds": given.rounds, "threads": numba.get_num_threads()}
    if "lists" in given.only:
        rows = result["lists"] = {}
        for name in given.lists:
            say(name)
            rows[name] = measured_list(LISTS[name](), given.rounds)
            show(f"{name}: {rows[name]['arrays']:,} arrays, {rows[name]['elements']:,} elements", rows[name])
            rows[name]["load_average"] = os.getloadavg()[0]
            say(f"  the machine's load: {rows[name]['load_average']:.1f}")
            gc.collect()
        every = set.intersection(*(set(row["speed_against"]) for row in rows.values()))
        means = {
            peer: statistics.geometric_mean(row["speed_against"][peer]["median"] for row in rows.values())
            for peer in step_peers.CONTENDERS
            if peer in every
        }
        result["geometric_mean_against"] = means
        print(f"\ngeometric mean over {len(rows)} lists: " + ", ".join(f"{p} {m:.2f}" for p, m in means.items()))
    if "tail" in given.only:
        say(f"tail, {TAIL_OF}")
        result["tail"] = measured_tail(LISTS[TAIL_OF](), given.rounds)
        show(
            f"tail of a training step, {TAIL_OF}; torch's fastest: {result['tail']['fastest_of_torch']}", result["tail"]
        )
    if "overhead" in given.only:
        result["overhead"] = measured_overhead()
    if given.json:
        measure.write(given.json, result)


if __name__ == "__main__":
    main()
