"""Row-sparse updates of a large table, against the dense step and torch's sparse optimizers.

    python benchmarks/sparse.py --json benchmarks/results/sparse-cpu.json

A table of 1,000,000 rows of 64 in float32, 1,000 rows of it in a step. Uniform: any rows, so that one is touched once
in a thousand steps and an exact Adam has about as many to make up for; Zipf: as words come, by 1/rank. New rows are
drawn for each step before the clock starts. A turn is of ten such steps, after twenty that are not timed: in training
sparse steps follow one another, and do not come after a pass over gigabytes, as they would here. Before anything is
timed a small table is updated by all: those that are lazy must agree with torch's to 1e-6, and the exact ones with the
dense gradient to the bit.

At 100 % of the rows: all rows in order, and shuffled, against the dense step.
"""

import argparse
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import fastopt
from fastopt import RowSparse, measure

ROWS, WIDTH, TOUCHED = 1_000_000, 64, 1_000
# torch's SparseAdam adds eps before it corrects the bias: so small that it does not matter.
EPS = 1e-12
UNTIMED, TURN = 20, 10
WARM_UP = 1_500  # steps after which the number of an exact Adam's missed updates no longer grows
Draw = Callable[[], Any]


def drawing(kind: str, rows: int, touched: int, seed: int = 0) -> Draw:
    """A function that gives row numbers, each once."""
    generator = np.random.default_rng(seed)
    if kind == "uniform":
        return lambda: np.unique(generator.integers(0, rows, touched))
    places = generator.permutation(rows)
    bounds = np.cumsum(1 / np.arange(1, rows + 1))
    return lambda: np.unique(places[np.searchsorted(bounds, generator.random(touched) * bounds[-1])])


def written(opt: Any) -> Any:
    """Write the state once, so that the system gives its memory now and not page by page when a row is touched."""
    for slots in opt.state:
        for array in slots.values():
            array.view("uint32")[...] += 0
    return opt


def fastopt_step(table: Any, make: Any, **options: Any) -> Callable[[Any, Any], Callable[[], Any]]:
    opt = make([table], lr=0.01, **options)
    written(opt)

    def prepared(rows: Any, values: Any) -> Callable[[], Any]:
        gradient = [RowSparse(rows, values)]
        return lambda: opt.step(gradient)

    prepared.opt = opt  # type: ignore[attr-defined]
    return prepared


def torch_step(table: Any, make: Any, **options: Any) -> Callable[[Any, Any], Callable[[], Any]]:
    parameter = torch.nn.Parameter(torch.from_numpy(table))
    opt = make([parameter], lr=0.01, **options)

    def prepared(rows: Any, values: Any) -> Callable[[], Any]:
        # Coalesced beforehand, as torch does within the step where a gradient is not.
        places = torch.from_numpy(rows)[None]
        parameter.grad = torch.sparse_coo_tensor(
            places, torch.from_numpy(values), table.shape, is_coalesced=True, check_invariants=False
        )
        return opt.step

    return prepared


SPARSE: dict[str, Callable[[Any], Any]] = {
    "fastopt Adam, lazy": lambda table: fastopt_step(table, fastopt.Adam, sparse="lazy", eps=EPS),
    "fastopt Adam, exact": lambda table: fastopt_step(table, fastopt.Adam, eps=EPS),
    "fastopt Adagrad": lambda table: fastopt_step(table, fastopt.Adagrad),
    "fastopt SGD": lambda table: fastopt_step(table, fastopt.SGD),
    "torch SparseAdam": lambda table: torch_step(table, torch.optim.SparseAdam, eps=EPS),
    "torch Adagrad, sparse": lambda table: torch_step(table, torch.optim.Adagrad),
    "torch SGD, sparse": lambda table: torch_step(table, torch.optim.SGD),
}
PAIRS = (("fastopt Adam, lazy", "torch SparseAdam"), ("fastopt Adagrad", "torch Adagrad, sparse"))


def check() -> None:
    """Compare the tables of all contenders after ten steps; raises AssertionError where they differ."""
    tables = {}
    for name, make in SPARSE.items():
        tables[name] = np.random.default_rng(1).standard_normal((500, WIDTH)).astype("float32")
        prepared, draw = make(tables[name]), drawing("uniform", 500, 60)
        for step in range(10):
            rows = draw()
            prepared(rows, np.random.default_rng(step).standard_normal((len(rows), WIDTH)).astype("float32"))()
        if hasattr(prepared, "opt"):
            prepared.opt.flush()
    for ours, theirs in (*PAIRS, ("fastopt SGD", "torch SGD, sparse")):
        np.testing.assert_allclose(tables[ours], tables[theirs], rtol=1e-6, atol=1e-6)
    exact = {"fastopt Adam, exact": functools.partial(fastopt.Adam, eps=EPS), "fastopt Adagrad": fastopt.Adagrad}
    for name, make in exact.items():
        table = np.random.default_rng(1).standard_normal((500, WIDTH)).astype("float32")
        opt, draw = make([table], lr=0.01), drawing("uniform", 500, 60)
        for step in range(10):
            rows = draw()
            values = np.random.default_rng(step).standard_normal((len(rows), WIDTH)).astype("float32")
            opt.step([RowSparse(rows, values).dense(table.shape)])
        assert np.array_equal(table, tables[name]), name


