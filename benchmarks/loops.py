"""A step where training takes it: right after NumPy's matrix products, whose threads stay awake for a while.

    python benchmarks/loops.py --json benchmarks/results/loops-cpu.json

Networks of fully connected layers (784, H, H, 10), square matrices, the layers of a small GPT and of a small CNN as
matrix products, and a loop without any product. Each way is a process of its own; all of a case take turns, of a tenth
of a second after a warm-up, in which fastopt sees whether it may use the BLAS's threads. Before that the parameters of
all ways must agree. Processes of the same way differ by how their arrays lie, so each way has several. Timed are the
step within the loop, the whole iteration, and the step alone, when the threads of the BLAS have gone to sleep. The
ways: plain NumPy's update; fastopt as it is; fastopt with threads of its own alone, and so with a BLAS whose threads go
to sleep at once; fastopt on one thread; and with a BLAS of one thread.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import fastopt
from fastopt import measure

NUMPY, ASLEEP = "NumPy's update", "own threads, the BLAS's asleep"
# Environments. "Asleep" is what a step costs where nothing stands in its way: the measure of all others.
WAYS: dict[str, dict[str, str]] = {
    NUMPY: {},
    "fastopt": {},
    "own threads": {"FASTOPT_BLAS_THREADS": "0"},
    ASLEEP: {"FASTOPT_BLAS_THREADS": "0", "OPENBLAS_THREAD_TIMEOUT": "4"},
    "one thread": {"NUMBA_NUM_THREADS": "1"},
    "a BLAS of one thread": {"OPENBLAS_NUM_THREADS": "1"},
}
FEW = list(WAYS)[:4]
# Longer than OpenBLAS's threads stay awake, those of the process before too: 2^28 ticks of the processor's clock.
UNTIL_ASLEEP = 0.15
# Before it uses the BLAS's threads fastopt looks for a quarter of a second whether it may.
WARM_UP = 0.6

Layers = list[tuple[int, int, int]]  # rows of the batch, inputs, outputs


def layers(case: str) -> tuple[Layers, str]:
    """The layers of a case and their type."""
    kind, dtype, *numbers = case.split("-")
    if kind == "mlp":
        hidden, batch = map(int, numbers)
        return [(batch, 784, hidden), (batch, hidden, hidden), (batch, hidden, 10)], dtype
    if kind == "square":
        return [(256, 256, 256)] * 5, dtype
    if kind == "gpt":
        block = [(256, 128, 384), (256, 128, 128), (256, 128, 512), (256, 512, 128)]
        return [*block * 4, (256, 128, 1000)], dtype
    if kind == "cnn":
        return [(16 * 784, 25, 16), (16 * 196, 400, 32), (16 * 49, 800, 64), (16, 3136, 128), (16, 128, 10)], dtype
    return [(0, 784, 256), (0, 256, 256), (0, 256, 10)], dtype


# Of these all ways are timed, of the others the first four.
FULL = (
    "float32-64-256",
    "float32-128-256",
    "float32-256-256",
    "float32-512-256",
    "float32-1024-256",
    "square",
    "gpt",
    "cnn",
    "elementwise",
)
CASES = [
    *(
        f"mlp-{dtype}-{hidden}-{batch}"
        for dtype in ("float32", "float64")
        for batch in (16, 256)
        for hidden in (64, 128, 256, 512, 1024, 2048)
    ),
    "square-float32",
    "square-float64",
    "gpt-float32",
    "cnn-float32",
    "elementwise-float32",
]


def network(case: str) -> tuple[list[Any], Callable[[], list[Any]]]:
    """Parameters, and a function that computes gradients: of each layer alone, by the products of forward and back."""
    generator = np.random.default_rng(0)
    shapes, dtype = layers(case)
    weights = [generator.normal(0, a**-0.5, (a, b)).astype(dtype) for _, a, b in shapes]
    biases = [np.zeros(b, dtype) for *_, b in shapes]
    params = [*weights, *biases]
    inputs = [generator.normal(0, 1, (rows, a)).astype(dtype) for rows, a, _ in shapes]
    noise = [generator.normal(0, 1, p.shape).astype(dtype) for p in params]

    def elementwise() -> list[Any]:
        return [p * np.tanh(q) + q for p, q in zip(params, noise, strict=True)]

    def gradients() -> list[Any]:
        outputs = [np.maximum(x @ w + b, 0) for x, w, b in zip(inputs, weights, biases, strict=True)]
        back = [out / len(out) for out in outputs]
        for w, d in zip(weights, back, strict=True):
            d @ w.T  # what a network hands to the layer before
        return [*(x.T @ d for x, d in zip(inputs, back, strict=True)), *(d.sum(0) for d in back)]

    return params, gradients if shapes[0][0] else elementwise


def plain_adam(params: Sequence[Any]) -> Callable[[Sequence[Any]], None]:
    """Adam as NumPy programs have it."""
    means, squares = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]
    t = 0

    def step(grads: Sequence[Any]) -> None:
        nonlocal t
        t += 1
        for p, g, m, v in zip(params, grads, means, squares, strict=True):
            m *= 0.9
            m += 0.1 * g
            v *= 0.999
            v += 0.001 * g * g
            p -= 1e-4 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)

    return step


def switches() -> list[int]:
    """Involuntary switches of the main thread, and of all others together."""
    counts = [0, 0]
    for task in Path("/proc/self/task").iterdir():
        try:
            status = (task / "status").read_text()
        except OSError:  # It has ended.
            continue
        counts[int(task.name) != os.getpid()] += int(status.split("nonvoluntary_ctxt_switches:")[1])
    return counts


def work(case: str, way: str) -> None:
    """Answer lines of standard input, "loop" or "alone" and seconds, with the times of steps and of iterations."""
    params, gradients = network(case)
    step = plain_adam(params) if way == NUMPY else fastopt.Adam(params, lr=1e-4).step
    fixed = [g.copy() for g in gradients()]
    for _ in range(5):
        step(gradients())
    print(json.dumps([float(abs(p.astype("float64")).sum()) for p in params]), flush=True)
    clock = time.perf_counter
    for line in sys.stdin:
        kind, seconds = line.split()
        time.sleep(UNTIL_ASLEEP)
        steps, iterations = [], []
        start = clock() + (WARM_UP if kind == "loop" else 0.0)
        while clock() < start:
            step(gradients())
        before, end = switches(), clock() + float(seconds)
        while (began := clock()) < end or len(steps) < 10:
            grads = gradients() if kind == "loop" else fixed
            middle = clock()
            step(grads)
            done = clock()
            steps.append(done - middle)
            iterations.append(done - began)
        counts = [(b - a) / len(steps) for a, b in zip(before, switches(), strict=True)]
        print(json.dumps([steps[3:], iterations[3:], counts]), flush=True)


class Contender:
    """A process of one way."""

    def __init__(self, case: str, way: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **WAYS[way]}
        command = [sys.executable, __file__, "--work", case, way]
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def begun(self) -> list[float]:
        """Sums of its parameters after some steps, when it is ready."""
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a process of the benchmark ended early")
        return json.loads(line)

    def turn(self, kind: str, seconds: float) -> Any:
        """The times of steps and of iterations, and the switches, of a round."""
        assert self._process.stdin
        self._process.stdin.write(f"{kind} {seconds}\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        self._process.communicate()


class Record:
    """What the processes of a way took."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.rounds: dict[str, list[float]] = {
            key: [] for key in ("step", "iteration", "alone", "switches_main", "switches_others")
        }

    def loop(self, process: Contender, seconds: float) -> None:
        """A round of the loop."""
        steps, iterations, counts = process.turn("loop", seconds)
        middle = statistics.median(steps)
        self.steps += [step / middle for step in steps]
        found = (middle, statistics.median(iterations), *counts)
        for key, value in zip(("step", "iteration", "switches_main", "switches_others"), found, strict=True):
            self.rounds[key].append(value)

    def alone(self, process: Contender, seconds: float) -> None:
        """A round of steps alone."""
        self.rounds["alone"].append(statistics.median(process.turn("alone", seconds)[0]))

    def result(self, asleep: "Record", numpy: "Record") -> dict[str, float]:
        """Medians of the rounds, in microseconds; involuntary switches an iteration.

        Of the steps of all rounds, each as a multiple of its round's median: the 90th percentile and the mean of the
        slowest tenth. step_ratio, iteration_ratio: of a round's median to that of the way asleep, or NumPy, in the same
        round, as these machines change their speed.
        """
        slowest = sorted(self.steps)[int(0.9 * len(self.steps)) :]
        times = {key: round(1e6 * statistics.median(self.rounds[key]), 1) for key in ("step", "alone", "iteration")}
        counts = {key: round(statistics.median(self.rounds[key]), 3) for key in ("switches_main", "switches_others")}
        ratios = {
            "step_ratio": measure.ratio(self.rounds["step"], asleep.rounds["step"]).median,
            "iteration_ratio": measure.ratio(self.rounds["iteration"], numpy.rounds["iteration"]).median,
            "90th_percentile": slowest[0],
            "slowest_tenth": statistics.fmean(slowest),
        }
        return {**times, **{key: round(value, 3) for key, value in ratios.items()}, **counts}


