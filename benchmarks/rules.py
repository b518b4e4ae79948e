"""Every rule on one large array, against the bandwidth of the memory and against torch and DeepSpeed.

    python benchmarks/rules.py --json benchmarks/results/rules-cpu.json

A rule's limit is a bare kernel that reads and writes as many arrays and computes nothing: the faster of one written
with numba alone and one made from a rule that adds. Both run in turn with the rule; the ratio of the times is the share
of the bandwidth that the rule reaches. Rules that take a norm read the gradient once more, and so does their limit.
Rules with powers of arrays are bound by arithmetic, so their limit is the one in numba alone, which takes as many
powers of the C library; the share of the bandwidth is given apart. The figure in cache is of the kernel, alone, on one
thread, on arrays of 16,384 elements.
Results are checked against NumPy before anything is timed.
"""

import argparse
import math
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numba
import numpy as np

from fastopt import Optimizer, measure
from fastopt.kernels import RULES, Rule, cpu, dispatch, max_norm, rule
from fastopt.kernels.tasks import Pass


def arrays_for(subject: Rule, elements: int) -> list[Any]:
    generator = np.random.default_rng(0)
    return [generator.random(elements, "float32") for _ in subject.arrays]


# Of the powers that adam_lp takes with its defaults.
EXPONENTS = (3.0, 1 / 3)


def powers(subject: Rule) -> int:
    return subject.program(subject.hyper).stages[-1].operations.count("power")


def bare_rule(subject: Rule) -> Rule:
    """A rule with as many slots that adds the gradient to each; it takes a norm if the subject does."""
    added = "max_norm(g) * g" if subject.program(subject.hyper).reductions else "g"
    slots = [f"slot{k}" for k in range(len(subject.slots))]
    results = ", ".join([f"p + {added}", *(f"{name} + g" for name in slots)])
    namespace: dict[str, Any] = {"max_norm": max_norm}
    exec(f"def bare({', '.join(['p', 'g', *slots])}):\n    return {results}", namespace)
    return rule(namespace["bare"])


def bare_numba(subject: Rule, elements: int, table: list[Any]) -> Any:
    """The same in numba alone, over pieces of one size, with as many powers as the subject takes."""
    written = [f"a{k}" for k in range(len(table)) if k != 1]
    power = "".join(f" + math.pow(abs(a1[i] + numba.float32({k})), x{k})" for k in range(powers(subject)))
    body = "\n".join(f"            {name}[i] += a1[i]{power if name == 'a0' else ''}" for name in written)
    reading = "".join(
        f"    for piece in numba.prange({elements} // 65536 + 1):\n"
        "        top = 0.0\n"
        f"        for i in range(piece * 65536, min({elements}, piece * 65536 + 65536)):\n"
        "            top = max(top, abs(a1[i]))\n"
        "        tops[piece] = top\n"
        for _ in subject.program(subject.hyper).reductions
    )
    text = (
        f"def bare({', '.join(f'a{k}' for k in range(len(table)))}, tops):\n"
        f"    x0, x1 = numba.float32({EXPONENTS[0]}), numba.float32({EXPONENTS[1]})\n{reading}"
        f"    for piece in numba.prange({elements} // 65536 + 1):\n"
        f"        for i in range(piece * 65536, min({elements}, piece * 65536 + 65536)):\n{body}\n"
    )
    namespace: dict[str, Any] = {"numba": numba, "math": math}
    exec(text, namespace)
    kernel = numba.njit(parallel=True, error_model="numpy")(namespace["bare"])
    tops = np.zeros(elements // 65536 + 1)
    return lambda: kernel(*table, tops)


def in_cache(subject: Rule, elements: int) -> float:
    """Nanoseconds an element of the rule's kernels on one thread, on arrays that the cache holds."""
    views = [dispatch.view_of(array, "array")[1] for array in arrays_for(subject, elements)]
    program, calls = subject.program(subject.hyper), []
    for stage in program.stages:
        chosen = [views[program.arrays.index(name)] for name in stage.arrays]
        one = Pass(cpu, subject.name, stage, [chosen], [0], [True])
        one.run([[0.5] * len(stage.scalars)])
        (batch,) = one.batches
        scalars = np.full((1, len(stage.scalars)), 0.5)
        calls.append((batch.kept["kernel"], batch.table, batch.kept["shares"], scalars, batch.kept["partials"]))
    hot = measure.interleaved({"kernels": lambda: [k(*rest) for _ in range(50) for k, *rest in calls]}, 15)
    return float(np.median(hot["kernels"])) / 50 / elements * 1e9


def traffic(subject: Rule) -> int:
    """Bytes that one float32 element must move: every array read once a pass, every written one written once."""
    return sum(4 * (len(stage.reads) + len(stage.writes)) for stage in subject.program(subject.hyper).stages)


def checked(subject: Rule, arrays: list[Any]) -> None:
    """Run once; the result must be NumPy's, to the bit where the rule promises it."""
    part = [array[: 1 << 18].copy() for array in arrays]
    expected = subject.reference(*part, t=3)
    subject(*part, t=3)
    for new, old in zip([part[0], *part[2:]], expected, strict=False):
        assert np.array_equal(new, old) if subject.exact else np.allclose(new, old, rtol=1e-4), subject.name


def measured(subject: Rule, elements: int, rounds: int, others: dict[str, Any]) -> dict[str, Any]:
    """The rule's times beside its limits' and the others'."""
    arrays = arrays_for(subject, elements)
    checked(subject, arrays)
    parameter, gradient = arrays[:2]
    step, bare = (Optimizer(parameter, one).step for one in (subject, bare_rule(subject)))
    contenders = {
        "rule": lambda: step(gradient),
        "bare rule": lambda: bare(gradient),
        "bare numba": bare_numba(subject, elements, arrays),
        **others,
    }
    times = measure.interleaved(contenders, rounds, pause=0.003)
    medians = {name: float(np.median(values)) for name, values in times.items()}
    limit = "bare numba" if powers(subject) else min(("bare rule", "bare numba"), key=medians.__getitem__)
    return {
        "bytes_per_element": traffic(subject),
        "share_of_limit": measure.ratio(times[limit], times["rule"]),
        "limit": limit,
        "powers": powers(subject),
        "share_of_bandwidth": measure.ratio(times["bare rule"], times["rule"]),
        "gigabytes_per_second": traffic(subject) * elements / medians["rule"] / 1e9,
        "in_cache_ns_per_element": in_cache(subject, 1 << 14),
        "speed_against": {name: measure.ratio(times[name], times["rule"]) for name in others},
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
    """The steps of the peers that are installed; what is missing is said."""
    found = {}
    for name, make in (("torch fused", torch_adamw), ("DeepSpeed", deepspeed_adamw)):
        try:
            found[name] = make(elements)
        except Exception as error:
            print(f"{name}: not measured: {str(error).splitlines()[0] if str(error) else error!r}")
    return found


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
        against = ", ".join(f"{other} {r['median']:.2f}" for other, r in row["speed_against"].items())
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
