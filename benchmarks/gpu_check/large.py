"""One large array: AdamW beside a copy and torch, every rule beside a copy, the kinds of kernels beside each other."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from fastopt import Optimizer
from fastopt.bench.check import WrongResult, check
from fastopt.bench.streams import bare_rule
from fastopt.inspection.rule import inspected
from fastopt.kernels import RULES, Rule
from fastopt.measure.bits import equal_bits

from . import torch_side
from .device import Gpu
from .neighbours import step_compare
from .runner import Rows
from .timing import Contender, share, summary, timed

SIZES = (2**28, 2**29, 2**30)
ONE_SIZE = 2**26
CHECKED_ELEMENTS = 1_000_003
# Elements at both ends that are compared with the CPU before anything is timed.
ENDS = 100_003
STEPS = 3
ROUNDS = 11
OURS, COPY, TORCH = "fastopt", "copy", "torch fused"
# Bytes an element of AdamW in float32: p, g, m, v are read, p, m, v written.
ADAMW_BYTES = 28
_HYPER: dict[str, Any] = {"lr": 1e-3, "weight_decay": 0.01}


def adamw(gpu: Gpu, sizes: Sequence[int] = SIZES, rounds: int = ROUNDS) -> Rows:
    """Rows for each size with arrays that take turns, so that no cache holds them (cold), and with the same arrays in
    each call (hot). The copy moves as many bytes as the parameter has."""
    if reason := torch_side.absent():
        yield "torch", {"skipped": reason}
    for elements in sizes:
        contenders: dict[str, Contender] = {}
        gpu.release()
        theirs = torch_side.absent() is None
        # Four arrays of ours and as many of torch's, and two of the copy.
        needed = 4 * elements * (10 if theirs else 6)
        copies = max((n for n in gpu.clock.copies(16 * elements).values() if n * needed <= gpu.room()), default=0)
        if not copies:
            yield f"{elements:,}", {"skipped": f"{needed / 1e9:.0f} GB are needed, {gpu.room() / 1e9:.0f} are free"}
            continue
        sets: list[dict[str, Any]] = [_adamw(gpu, elements, seed, theirs) for seed in range(copies)]
        wrong = [said for calls in sets for said in calls.pop("wrong")]
        for name in sets[0]:
            contenders[name] = Contender(
                [calls[name] for calls in sets], elements * (8 if name == COPY else ADAMW_BYTES)
            )
        del sets
        turns = {"cold": copies, "hot": 1} if copies > 1 else {"hot": 1}
        for cache, count in turns.items():
            chosen = {
                name: Contender(contender.calls[:count], contender.bytes) for name, contender in contenders.items()
            }
            times = timed(gpu, chosen, rounds)
            row = summary(times, chosen, OURS)
            of_copy = share(times["device"], chosen, OURS, COPY)
            note = f"{of_copy['median']:.3f} of the copy's bandwidth; {row['line']}"
            row |= {"elements": elements, "copies": count, "share_of_copy": of_copy, "wrong": wrong, "line": note}
            yield f"{elements:,}, {cache}", row
            del chosen
        if copies == 1:
            yield f"{elements:,}, cold", {"skipped": "no room for arrays to take turns; see the hot row's size"}
        contenders.clear()


def _adamw(gpu: Gpu, elements: int, seed: int, theirs: bool) -> dict[str, Any]:
    """Each contender's call, and what is wrong with the results of its first steps."""
    p, g = gpu.random(elements, 2 * seed), gpu.random(elements, 2 * seed + 1)
    calls: dict[str, Any] = {}
    wrong: list[str] = []
    if theirs:
        parameters = torch_side.parameters([p], [g])
        calls[TORCH] = torch_side.adamw(parameters).step
    right = ends_by_the_cpu(gpu, RULES["adamw"], p, g)
    opt = Optimizer(p, "adamw", **_HYPER)
    for _ in range(STEPS):
        opt.step(g)
    ours = ends(gpu, p)
    if not equal_bits(ours, right).all():
        wrong.append(f"fastopt's parameters are not the CPU's after {STEPS} steps")
    if theirs:
        for _ in range(STEPS):
            calls[TORCH]()
        error = step_compare.largest_error([ends(gpu, gpu.seen(parameters[0].detach()))], [right])
        if not error <= 1:
            wrong.append(f"torch's parameters are off by {error:.3g} of what is tolerated")
    return {OURS: partial(opt.step, g), COPY: gpu.copier(4 * elements), **calls, "wrong": wrong}


