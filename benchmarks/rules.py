"""Every rule on one large array, against the bandwidth of the memory and against torch and DeepSpeed.

    python benchmarks/rules.py --json benchmarks/results/rules-cpu.json

A rule's limit is a bare kernel that reads and writes as many arrays and computes nothing: the faster of one written
with numba alone and one made from a rule that adds. Both run in turn with the rule; the ratio of the times is the share
of the bandwidth that the rule reaches. Rules that take a norm read the gradient once more, and so does their limit.
Rules with powers of arrays are bound by arithmetic, so their limit is the one in numba alone, which takes as many
powers of the C library; the share of the bandwidth is given apart. The figure in cache is of the kernel, alone, on one
thread, on arrays of 16,384 elements.
The check against the reference, before anything is timed, the limits and the clock are those of `fastopt bench`. Only
the peers, the figure in cache and the limit with powers are here.
"""

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numba
import numpy as np

from fastopt import measure
from fastopt.bench.cases import Case
from fastopt.bench.contenders import BARE, RULE, Contender, prepared
from fastopt.bench.devices import device
from fastopt.bench.streams import bare_numba
from fastopt.inspection.rule import inspected
from fastopt.kernels import RULES, Rule
from fastopt.kernels.cpu import backend as cpu
from fastopt.kernels.libraries.library import view_of
from fastopt.kernels.tasks.stage_run import StageRun

# Exponents of the powers that adam_lp takes with its defaults.
EXPONENTS = (3.0, 1 / 3)

NUMBA = "bare numba"


def powers(subject: Rule) -> int:
    return subject.program(subject.hyper).stages[-1].operations.count("power")


def in_cache(subject: Rule, elements: int) -> float:
    """Nanoseconds an element of the rule's kernels on one thread, on arrays that the cache holds."""
    generator = np.random.default_rng(0)
    arrays = [generator.random(elements, "float32") for _ in subject.arrays]
    views = [view_of(array, "array")[1] for array in arrays]
    program, calls = subject.program(subject.hyper), []
    for stage in program.stages:
        chosen = [views[program.arrays.index(name)] for name in stage.arrays]
        run = StageRun(cpu, subject.name, stage, [chosen], [0], [True])
        run.run([[0.5] * len(stage.scalars)], [])
        (batch,) = run.batches
        calls.append(cpu.launch(subject.name, stage, batch, [[0.5] * len(stage.scalars)]))
    hot = measure.interleaved({"kernels": lambda: [call() for _ in range(50) for call in calls]}, 15)
    return float(np.median(hot["kernels"])) / 50 / elements * 1e9


def measured(subject: Rule, elements: int, rounds: int, others: dict[str, Any]) -> dict[str, Any]:
    """The rule's times beside its limits' and the others'."""
    setup = prepared(Case(subject, elements, "float32", "cpu"), device("cpu"))
    taken = "".join(
        f" + math.pow(abs(a1[i] + numba.float32({k})), numba.float32({EXPONENTS[k]}))" for k in range(powers(subject))
    )
    moved = setup.contenders[RULE].bytes
    calls = {
        RULE: setup.contenders[RULE].calls[0],
        BARE: setup.contenders[BARE].calls[0],
        NUMBA: bare_numba(subject, setup.arrays, taken),
        **others,
    }
    setup.contenders.clear()
    setup.contenders.update({name: Contender(moved, [call]) for name, call in calls.items()})
    times = {name: [sample.device for sample in took] for name, took in setup.times(rounds).items()}
    medians = {name: float(np.median(values)) for name, values in times.items()}
    limit = NUMBA if powers(subject) else min((BARE, NUMBA), key=medians.__getitem__)
    speeds = {name: vars(measure.ratio(values, times[RULE])) for name, values in times.items()}
    return {
        "bytes_per_element": inspected(subject).bytes,
        "share_of_limit": speeds[limit],
        "limit": limit,
        "powers": powers(subject),
        "share_of_bandwidth": speeds[BARE],
        "gigabytes_per_second": moved / medians[RULE] / 1e9,
        "in_cache_ns_per_element": in_cache(subject, 1 << 14),
        "speed_against": {name: speeds[name] for name in others},
        "milliseconds": {name: 1e3 * value for name, value in medians.items()},
    }


def torch_adamw(elements: int) -> Any:
    import torch

    torch.set_num_threads(numba.get_num_threads())
    parameter = torch.rand(elements, requires_grad=True)
    parameter.grad = torch.rand(elements)
    return torch.optim.AdamW([parameter], fused=True).step


def deepspeed_adamw(elements: int) -> Any:
    import torch
    from deepspeed.ops.adam import DeepSpeedCPUAdam

    parameter = torch.nn.Parameter(torch.rand(elements))
    parameter.grad = torch.rand(elements)
    return DeepSpeedCPUAdam([parameter], adamw_mode=True).step


def peers(elements: int) -> dict[str, Any]:
    """The steps of the peers that are installed; prints which cannot be measured."""
    steps = {}
    for name, make in (("torch fused", torch_adamw), ("DeepSpeed", deepspeed_adamw)):
        try:
            steps[name] = make(elements)
        except Exception as error:
            print(f"{name}: not measured: {str(error).splitlines()[0] if str(error) else error!r}")
    return steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--elements", type=int, default=20_000_000)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--rules", default=",".join(RULES))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result: dict[str, Any] = {}
    print(f"{'rule':28}{'bytes':>6}{'GB/s':>8}{'share of limit':>22}{'in cache ns':>13}  against")
    for name in given.rules.split(","):
        others = peers(given.elements) if name == "adamw" else {}
        row = result[name] = measured(RULES[name], given.elements, given.rounds, others)
        share = row["share_of_limit"]
        against = ", ".join(f"{peer} {r['median']:.2f}" for peer, r in row["speed_against"].items())
        print(
            f"{name:28}{row['bytes_per_element']:6}{row['gigabytes_per_second']:8.1f}"
            f"{share['median']:8.3f} ({share['low']:.3f}-{share['high']:.3f})"
            f"{row['in_cache_ns_per_element']:11.2f}    {against}",
            flush=True,
        )
    if given.json:
        measure.write(given.json, {"elements": given.elements, "rounds": given.rounds, "rules": result})


if __name__ == "__main__":
    main()
