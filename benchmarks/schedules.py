"""What one step of a schedule costs the host.

    python benchmarks/schedules.py --json benchmarks/results/schedules.json

Each schedule is called for steps all over its length. Every figure is the least of the rounds: a call does the same
work each time, so any time above the least is due to other programs.
"""

import argparse
import time
from pathlib import Path

from fastopt import like, measure
from fastopt.schedules.parse import parsed
from fastopt.schedules.schedule import Schedule

SINGLE = [
    *("constant(0.1)", "step_decay(0.1, every=30)", "multi_step(0.1, boundaries=[300, 600, 900])"),
    *("exponential(0.1, gamma=0.99)", "exponential(0.1, rate=0.01)", "inverse_time(0.1, rate=0.5, every=10)"),
    *("polynomial(0.1, steps=1000, power=2.0)", "linear(0.1, steps=1000)", "rex(0.1, steps=1000)"),
    *("cosine(0.1, steps=1000)", "cosine(0.1, steps=1000, warmup=100)", "inverse_sqrt(0.1, warmup=100)"),
    *("warm_restarts(0.1, period=100)", "warm_restarts(0.1, period=10, growth=2.0, shrink=0.8, end=0.001)"),
    *("triangular(0.01, 0.1, up=100)", "triangular2(0.01, 0.1, up=100)", "exp_range(0.01, 0.1, up=100, gamma=0.99)"),
    *("one_cycle(0.1, steps=1000)", "warmup_stable_decay(0.1, steps=1000, warmup=100, decay=200)"),
    *("piecewise([0.1, 0.05, 0.01], boundaries=[300, 600])", "interpolate([0.1, 0.2, 0.0], boundaries=[300, 1000])"),
]
COMPOSED = [
    "0.1 * cosine(1.0, steps=1000) + 1e-06",
    "warmup(cosine(0.1, steps=900), steps=100, shape='cosine')",
    "by_epoch(warm_restarts(0.1, period=10, growth=2.0), steps_per_epoch=50)",
    "join([linear(0, steps=100, end=0.1), cosine(0.1, steps=500), 0.5 * rex(0.1, steps=400)], boundaries=[100, 600])",
    "warmup(0.5 * warm_restarts(0.1, period=100, growth=2.0) + 0.5 * rex(0.1, steps=900), steps=100) + 1e-06",
]
LIMITS = {"single": 2.0, "composed": 5.0}
STEPS = range(1, 1001, 3)


def once(schedule: Schedule) -> float:
    """Microseconds a step, over steps all over the schedule."""
    began = time.perf_counter()
    for step in STEPS:
        schedule(step)
    return (time.perf_counter() - began) / len(STEPS) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=201)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    cases = {text: ("single", parsed(text)) for text in SINGLE} | {
        text: ("composed", parsed(text)) for text in COMPOSED
    }
    one_cycle = like.torch.OneCycleLR(0.1, total_steps=1000)
    cases |= {f"like.torch.{one_cycle!r}": ("single", one_cycle)}
    times = measure.interleaved({text: schedule for text, (_, schedule) in cases.items()}, given.rounds, sample=once)
    result = {}
    for text, (kind, _) in cases.items():
        spread = measure.spread(times[text])
        result[text] = {"least": min(times[text]), "median": spread.median, "limit": LIMITS[kind], "kind": kind}
        over = "" if min(times[text]) < LIMITS[kind] else "  TOO SLOW"
        print(f"{min(times[text]):5.2f} us (median {spread.median:5.2f}), wanted under {LIMITS[kind]} us  {text}{over}")
    if given.json:
        measure.write(given.json, {"rounds": given.rounds, "microseconds": result})


if __name__ == "__main__":
    main()