def ends(gpu: Gpu, array: Any) -> Any:
    """Both ends of an array, in NumPy."""
    count = min(ENDS, len(array) // 2)
    return np.concatenate([gpu.host(array[:count]), gpu.host(array[len(array) - count :])])


def ends_by_the_cpu(gpu: Gpu, rule: Rule, p: Any, g: Any) -> Any:
    """The ends of a parameter after the steps, by the CPU's kernels. The rule must have no reductions."""
    host, gradient = ends(gpu, p), ends(gpu, g)
    opt = Optimizer(host, rule, **_HYPER)
    for _ in range(STEPS):
        opt.step(gradient)
    return host


def every_rule(gpu: Gpu, elements: int = ONE_SIZE, rounds: int = ROUNDS, checked: int = CHECKED_ELEMENTS) -> Rows:
    """A row for each rule, checked on a smaller array: its step, a copy, and a rule that reads and writes as much."""
    for name, rule in RULES.items():
        try:
            small = gpu.array(np.random.default_rng(0).random(checked, "float32"))
            check(Optimizer(small, rule), gpu.random(checked, 1), gpu)
        except WrongResult as error:
            yield name, {"wrong": str(error)}
            continue
        moved = elements * inspected(rule, "float32").bytes
        calls: dict[str, list[Any]] = {OURS: [], "bare rule": [], COPY: []}
        for seed in range(2):
            p, g = gpu.random(elements, 2 * seed), gpu.random(elements, 2 * seed + 1)
            p += np.float32(0.5)
            calls[OURS].append(partial(Optimizer(p, rule).step, g, **rule.told(1.0)))
            calls["bare rule"].append(partial(Optimizer(p.copy(), bare_rule(rule)).step, g))
            calls[COPY].append(gpu.copier(4 * elements))
        contenders = {who: Contender(some, 8 * elements if who == COPY else moved) for who, some in calls.items()}
        times = timed(gpu, contenders, rounds, ("device",))
        row = summary(times, contenders, OURS)
        shares = {of: share(times["device"], contenders, OURS, of) for of in (COPY, "bare rule")}
        line = f"{shares[COPY]['median']:.3f} of the copy's bandwidth, {shares['bare rule']['median']:.3f} of the bare"
        yield name, {**row, "elements": elements, "share_of": shares, "line": line}
        calls.clear()
        contenders.clear()
        gpu.release()


def side_by_side(gpu: Gpu, elements: int = ONE_SIZE, rounds: int = ROUNDS, pieces: int = 16) -> Rows:
    """A row for each rule: the elementwise kernel, the multi-tensor kernel on equal pieces, numba-cuda, plain CuPy."""
    for name in ("sgd", "momentum", "adamw", "lion"):
        rule = RULES[name]
        moved = elements * inspected(rule, "float32").bytes
        length = elements // pieces
        p, g, *slots = (gpu.random(elements, seed) for seed in range(len(rule.arrays)))
        for slot in slots:
            slot *= slot
        cut = [slice(k * length, (k + 1) * length) for k in range(pieces)]
        several = p.copy()
        numbers = {**rule.hyper, **rule.step_numbers(3, 1.0)}
        calls: dict[str, Any] = {
            "elementwise": partial(Optimizer(p.copy(), rule).step, g),
            "multi-tensor": partial(
                Optimizer([several[piece] for piece in cut], rule).step, [g[piece] for piece in cut]
            ),
            "numba-cuda": partial(Optimizer([gpu.bare(p.copy())], rule).step, [gpu.bare(g)]),
            "plain CuPy": partial(rule.formula, p, g, *slots, **numbers),
            COPY: gpu.copier(4 * elements),
        }
        contenders = {who: Contender([call], 8 * elements if who == COPY else moved) for who, call in calls.items()}
        times = timed(gpu, contenders, rounds)
        yield name, {**summary(times, contenders, "elementwise"), "elements": elements}
        calls.clear()
        contenders.clear()
        del p, g, slots, several
        gpu.release()
