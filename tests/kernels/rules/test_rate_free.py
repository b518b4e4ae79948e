"""Schedule-Free and the rules without a rate: the formulas against weights that the peers' packages reached."""

import importlib.util
import itertools
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from examples import same_bits
from paths import relative
from plain_model import PlainModel
from trajectories import DATA, TOLERANCE, split
from trajectories import RATE_FREE as FILE
from trajectories import TRAJECTORIES as PROBLEM

from fastopt.kernels import RULES

PACKAGES = ("schedulefree", "prodigyopt", "dadaptation", "dog", "momo", "pytorch_optimizer", "optax", "keras")


def reached(
    name: str, options: dict[str, Any], averaged: bool = False, before: int = 0, rates: Sequence[float] = ()
) -> Iterator[np.ndarray]:
    """All weights, and then their averages, after each step of the file's gradients by the plain formula.

    before: so many steps with gradients of 0 come first. rates: lr in the steps, over and over.
    """
    rule = RULES[name]
    params = split(PROBLEM["start"])
    slots, states = [rule.state_of(p, options) for p in params], [dict(rule.states) for _ in params]
    every = [np.zeros(len(PROBLEM["start"]))] * before + PROBLEM["grads"]
    for t, (grads, loss) in enumerate(zip(every, [1.0] * before + FILE["losses"], strict=True), 1):
        sets = [[p, g, *own] for p, g, own in zip(params, split(grads), slots, strict=True)]
        numbers = {**options, **({"lr": rates[(t - 1) % len(rates)]} if rates else {})}
        new = rule.references(sets, t=t, **rule.told(loss), given=[{**numbers, **own} for own in states])
        count = len(rule.written)
        params, slots = [row[0] for row in new], [list(row[1:count]) for row in new]
        states = [dict(zip(rule.states, row[count:], strict=True)) for row in new]
        averages = [average_of(name, p, own, options) for p, own in zip(params, slots, strict=True) if averaged]
        yield np.concatenate([x.reshape(-1) for x in (*params, *averages)])


def average_of(name: str, p: Any, slots: list[Any], options: dict[str, Any]) -> Any:
    """The average of the weights that a rule keeps."""
    average = RULES[name].average
    named = dict(zip(RULES[name].slots, slots, strict=True))
    numbers = {key: {**RULES[name].hyper, **options}[key] for key in average.hyper}
    return average.formula(p, *(named[slot] for slot in average.arrays[1:]), **numbers)


@pytest.mark.parametrize("key", FILE["rows"])
def test_a_formula_reaches_the_peers_weights(key: str) -> None:
    row = FILE["rows"][key]
    path = list(reached(row["rule"], row["options"], row["averaged"], rates=row["rates"]))
    ours = [path[t - 1] for t in PROBLEM["steps"]]
    assert relative(ours, [np.array(x) for x in row["kept"]]).max() <= TOLERANCE


@pytest.mark.peers
@pytest.mark.parametrize("key", FILE["rows"])
def test_the_peers_still_reach_the_kept_weights(key: str) -> None:
    package = key.split()[0]
    assert package in PACKAGES
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"needs {package}, of the extra peers")
    sys.path.insert(0, str(DATA))
    try:
        import make_rate_free_trajectories as made
    finally:
        sys.path.remove(str(DATA))
    assert made.losses() == FILE["losses"]
    rows = {row.name: row for row in made.ROWS}
    assert list(rows) == list(FILE["rows"])
    row, saved = rows[key], FILE["rows"][key]
    assert (row.rule, dict(row.options), row.averaged, list(row.rates)) == tuple(
        saved[n] for n in ("rule", "options", "averaged", "rates")
    )
    assert relative([np.array(x) for x in made.kept(row)], [np.array(x) for x in saved["kept"]]).max() <= TOLERANCE


LR, B1, B2, EPS, DECAY = 0.03, 0.8, 0.95, 1e-6, 0.05
# For each step the gradient and the loss.
Steps = list[tuple[np.ndarray, float]]


def schedule_free_with_a_late_warmup(w: np.ndarray, steps: Steps) -> Iterator[np.ndarray]:
    x, z, largest, weights = w, w, 0.0, 0.0
    for t, (g, _) in enumerate(steps, 1):
        rate, largest = LR * min((t - 1) / 7, 1), max(largest, LR * min(t / 7, 1))
        weights = weights + largest**2
        c = largest**2 / weights
        y = B1 * x + (1 - B1) * z
        z = z - rate * (g + DECAY * y)
        x = (1 - c) * x + c * z
        yield np.concatenate([B1 * x + (1 - B1) * z, x])


