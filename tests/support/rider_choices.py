"""Combinations of what rides along with a rule, in which every pair of choices occurs."""

import itertools
from typing import Any

import numpy as np

from fastopt.kernels import RULES


def rising(t: int) -> float:
    """A decay that is a function of the step, by which all means weigh the same."""
    return 1 - 1 / (t + 1)


CHOICES: dict[str, list[dict[str, Any]]] = {
    "scale": [{}, {"grad_scale": 0.375}],
    "value": [{}, {"clip_value": 0.3}],
    "norm": [{}, {"clip_norm": 0.7}, {"clip_norm": 0.7, "clip_eps": 0.01}],
    "array norm": [{}, {"clip_array_norm": 0.2}],
    "ratio": [{}, {"clip_ratio": 0.1, "clip_ratio_floor": 0.5}],
    "update": [{}, {"clip_update": 0.2}],
    "decay": [
        {},
        *({"weight_decay": 0.1, "decay": d} for d in ("l2", "decoupled", "decoupled_with", "decoupled_after")),
    ],
    "cautious": [{}, {"cautious": "mean"}, {"cautious": "count"}],
    "reciprocals": [{}, {"reciprocals": True}],
    "maximize": [{}, {"maximize": True}],
    "ahead": [{}, {"lookahead": 2, "lookahead_rate": 0.25}],
    "ema": [
        {},
        {"ema": rising, "ema2": 0.5},
        {"ema": 0.9, "ema_overwrite": lambda t: float(t % 2 == 0)},
        {"ema": 0.9, "ema_uncorrected": True},
    ],
    "cast": [{}, {"cast_to": "float16"}, {"cast_to": "bfloat16"}],
    "zero": [{}, {"zero_grads": True}],
    "skip": [{}, {"skip_nonfinite": True}],
    "accumulate": [{}, {"accumulate": "mean"}, {"accumulate": "sum"}],
}


def covering() -> list[dict[str, Any]]:
    """Combinations in which every pair of choices of two options occurs, found greedily."""
    names = list(CHOICES)
    every = {
        (a, i, b, j)
        for a, b in itertools.combinations(names, 2)
        for i in range(len(CHOICES[a]))
        for j in range(len(CHOICES[b]))
    }
    generator = np.random.default_rng(0)
    rows: list[dict[str, int]] = []
    while every:
        tried = [{name: int(generator.integers(len(CHOICES[name]))) for name in names} for _ in range(60)]
        best = max(tried, key=lambda row: len(every & pairs_in(row)))
        if found := every & pairs_in(best):
            every -= found
            rows.append(best)
    return [merged(row) for row in rows]


def pairs_in(row: dict[str, int]) -> set[tuple[str, int, str, int]]:
    return {(a, row[a], b, row[b]) for a, b in itertools.combinations(row, 2)}


def merged(row: dict[str, int]) -> dict[str, Any]:
    return {k: v for name, choice in row.items() for k, v in CHOICES[name][choice].items()}


COMBINATIONS = covering()


NOT_WITH_AN_AVERAGE = {"cautious", "clip_update"} | {
    name for own in ("ema", "ahead") for o in CHOICES[own] for name in o
}


def usable(options: dict[str, Any], name: str, storage: str) -> dict[str, Any]:
    """The options that a rule and a type can have: adamw decays by itself, and a copy is of float32."""
    rule = RULES[name]
    decays = "weight_decay" in rule.hyper or ("lr" not in rule.hyper and options.get("decay") != "l2")
    dropped = {"weight_decay", "decay"} if decays else set()
    dropped |= NOT_WITH_AN_AVERAGE if rule.average else set()
    dropped |= set() if rule.program(rule.hyper).divides_by_numbers else {"reciprocals"}
    dropped |= {"cast_to"} if storage == "float64" else set()
    return {k: v for k, v in options.items() if k not in dropped}
