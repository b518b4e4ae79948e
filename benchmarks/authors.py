"""A whole step of the newer rules on GPT-2's list, against the packages of their authors and others that have them.

    python benchmarks/authors.py --json benchmarks/results/authors-cpu.json

float32, each package's own classes and defaults, on arrays that torch allocated; fastopt's classes on arrays that NumPy
allocated, with the same gradients. What the rules compute is compared elsewhere (tests/kernels/rules): here it is the
time of a step, both in turn. The ratio is of the rounds' times. schedulefree, prodigyopt, dadaptation and
pytorch_optimizer are in the extra `peers`; torch is torch's own Rprop, ASGD, fused AdamW for comparison.
"""

import argparse
import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

import dadaptation
import prodigyopt
import pytorch_optimizer as kozistr
import schedulefree
import torch
from lists import LISTS, elements
from step_peers import Problem, problem, torch_parameters

import fastopt
from fastopt import measure

# For each class of ours, and options, the package and its class.
PEERS: dict[str, tuple[Callable[..., Any], str, Callable[..., Any]]] = {
    "AdamW": (fastopt.AdamW, "torch, fused", lambda params: torch.optim.AdamW(params, fused=True)),
    "Rprop": (fastopt.Rprop, "torch", torch.optim.Rprop),
    "ASGD": (fastopt.ASGD, "torch", torch.optim.ASGD),
    "ScheduleFreeSGD": (fastopt.ScheduleFreeSGD, "schedulefree", schedulefree.SGDScheduleFree),
    "ScheduleFreeAdamW": (fastopt.ScheduleFreeAdamW, "schedulefree", schedulefree.AdamWScheduleFree),
    "ScheduleFreeRAdam": (fastopt.ScheduleFreeRAdam, "schedulefree", schedulefree.RAdamScheduleFree),
    "Prodigy": (fastopt.Prodigy, "prodigyopt", prodigyopt.Prodigy),
    "DAdaptSGD": (fastopt.DAdaptSGD, "dadaptation", dadaptation.DAdaptSGD),
    "DAdaptAdam": (fastopt.DAdaptAdam, "dadaptation", dadaptation.DAdaptAdam),
    "Ftrl": (fastopt.Ftrl, "pytorch_optimizer", kozistr.FTRL),
    "SignSGD(momentum=0.9)": (
        lambda params: fastopt.SignSGD(params, momentum=0.9),
        "pytorch_optimizer",
        kozistr.SignSGD,
    ),
    "Tiger": (fastopt.Tiger, "pytorch_optimizer", kozistr.Tiger),
    "AdEMAMix": (fastopt.AdEMAMix, "pytorch_optimizer", kozistr.AdEMAMix),
    "ADOPT": (fastopt.ADOPT, "pytorch_optimizer", kozistr.ADOPT),
    "Adan": (fastopt.Adan, "pytorch_optimizer", kozistr.Adan),
    "MARS": (fastopt.MARS, "pytorch_optimizer", kozistr.MARS),
    "StableAdamW": (fastopt.StableAdamW, "pytorch_optimizer", kozistr.StableAdamW),
    "LaProp": (fastopt.LaProp, "pytorch_optimizer", kozistr.LaProp),
    "NovoGrad": (fastopt.NovoGrad, "pytorch_optimizer", kozistr.NovoGrad),
    "AdaBound": (fastopt.AdaBound, "pytorch_optimizer", kozistr.AdaBound),
    "QHAdam": (fastopt.QHAdam, "pytorch_optimizer", kozistr.QHAdam),
    "AggMo": (fastopt.AggMo, "pytorch_optimizer", kozistr.AggMo),
}
WANTED = 5.0  # times as fast


def measured(name: str, given: Problem, rounds: int) -> dict[str, Any]:
    """The times of a step of ours and of the peer's."""
    ours, package, theirs = PEERS[name]
    optimizer, peer = ours([p.copy() for p in given.start]), theirs(torch_parameters(given))
    if hasattr(peer, "train"):  # schedulefree's, which else refuse to step
        peer.train()
    calls = {"fastopt": lambda: optimizer.step(given.grads), package: peer.step}
    times = measure.interleaved(calls, rounds, 0.2)
    return {
        "package": package,
        "speed": vars(measure.ratio(times[package], times["fastopt"])),
        "milliseconds": {contender: 1e3 * measure.spread(values).median for contender, values in times.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--list", default="GPT-2 small", choices=LISTS)
    parser.add_argument("--rules", default=";".join(PEERS), help="separated by ;")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    shapes = LISTS[given.list]()
    print(f"{given.list}: {len(shapes)} arrays, {elements(shapes):,} elements, {torch.get_num_threads()} threads")
    print(f"{'class':24}{'fastopt ms':>12}{'peer ms':>12}{'times as fast':>24}  peer")
    start, rows = problem(shapes), {}
    for name in given.rules.split(";"):
        row = rows[name] = measured(name, start, given.rounds)
        speed, (own, theirs) = row["speed"], row["milliseconds"].values()
        quartiles = f"{speed['median']:8.2f} ({speed['low']:.2f}-{speed['high']:.2f})"
        print(f"{name:24}{own:12.1f}{theirs:12.1f}{quartiles:>24}  {row['package']}", flush=True)
        gc.collect()
    slow = [
        name for name, row in rows.items() if row["speed"]["median"] < WANTED and not row["package"].startswith("torch")
    ]
    print(f"less than {WANTED:g} times as fast as their authors': {', '.join(slow) or 'none'}")
    if given.json:
        record = {"list": given.list, "hardware": measure.hardware(), "rules": rows}
        record["load average"] = os.getloadavg()[0]
        measure.write(given.json, record)


if __name__ == "__main__":
    main()