def polyak(w: np.ndarray, steps: Steps) -> Iterator[np.ndarray]:
    for g, f in steps:
        w = w - 0.7 * min((f - 0.2) / float(g @ g), 0.3) * g
        yield w


def stable_with_one_array_at_a_time(w: np.ndarray, steps: Steps) -> Iterator[np.ndarray]:
    parts = split(w)
    m, v = [np.zeros_like(x) for x in parts], [np.zeros_like(x) for x in parts]
    for t, (flat, _) in enumerate(steps, 1):
        for k, g in enumerate(split(flat)):
            m[k], v[k] = B1 * m[k] + (1 - B1) * g, B2 * v[k] + (1 - B2) * g**2
            unbiased = v[k] / (1 - B2**t)
            rate = LR / max(1.0, math.sqrt(np.mean(g**2 / np.maximum(unbiased, EPS**2))))
            decayed = parts[k] - rate * DECAY * parts[k]
            parts[k] = decayed - rate * m[k] / (1 - B1**t) / (np.sqrt(unbiased) + EPS)
        yield np.concatenate([x.reshape(-1) for x in parts])


WRITTEN: dict[str, tuple[str, dict[str, Any], Callable[..., Iterator[np.ndarray]]]] = {
    "Schedule-Free SGD with a late warm-up": (
        "schedule_free_sgd",
        {"lr": LR, "momentum": B1, "weight_decay": DECAY, "warmup_steps": 7.0, "late_warmup": True},
        schedule_free_with_a_late_warmup,
    ),
    "Polyak's step": ("polyak_sgd", {"lr": 0.7, "max_lr": 0.3, "f_min": 0.2}, polyak),
    "StableAdamW": (
        "stable_adamw",
        {"lr": LR, "beta1": B1, "beta2": B2, "eps": EPS, "weight_decay": DECAY},
        stable_with_one_array_at_a_time,
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_formula_is_what_its_authors_wrote(name: str) -> None:
    rule, options, written = WRITTEN[name]
    steps = [(np.array(g), loss) for g, loss in zip(PROBLEM["grads"], FILE["losses"], strict=True)]
    theirs = list(written(np.array(PROBLEM["start"]), steps))
    ours = list(reached(rule, options, averaged=RULES[rule].average is not None))
    assert relative(ours, theirs).max() <= TOLERANCE


@pytest.mark.parametrize("name", ["prodigy", "dadapt_sgd", "dadapt_adam", "dog", "dowg", "cocob"])
def test_steps_before_the_first_gradient_change_nothing(name: str) -> None:
    decay = {"weight_decay": 0.1, "decouple": True} if "decouple" in RULES[name].hyper else {}
    path = list(reached(name, decay, before=2))
    assert np.array_equal(path[0], PROBLEM["start"])
    assert same_bits(np.array(path[2:]), np.array(list(reached(name, decay))))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("prodigy", {"bias_correction": True, "safeguard_warmup": True, "weight_decay": 0.1}),
        ("dadapt_sgd", {"momentum": 0.6}),
        ("dadapt_adam", {"bias_correction": True, "decouple": True, "weight_decay": 0.1}),
    ],
)
def test_a_step_whose_rate_is_0_changes_nothing(name: str, options: dict[str, Any]) -> None:
    numbers = {"d0": 1e-3, "growth_rate": 1.3, **options}
    model = PlainModel(RULES[name], split(PROBLEM["start"]), {"lr": lambda t: 0.0 if t in (1, 4) else 1.0, **numbers})
    for t, grads in enumerate(PROBLEM["grads"][:4], 1):
        before = model.copy()
        # What starts as 0 and stands for d0 until the first step has d0 after it.
        states = [{**own, **{d: max(own[d], 1e-3) for d in ("d", "d_max") if d in own}} for own in before.states]
        model.step(split(grads))
        now, then = [[*one.params, *itertools.chain(*one.slots)] for one in (model, before)]
        rests = all(map(np.array_equal, now, then)) and model.states == states
        assert rests == (t in (1, 4))


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.average])
def test_the_average_is_the_parameter_to_the_bit_before_the_first_step(name: str) -> None:
    p = np.array([0.1, -1e300, 5e-324, -0.0])
    assert same_bits(average_of(name, p, RULES[name].state_of(p, {}), {}), p)


def test_dog_names_its_ways_to_begin() -> None:
    p = np.ones(2)
    with pytest.raises(ValueError, match="dog: init must be 'heuristic', 'distance' or 'learning_rate'; got 'fast'"):
        RULES["dog"](p, p.copy(), p.copy(), init="fast")
