"""Every rule and type, stepped by the CPU and by each kind of GPU kernel from the same start: the same bits or not."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from fastopt import Optimizer
from fastopt.kernels import RULES, Rule
from fastopt.kernels.libraries.library import filling, to_host
from fastopt.measure.bits import equal_bits

from .device import Gpu
from .neighbours import examples, own_rules

EVERY: dict[str, Rule] = {**RULES, **own_rules.OWN}
STORAGES = tuple(examples.DTYPES)
# Less than a pack, no multiple of a pack, more than a chunk, more than a block of threads reads at once.
SIZES = (1, 7, 129, 65_537, 100_003)
STEPS = 2

# An optimizer after a step: for each parameter the parameter with its state, and its uniform states.
Values = tuple[list[list[Any]], list[list[float]]]


@dataclass(frozen=True)
class Side:
    """put: an array with the values of a NumPy array, so many elements past an aligned address. get: its values now.
    show: what the optimizer is given in its place."""

    put: Callable[[Any, int], Any]
    get: Callable[[Any], Any]
    show: Callable[[Any], Any] = lambda array: array


@dataclass(frozen=True)
class Way:
    """together: all arrays in one optimizer, or each in one of its own."""

    together: bool
    side: Callable[[Gpu], Side]


def _on_gpu(gpu: Gpu, show: Callable[[Any], Any] = lambda array: array) -> Side:
    def put(values: Any, past: int) -> Any:
        return gpu.array(np.concatenate([values[:past], values]))[past:]

    return Side(put, gpu.host, show)


CPU = Side(lambda values, past: values.copy(), np.array)
WAYS = {
    "CuPy, elementwise": Way(False, _on_gpu),
    "CuPy, multi-tensor": Way(True, _on_gpu),
    "numba-cuda": Way(True, lambda gpu: _on_gpu(gpu, gpu.bare)),
}


def compared(name: str, storage: str, gpu: Gpu, sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """A row: the CPU's kernels against the reference, and each way against the CPU's kernels.

    Inputs are ordinary; special, with NaN, infinities, zeros of both signs, huge and denormal numbers among them; and
    tiny, where results are denormal. A rule that promises no bits is given ordinary ones, and must be close.
    """
    rule = EVERY[name]
    wrong: list[str] = []
    elements = 0
    for kind in KINDS if rule.exact else ("ordinary",):
        sets = [inputs(rule, size, storage, kind, seed) for seed, size in enumerate((*sizes, sizes[-1]))]
        later = [inputs(rule, size, storage, kind, -seed)[1] for seed, size in enumerate((*sizes, sizes[-1]), 1)]
        groups = {
            True: [(sets, later)],
            False: [([start], [g]) for start, g in zip(sets, later, strict=True)],
        }
        right = {
            together: [list(stepped(rule, *group, CPU)) for group in chosen] for together, chosen in groups.items()
        }
        for group, result in zip(groups[False], right[False], strict=True):
            wrong += _differences(rule, storage, f"CPU, {kind}", result, reference(rule, *group))
        for title, way in WAYS.items():
            side = way.side(gpu)
            for group, wanted in zip(groups[way.together], right[way.together], strict=True):
                result = list(stepped(rule, *group, side))
                wrong += _differences(rule, storage, f"{title}, {kind}", result, wanted)
                elements += sum(array.size for values, _ in result for arrays in values for array in arrays)
    checked = "bits" if rule.exact else "tolerance"
    return {"checked": checked, "elements": elements, "wrong": wrong, "line": f"{elements:,} elements"}


KINDS = ("ordinary", "special", "tiny")


def inputs(rule: Rule, size: int, storage: str, kind: str, seed: int) -> list[Any]:
    """Parameter, gradient and slots."""
    arrays: list[Any] = examples.arrays_for(
        rule, size, storage, seed=abs(2 * seed) + (seed < 0), special=kind == "special"
    )
    for array in arrays:
        if array.dtype == np.float32:
            # The NaN of a GPU's arithmetic: its bits plus one are those of -0.0.
            array.view("uint32")[np.isnan(array)] = 0x7FFFFFFF
    if kind == "tiny":
        # Products with the rates, and squares, fall below the smallest normal number.
        arrays = [a * a.dtype.type(4 * ml_dtypes.finfo(a.dtype).smallest_normal) for a in arrays]  # type: ignore[no-untyped-call]
    return arrays


def stepped(rule: Rule, sets: Sequence[Sequence[Any]], later: Sequence[Any], side: Side) -> Iterator[Values]:
    """An optimizer's steps from a start that is set: with the gradients of the sets, then with later ones.

    The gradients of every second array lie an element past an aligned address.
    """
    params = [side.put(p, 0) for p, *_ in sets]
    opt = Optimizer([side.show(array) for array in params], rule)
    for slots, (_, _, *start) in zip(opt.state, sets, strict=True):
        for (slot, array), values in zip(slots.items(), start, strict=True):
            filling(array, values, slot)()
    for grads in ([g for _, g, *_ in sets], later):
        with np.errstate(all="ignore"):
            opt.step([side.show(side.put(g, k % 2)) for k, g in enumerate(grads)], **opt.rule.told(0.5))
        yield (
            [
                [side.get(p), *(np.array(to_host(array, slot)) for slot, array in slots.items())]
                for p, slots in zip(params, opt.state, strict=True)
            ],
            [list(states.values()) for states in opt.uniform_states],
        )


def reference(rule: Rule, sets: Sequence[Sequence[Any]], later: Sequence[Any]) -> Iterator[Values]:
    """The values that `stepped` must give for one set, by the formula in plain NumPy."""
    ((p, g, *slots),) = sets
    states = dict(rule.states)
    for t, gradient in enumerate((g, *later), 1):
        new = rule.reference(p, gradient, *slots, t=t, **states)
        p, *slots = new[: 1 + len(slots)]
        states = dict(zip(states, new[1 + len(slots) :], strict=True))
        yield [[p, *slots]], [list(states.values())]


def _differences(
    rule: Rule, storage: str, way: str, found: Sequence[Values], wanted: Iterator[Values] | Sequence[Values]
) -> list[str]:
    """Sentences, at most one for each step: where the first difference is."""
    sentences = []
    for step, ((arrays, states), (others, numbers)) in enumerate(zip(found, wanted, strict=True), 1):
        names = [rule.arrays[0], *rule.slots]
        differing = [
            f"{name} of array {k}: {said}"
            for k, (own, expected) in enumerate(zip(arrays, others, strict=True))
            for name, a, b in zip(names, own, expected, strict=True)
            if (said := difference(rule, storage, a, b))
        ]
        if rule.exact and repr(states) != repr(numbers):
            differing.append(f"uniform states {states[:3]}, expected {numbers[:3]}")
        if differing:
            sentences.append(f"{way}, step {step}: {differing[0]}; and {len(differing) - 1} more arrays")
    return sentences


def difference(rule: Rule, storage: str, found: Any, wanted: Any) -> str:
    """The difference between two NumPy arrays, in a few words; an empty text if they are as the rule promises."""
    if found.dtype != wanted.dtype or found.shape != wanted.shape:
        return f"{found.dtype} of {found.shape}, expected {wanted.dtype} of {wanted.shape}"
    if not rule.exact:
        try:
            examples.check_close(rule, found, wanted, storage)
        except AssertionError as error:
            return " ".join(str(error).split())[:200]
        return ""
    equal = equal_bits(found, wanted)
    if equal.all():
        return ""
    at = int(np.argmin(equal))
    count = np.count_nonzero(~equal)
    return f"{count:,} of {equal.size:,} elements differ, the first at {at}: {found[at]!r}, expected {wanted[at]!r}"
