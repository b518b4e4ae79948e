"""AdamW with state in 8 bits, beside bitsandbytes and torchao on the same processor.

    pip install bitsandbytes torchao
    python benchmarks/eight_bits.py --json benchmarks/results/eight-bits-cpu.json

All run in turn in one process, on one array; `times` is by how much fastopt's 8 bits are faster in the same rounds.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bitsandbytes
import numpy as np
import torch
import torchao
from torchao.optim import AdamW8bit

import fastopt
from fastopt import measure

SIZE = 20_000_000
OURS, PLAIN = "fastopt, 8 bits", "fastopt, float32"


def ours(**options: Any) -> Callable[[], Any]:
    opt, grad = fastopt.AdamW(np.full(SIZE, 0.5, "float32"), **options), np.full(SIZE, 1e-3, "float32")
    return lambda: opt.step(grad)


def theirs(made: Callable[[list[Any]], Any]) -> Callable[[], Any]:
    parameter = torch.nn.Parameter(torch.full((SIZE,), 0.5))
    parameter.grad = torch.full((SIZE,), 1e-3)
    return made([parameter]).step  # type: ignore[no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    work = {
        OURS: ours(state_format="8bit", reciprocals=True),
        PLAIN: ours(),
        "torch fused, float32": theirs(lambda params: torch.optim.AdamW(params, fused=True)),
        "bitsandbytes AdamW8bit": theirs(lambda params: bitsandbytes.optim.AdamW8bit(params)),
        "torchao AdamW8bit": theirs(lambda params: AdamW8bit(params)),
    }
    for step in work.values():
        step()
    times = measure.interleaved(work, given.rounds)
    result = {
        name: {
            "nanoseconds": vars(measure.spread([1e9 * t / SIZE for t in own])),
            "times": vars(measure.ratio(own, times[OURS])),
        }
        for name, own in times.items()
    }
    for name, row in result.items():
        print(f"{name:24}{row['nanoseconds']['median']:10.3f} ns{row['times']['median']:8.2f} times as long")
    versions = {"torch": torch.__version__, "bitsandbytes": bitsandbytes.__version__, "torchao": torchao.__version__}
    if given.json:
        measure.write(given.json, {"rounds": given.rounds, "size": SIZE, "versions": versions, "contenders": result})


if __name__ == "__main__":
    main()
