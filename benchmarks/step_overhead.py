"""What `step` costs the host: time on arrays so small that nothing else counts, and the memory that a step takes.

The time is that of a whole `step` of AdamW on arrays of one element, on one thread, kernel included: the cost of
having that many arrays. Fresh: every step is given new gradient arrays, made before the clock starts. Bound: the
gradients are `opt.grads`, written in place. So few elements start no threads; what starting them costs is apart.
"""

import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numba
import numpy as np
from lists import LISTS, Shapes

import fastopt
from fastopt import measure

COUNTS = (1, 6, 161, 200, 1000)
STEPS = 300


def lists() -> dict[str, Shapes]:
    """The lists of tiny arrays."""
    return {**{f"{count:,} of 1": [(1,)] * count for count in COUNTS}, "200 of 64": LISTS["200 of 64"]()}


def quartiles(times: Sequence[float]) -> dict[str, float]:
    """The median and the quartiles in microseconds."""
    return vars(measure.spread([1e6 * value for value in times]))


def overhead(shapes: Shapes) -> dict[str, Any]:
    """Microseconds of a step with fresh and with bound gradients."""
    opts = [fastopt.AdamW([np.ones(shape, "float32") for shape in shapes]) for _ in range(2)]
    for bound in opts[1].grads:
        bound[...] = 1.0
    times: list[list[float]] = [[], []]
    for _ in range(STEPS):
        grads = [np.ones(shape, "float32") for shape in shapes]
        times[0].append(measure.timed(lambda grads=grads: opts[0].step(grads)))
        times[1].append(measure.timed(opts[1].step))
    return {name: quartiles(values[10:]) for name, values in zip(("fresh", "bound"), times, strict=True)}


@numba.njit(parallel=True)
def nothing(values):  # type: ignore[no-untyped-def]
    for k in numba.prange(len(values)):
        values[k] += 1


def thread_start() -> dict[str, float]:
    """Microseconds of a parallel kernel that has one element for each thread."""
    values = np.zeros(numba.get_num_threads())
    times = measure.interleaved({"nothing": lambda: nothing(values)}, STEPS, pause=0.001)["nothing"]
    return quartiles(times)


def traced_peak(step: Callable[[], Any]) -> int:
    """Bytes that Python and NumPy hold at most during a step beyond what they held before."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - before


def resident_peak(step: Callable[[], Any]) -> int | None:
    """Bytes by which the resident set of this process grows at most during a step; None where Linux does not say."""
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    except OSError:
        step()
        return None
    before = _status("VmRSS")
    step()
    return max(0, _status("VmHWM") - before)


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field))
