"""Training steps of Thinc, spaCy and scikit-learn with their own optimizers and with fastopt's.

    python benchmarks/clients.py --json benchmarks/results/clients-cpu.json
    .venv/spacy/bin/python benchmarks/clients.py --json benchmarks/results/clients-spacy-cpu.json

A client that is not installed is left out: spaCy has an environment of its own. Both runs of a case start from the same
weights; after three turns their weights must agree, or nothing is timed. Then they take turns, of as many steps as take
50 ms, and each turn gives the time of a whole training step and the part of it within the optimizer's calls. The ratios
are of times of the same round.
"""

import argparse
import importlib.util
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from clients_cases import CASES, Run

from fastopt import measure

CHECKED = 3
TOLERANCE = 1e-3  # of an array's largest weight, after a few steps of float32
TURN = 0.05
PACKAGE = {"Thinc": "thinc", "scikit-learn": "sklearn", "spaCy": "spacy"}


def checked(make: Callable[[bool], Run]) -> dict[str, Run]:
    """The runs with the client's optimizer and with ours. Raises SystemExit unless both come to the same weights."""
    runs = {"own": make(False), "fastopt": make(True)}
    for run in runs.values():
        for _ in range(CHECKED):
            run.step()
    pairs = zip(*(run.weights() for run in runs.values()), strict=True)
    error = max(float(abs(a - b).max() / abs(a).max()) for a, b in pairs if a.size and a.any())
    if not error < TOLERANCE:
        raise SystemExit(f"the weights differ by {error:.3g}; nothing is timed")
    print(f"  right: the weights agree to {error:.2g}", file=sys.stderr, flush=True)
    return runs


def measured(make: Callable[[bool], Run], rounds: int) -> dict[str, Any]:
    """Milliseconds of a step and of its optimizer's part, by both, and how many times as fast ours are."""
    runs = checked(make)
    once = min(measure.timed(run.step) for run in runs.values())
    turns = max(1, math.ceil(TURN / once))
    parts: dict[str, list[float]] = {name: [] for name in runs}
    names = {id(run): name for name, run in runs.items()}

    def turn(run: Run) -> float:
        run.optimizer.seconds = 0.0
        seconds = measure.timed(lambda: [run.step() for _ in range(turns)])
        parts[names[id(run)]].append(run.optimizer.seconds / turns / run.steps)
        return seconds / turns / run.steps

    steps = measure.interleaved(runs, rounds, 0.01, sample=turn)
    # The first turn of each was a warm-up.
    parts = {name: values[1:] for name, values in parts.items()}
    thousand = 1e3 * np.ones(rounds)
    return {
        "steps_a_turn": turns * runs["own"].steps,
        "step_ms": {name: vars(measure.spread(list(thousand * values))) for name, values in steps.items()},
        "optimizer_ms": {name: vars(measure.spread(list(thousand * values))) for name, values in parts.items()},
        "share": {name: vars(measure.ratio(parts[name], steps[name])) for name in runs},
        "step_speedup": vars(measure.ratio(steps["own"], steps["fastopt"])),
        "optimizer_speedup": vars(measure.ratio(parts["own"], parts["fastopt"])),
    }


def show(row: dict[str, Any]) -> None:
    for name in row["step_ms"]:
        step, part, share = (row[kind][name]["median"] for kind in ("step_ms", "optimizer_ms", "share"))
        print(f"  {name:8} step {step:9.3f} ms, optimizer {part:8.3f} ms, {share:6.1%}")
    for kind in ("step_speedup", "optimizer_speedup"):
        speedup = row[kind]
        print(f"  {kind}: {speedup['median']:.2f} ({speedup['low']:.2f} to {speedup['high']:.2f})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = {}
    for name in given.only:
        package = next(package for client, package in PACKAGE.items() if name.startswith(client))
        if importlib.util.find_spec(package) is None:
            print(f"{name}: not measured, {package} is not installed", file=sys.stderr)
            continue
        print(name, flush=True)
        rows[name] = measured(CASES[name], given.rounds)
        show(rows[name])
    if given.json:
        measure.write(given.json, {"rounds": given.rounds, "clients": rows})


if __name__ == "__main__":
    main()