def compare(case: str, ways: Sequence[str], processes: int, rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    """The results of a case, by way."""
    records = {way: Record() for way in ways}
    for _ in range(processes):
        contenders = {way: Contender(case, way) for way in ways}
        sums = [contender.begun() for contender in contenders.values()]
        if not np.allclose(sums, sums[0], rtol=1e-3):
            raise SystemExit(f"{case}: after some steps the parameters are not the same")
        for number in range(rounds):
            for way in [*ways[number:], *ways[:number]]:
                records[way].loop(contenders[way], seconds)
                if number == 0:
                    records[way].alone(contenders[way], seconds / 2)
        for contender in contenders.values():
            contender.close()
    return {way: record.result(records[ASLEEP], records[NUMPY]) for way, record in records.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cases", nargs="+", default=CASES)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.1)
    parser.add_argument("--again", action="store_true", help="add to the file these cases as they were run again")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(*given.work)
        return
    # The other ways are measured by these.
    ways, rows = [way for way in WAYS if way in (*given.ways, NUMPY, ASLEEP)], {}
    for case in given.cases:
        some = ways if any(part in case for part in FULL) else [way for way in ways if way in FEW]
        rows[case] = compare(case, some, given.processes, given.rounds, given.seconds)
        print(case)
        for way, row in rows[case].items():
            print(
                f"  {way:30} step {row['step']:8.1f} us = {row['step_ratio']:5.2f}, slowest tenth "
                f"{row['90th_percentile']:5.2f}+ {row['slowest_tenth']:5.2f}, alone {row['alone']:8.1f}, iteration "
                f"{row['iteration']:9.1f} = {row['iteration_ratio']:5.2f}, switches {row['switches_main']:.2f} "
                f"{row['switches_others']:.2f}",
                flush=True,
            )
    if given.json and given.again:
        found = json.loads(given.json.read_text())
        found.pop("machine")
        measure.write(given.json, {**found, "again": {"processes": given.processes, "cases": rows}})
    elif given.json:
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[call-overload]
        found = {
            "blas": f"{blas['name']} {blas['version']}",
            "processes": given.processes,
            "rounds": given.rounds,
            "seconds": given.seconds,
            "asleep": ASLEEP,
            "numpy": NUMPY,
            "cases": rows,
        }
        measure.write(given.json, found)


if __name__ == "__main__":
    main()