def milliseconds(times: list[float]) -> dict[str, float]:
    return vars(measure.spread([1e3 * value for value in times]))


def touched(kind: str, rounds: int) -> dict[str, list[float]]:
    """Seconds of a step of TOUCHED rows by each contender, and of the dense steps of the same rules."""
    steps = {name: make(np.ones((ROWS, WIDTH), "float32")) for name, make in SPARSE.items()}
    whole = {
        f"{name}, dense": written(fastopt.CLASSES[name]([np.ones((ROWS, WIDTH), "float32")], lr=0.01))
        for name in ("Adam", "Adagrad", "SGD")
    }
    gradient = [np.full((ROWS, WIDTH), 1e-3, "float32")]
    draw, generator = drawing(kind, ROWS, TOUCHED), np.random.default_rng(7)
    values = generator.standard_normal((TOUCHED, WIDTH)).astype("float32")
    for _ in range(WARM_UP):
        rows = draw()
        steps["fastopt Adam, exact"](rows, values[: len(rows)])()
    times: dict[str, list[float]] = {name: [] for name in (*steps, *whole)}
    for _ in range(rounds + 1):
        drawn = [draw() for _ in range(UNTIMED + TURN)]
        for name, prepared in steps.items():
            turn = [measure.timed(prepared(rows, values[: len(rows)].copy())) for rows in drawn]
            times[name].append(sum(turn[UNTIMED:]) / TURN)
        for name, opt in whole.items():
            times[name].append(measure.timed(lambda opt=opt: opt.step(gradient)))
    return {name: seconds[1:] for name, seconds in times.items()}


def everywhere(rounds: int) -> dict[str, list[float]]:
    """Seconds of a step in which every row is touched, and of the dense step."""
    opts = [written(fastopt.Adam([np.ones((ROWS, WIDTH), "float32")], lr=0.01)) for _ in range(3)]
    values = np.full((ROWS, WIDTH), 1e-3, "float32")
    shuffled = np.random.default_rng(3).permutation(ROWS)
    return measure.interleaved(
        {
            "dense": lambda: opts[0].step([values]),
            "in order": lambda: opts[1].step([RowSparse(np.arange(ROWS), values)]),
            "shuffled": lambda: opts[2].step([RowSparse(shuffled, values)]),
        },
        rounds,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    check()
    result: dict[str, Any] = {"rows": ROWS, "width": WIDTH, "touched": TOUCHED, "rounds": given.rounds}
    for kind in ("uniform", "Zipf"):
        times = touched(kind, given.rounds)
        spreads = {name: milliseconds(values) for name, values in times.items()}
        median = {name: row["median"] for name, row in spreads.items()}
        ratios = {
            **{f"{ours} against {theirs}": median[theirs] / median[ours] for ours, theirs in PAIRS},
            **{
                f"{name} against dense": median[f"{name.split()[1].strip(',')}, dense"] / median[name]
                for name in steps_of_ours()
            },
        }
        result[kind] = {"milliseconds": spreads, "times_as_fast": ratios}
        print(f"\n{kind} rows, {TOUCHED:,} of {ROWS:,} x {WIDTH}")
        for name, row in spreads.items():
            print(f"  {name:24}{row['median']:10.3f} ms ({row['low']:.3f} to {row['high']:.3f})")
        for name, ratio in ratios.items():
            print(f"  {name}: {ratio:.1f} times as fast", flush=True)
    times = everywhere(max(7, given.rounds // 2))
    spreads = {name: milliseconds(values) for name, values in times.items()}
    ratios = {
        name: vars(measure.spread([a / b for a, b in zip(times[name], times["dense"], strict=True)]))
        for name in ("in order", "shuffled")
    }
    result["every row"] = {"milliseconds": spreads, "of_the_dense_step": ratios}
    print("\nevery row: time of the dense step's")
    for name, ratio in ratios.items():
        print(f"  {name:12}{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})")
    if given.json:
        measure.write(given.json, result)


def steps_of_ours() -> list[str]:
    return [name for name in SPARSE if name.startswith("fastopt")]


if __name__ == "__main__":
    main()
