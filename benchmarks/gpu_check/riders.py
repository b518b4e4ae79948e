"""The options that ride along in a step, on a GPU and on the CPU: the same bits in every array and every count."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastopt import Optimizer
from fastopt.kernels.arrays.view import as_pairs

from .device import Gpu
from .neighbours import examples
from .runner import Rows
from .ways import CPU, SIZES, WAYS, Side, difference

STEPS = 4
TAIL: dict[str, Any] = {
    **{"grad_scale": 1 / 128, "clip_norm": 1.0, "ema": 0.9, "zero_grads": True, "skip_nonfinite": True},
    "lr": lambda t: 0.1 / t,
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "the tail of a training step": ("adamw", {**TAIL, "cast_to": "bfloat16"}),
    "float16 copies, L2": ("momentum", {**TAIL, "cast_to": "float16", "weight_decay": 0.01}),
    "clips and groups": (
        "lamb",
        {"clip_value": 0.5, "clip_array_norm": 1.0, "groups": {"1": {"lr": 0.5}, "2": {"clip_value": 0.25}}},
    ),
    "decoupled decay, climbing": ("rmsprop", {"weight_decay": 0.1, "decay": "decoupled", "maximize": True}),
    "limited steps, slow weights, two averages": (
        "momentum",
        {
            "clip_ratio": 0.1,
            "cautious": "mean",
            "clip_update": 0.5,
            "lookahead": 2,
            "ema": lambda t: 1 - 1 / t,
            "ema2": 0.5,
        },
    ),
    "rates of elements": ("adam", {"lr_scale": True}),
    "complex numbers": ("adam", {**TAIL, "complex": True}),
    "complex numbers, one second moment": (
        "adam",
        {"complex": True, "second_moment": "modulus", "conjugate_grads": True, "clip_norm": 1.0},
    ),
}
# numba has neither 16-bit numbers nor broadcast arrays; clients of numba-cuda bring their own.
NOT_OF_NUMBA = {"cast_to", "lr_scale"}


def rows(gpu: Gpu, sizes: Sequence[int] = SIZES) -> Rows:
    """A row for each combination and way; the gradients of the second step are not finite."""
    for title, (rule, options) in CASES.items():
        wanted = run(rule, options, CPU, sizes)
        for name, way in WAYS.items():
            if name == "numba-cuda" and (reason := NOT_OF_NUMBA & options.keys()):
                yield f"{title}, {name}", {"skipped": f"numba's own arrays have no {', '.join(reason)}"}
                continue
            chosen = sizes if way.together else sizes[-1:]
            right = wanted if way.together else run(rule, options, CPU, chosen)
            result = run(rule, options, way.side(gpu), chosen)
            wrong = _differences(result, right)
            yield f"{title}, {name}", {"rule": rule, "arrays": len(result[0]), "wrong": wrong, "line": "the same bits"}


def run(rule: str, options: dict[str, Any], side: Side, sizes: Sequence[int]) -> tuple[dict[str, Any], Any]:
    """All arrays by name after the steps, and all counts and numbers."""
    generator = np.random.default_rng(0)

    def numbers(size: int) -> Any:
        real = generator.standard_normal(size, "float32")
        return real + 1j * generator.standard_normal(size, "float32") if options.get("complex") else real

    start = [numbers(size) for size in sizes]
    steps = [[numbers(size) for size in sizes] for _ in range(STEPS)]
    steps[1][-1][0] = np.inf
    params = [side.put(values, 0) for values in start]
    given = {name: value for name, value in options.items() if name not in ("lr_scale", "groups", "complex")}
    if "groups" in options:
        given["groups"] = {key: value for key, value in options["groups"].items() if int(key) < len(sizes)}
    if "lr_scale" in options:
        given["lr_scale"] = {"*": side.show(side.put(np.array([0.5], "float32"), 0))}
    opt = Optimizer([side.show(p) for p in params], rule, **given)
    grads = []
    with np.errstate(all="ignore"):
        for values in steps:
            grads = [side.put(g, 0) for g in values]
            opt.step([side.show(g) for g in grads])
    saved = opt.state_dict()
    arrays = saved.pop("arrays")
    arrays |= {f"gradient {k}": side.get(g) for k, g in enumerate(grads)}
    saved.pop("hyper")
    saved.pop("groups")
    return {key: as_pairs(a).reshape(-1) if np.iscomplexobj(a) else a for key, a in arrays.items()}, saved


def _differences(found: tuple[dict[str, Any], Any], wanted: tuple[dict[str, Any], Any]) -> list[str]:
    (arrays, numbers), (others, expected) = found, wanted
    exact = examples.RULES["sgd"]
    wrong = [
        f"{key}: {said}" for key, array in arrays.items() if (said := difference(exact, "float32", array, others[key]))
    ]
    if arrays.keys() != others.keys() or repr(numbers) != repr(expected):
        wrong.append(f"{sorted(arrays)}, {numbers}; expected {sorted(others)}, {expected}")
    return wrong
