"""Training in torch on a CPU with AdamW: fastopt.integrations.torch against torch's fused and default optimizers.

    python benchmarks/clients_torch.py --json benchmarks/results/torch-cpu.json

Whole training steps, zero_grad to step, and the optimizer's part of them, on an MLP and on transformers of three
sizes. Before anything is timed all contenders train for a few steps from the same weights, and must come to the same;
all updates of fastopt's must have reached its kernels. Then all run in turn, each on a model of its own.

The optimizer's part begins when backward returns: the gradients are fresh, and what a model's passes leave in the
caches is what a user has. As in step.py torch is imported first and OMP_WAIT_POLICY is left unset, and a machine
without other work is needed.
"""

import argparse
import copy
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

import torch
from step_compare import PAUSE, say, say_dot

import fastopt.integrations.torch as fast
from fastopt import measure

CHECKED = 5
WORDS, CONTEXT = 256, 64
CONTENDERS: dict[str, Callable[[Any], Any]] = {
    "fastopt": fast.AdamW,
    "torch fused": lambda params: torch.optim.AdamW(params, fused=True),
    "torch": torch.optim.AdamW,
}


def mlp() -> tuple[Any, Any, Any]:
    """The network of lists.py for digits of 28 by 28, and a batch of 128."""
    layers = [torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Linear(512, 512), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(512, 10)), torch.randn(128, 784), torch.randint(10, (128,))


class Block(torch.nn.Module):
    """A layer of a transformer, with its norms before (Radford et al. 2019): 16 arrays."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(width) for _ in range(2))
        self.q, self.k, self.v, self.out = (torch.nn.Linear(width, width) for _ in range(4))
        self.up, self.down = torch.nn.Linear(width, 4 * width), torch.nn.Linear(4 * width, width)

    def forward(self, x: Any) -> Any:
        batch, length, width = x.shape
        y = self.norms[0](x)
        q, k, v = (f(y).view(batch, length, self.heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
        mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(torch.nn.functional.gelu(self.up(self.norms[1](x))))


class Transformer(torch.nn.Module):
    """A language model of bytes."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.words, self.places = torch.nn.Embedding(WORDS, width), torch.nn.Embedding(CONTEXT, width)
        self.blocks = torch.nn.Sequential(*(Block(width, 4) for _ in range(layers)))
        self.norm, self.head = torch.nn.LayerNorm(width), torch.nn.Linear(width, WORDS, bias=False)

    def forward(self, x: Any) -> Any:
        return self.head(self.norm(self.blocks(self.words(x) + self.places.weight))).flatten(0, 1)


def transformer(width: int, layers: int) -> tuple[Any, Any, Any]:
    """The model and a batch of 8 texts."""
    text = torch.randint(WORDS, (8, CONTEXT + 1))
    return Transformer(width, layers), text[:, :-1].contiguous(), text[:, 1:].flatten()


# The second is the size that nanoGPT names for training on a CPU.
CASES: dict[str, Callable[[], tuple[Any, Any, Any]]] = {
    "MLP": mlp,
    "transformer, 4 layers of 128": lambda: transformer(128, 4),
    "transformer, 6 layers of 256": lambda: transformer(256, 6),
    "transformer, 6 layers of 512": lambda: transformer(512, 6),
}


class Training:
    """A model of its own under one optimizer; `optimizing` are the seconds of each turn that its steps took."""

    def __init__(self, model: Any, x: Any, y: Any, make: Callable[[Any], Any]) -> None:
        self.model, self._x, self._y = copy.deepcopy(model), x, y
        self.optimizer = make(self.model.parameters())
        self.optimizing: list[float] = []

    def steps(self, count: int) -> float:
        """Make a number of training steps; returns the seconds of one."""
        optimizing = 0.0
        began = time.perf_counter()
        for _ in range(count):
            self.optimizer.zero_grad()
            torch.nn.functional.cross_entropy(self.model(self._x), self._y).backward()
            ready = time.perf_counter()
            self.optimizer.step()
            optimizing += time.perf_counter() - ready
        self.optimizing.append(optimizing / count)
        return (time.perf_counter() - began) / count


def check(trainings: Mapping[str, Training]) -> None:
    """Raise SystemExit unless all come to the same weights, fastopt's by its kernels alone."""
    for training in trainings.values():
        training.steps(CHECKED)
    ours = trainings["fastopt"]
    params = list(ours.model.parameters())
    if ours.optimizer.updates != fast.Updates(CHECKED * len(params)):
        raise SystemExit(f"not all updates reached the kernels: {ours.optimizer.updates}")
    for name, training in trainings.items():
        for p, q in zip(params, training.model.parameters(), strict=True):
            # Adam divides a gradient by its size: where it is but a rounding error, so is the direction.
            apart = float((p - q).detach().abs().max())
            if not apart <= 1e-3 * CHECKED:
                raise SystemExit(f"{name} and fastopt come to other weights: {apart:.3g} apart")


def measured(case: Callable[[], tuple[Any, Any, Any]], rounds: int) -> dict[str, Any]:
    torch.manual_seed(0)
    model, x, y = case()
    trainings = {name: Training(model, x, y, make) for name, make in CONTENDERS.items()}
    check(trainings)
    took = trainings["fastopt"].steps(1)
    count = max(1, min(20, round(0.2 / took)))
    for training in trainings.values():
        training.optimizing.clear()
    whole = measure.interleaved(trainings, rounds, PAUSE, say_dot, lambda one: one.steps(count))
    say("")
    # The first turn of each warms up.
    part = {name: training.optimizing[1:] for name, training in trainings.items()}
    shapes = [p.shape for p in model.parameters()]
    return {
        "arrays": len(shapes),
        "elements": sum(shape.numel() for shape in shapes),
        "steps_a_turn": count,
        "optimizer": summary(part),
        "whole": summary(whole),
        "share": {
            name: measure.spread([a / b for a, b in zip(part[name], whole[name], strict=True)]).median for name in whole
        },
        "load_average": os.getloadavg()[0],
    }


def summary(times: Mapping[str, list[float]]) -> dict[str, Any]:
    ours = times["fastopt"]
    return {
        "milliseconds": {name: vars(measure.spread([1e3 * value for value in own])) for name, own in times.items()},
        "speed_against": {name: vars(measure.ratio(own, ours)) for name, own in times.items() if own is not ours},
    }


def show(name: str, row: Mapping[str, Any]) -> None:
    print(f"\n{name}: {row['arrays']} arrays, {row['elements']:,} elements; load {row['load_average']:.1f}")
    for part in ("optimizer", "whole"):
        for contender, spread in row[part]["milliseconds"].items():
            speed = row[part]["speed_against"].get(contender)
            print(
                f"  {part:10} {contender:12}{spread['median']:10.3f} ms ({spread['low']:.3f} to {spread['high']:.3f})"
                + (f"  fastopt is {speed['median']:.2f} times as fast" if speed else "")
                + (f" ({speed['low']:.2f} to {speed['high']:.2f})" if speed else ""),
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = {}
    for name in given.cases:
        say(name)
        rows[name] = measured(CASES[name], given.rounds)
        show(name, rows[name])
    if given.json:
        measure.write(given.json, {"rounds": given.rounds, "threads": torch.get_num_threads(), "cases": rows})


if __name__ == "__main__":
    main()
