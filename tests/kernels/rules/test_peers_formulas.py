"""The formulas against weights that the peers' packages reached, kept as data, and against what their authors wrote."""

import importlib.util
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from paths import relative
from plain_model import PlainModel
from trajectories import DATA, TOLERANCE, split
from trajectories import TRAJECTORIES as FILE

from fastopt.kernels import RULES

LR, B1, B2, B3, EPS = 0.03, 0.8, 0.95, 0.98, 1e-6


def reached(rule: str, options: dict[str, Any], slots: list[str] | None = None) -> Iterator[np.ndarray]:
    """All weights, and then the slots of these names, after each step of the file's gradients by the plain formula."""
    model = PlainModel(RULES[rule], split(FILE["start"]), options)
    places = [RULES[rule].slots.index(slot) for slot in slots or []]
    for grads in FILE["grads"]:
        model.step(split(grads))
        arrays = [*model.params, *(of_array[place] for place in places for of_array in model.slots)]
        yield np.concatenate([x.reshape(-1) for x in arrays])


def apart(rule: str, options: dict[str, Any], written: Callable[..., Iterator[np.ndarray]]) -> float:
    """The largest relative difference from a loop that is given the start and the gradients."""
    theirs = list(written(np.array(FILE["start"]), [np.array(g) for g in FILE["grads"]]))
    return float(relative(list(reached(rule, options)), theirs).max())


@pytest.mark.parametrize("key", FILE["rows"])
def test_a_formula_reaches_the_peers_weights(key: str) -> None:
    row = FILE["rows"][key]
    path = list(reached(row["rule"], row["options"], row["slots"]))
    ours = [path[t - 1] for t in FILE["steps"]]
    assert relative(ours, [np.array(x) for x in row["kept"]]).max() <= TOLERANCE


@pytest.mark.peers
@pytest.mark.parametrize("key", FILE["rows"])
def test_the_peers_still_reach_the_kept_weights(key: str) -> None:
    for package in ("torch", "keras", "optax", "pytorch_optimizer"):
        if package in key and importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package}, of the extra peers")
    sys.path.insert(0, str(DATA))
    try:
        import make_peer_trajectories as made
    finally:
        sys.path.remove(str(DATA))
    assert [row.key for row in made.ROWS] == list(FILE["rows"])
    (row,) = (row for row in made.ROWS if row.key == key)
    assert (row.rule, dict(row.options), list(row.slots)) == tuple(
        FILE["rows"][key][n] for n in ("rule", "options", "slots")
    )
    kept = [np.array(x) for x in made.kept(row)]
    assert relative(kept, [np.array(x) for x in FILE["rows"][key]["kept"]]).max() <= TOLERANCE


def half_life(beta: float) -> float:
    return math.log(0.5) / math.log(beta + 1e-8) - 1


def warm_beta(t: int, start: float, end: float, warmup: int) -> float:
    if t >= warmup:
        return end
    a = t / warmup
    return 0.5 ** (1 / ((1 - a) * half_life(start) + a * half_life(end) + 1))


def ademamix(w: np.ndarray, grads: list[np.ndarray]) -> Iterator[np.ndarray]:
    fast, slow, v = 0.0, 0.0, 0.0
    for t, g in enumerate(grads, 1):
        b3 = warm_beta(t, B1, B3, 20)
        fast = B1 * fast + (1 - B1) * g
        slow = b3 * slow + (1 - b3) * g
        v = B2 * v + (1 - B2) * g**2
        step = fast / (1 - B1**t) + min(t / 20, 1) * 3 * slow
        w = w - LR * step / (np.sqrt(v) / math.sqrt(1 - B2**t) + EPS)
        yield w


def simplified(w: np.ndarray, grads: list[np.ndarray]) -> Iterator[np.ndarray]:
    m, v, weights = 0.0, 0.0, 0.0
    for t, g in enumerate(grads, 1):
        m = warm_beta(t, 0.5, B1, 20) * m + g
        v = B2 * v + (1 - B2) * g**2
        weights = B2 * weights + 1 - B2
        w = w - LR * math.sqrt(weights) * (m + 3 * g) / (np.sqrt(v) + EPS * math.sqrt(weights))
        yield w


def qhadam(w: np.ndarray, grads: list[np.ndarray]) -> Iterator[np.ndarray]:
    m, v, one, two = 0.0, 0.0, 0.0, 0.0
    for g in grads:
        one, two = 1 + B1 * one, 1 + B2 * two
        m = m + (g - m) / one
        v = v + (g**2 - v) / two
        w = w - LR * (0.6 * m + 0.4 * g) / (np.sqrt(0.7 * v + 0.3 * g**2) + EPS)
        yield w


def acprop(w: np.ndarray, grads: list[np.ndarray]) -> Iterator[np.ndarray]:
    m, s = 0.0, 0.0
    for t, g in enumerate(grads, 1):
        m = B1 * m + (1 - B1) * g
        if t > 1:
            s = s + EPS
            w = w - LR * g / (np.sqrt(s) / math.sqrt(1 - B2 ** (t - 1)) + EPS)
        else:
            w = w - LR * g
        s = B2 * s + (1 - B2) * (g - m) ** 2
        yield w


def acprop_along_the_mean(w: np.ndarray, grads: list[np.ndarray]) -> Iterator[np.ndarray]:
    m, s = 0.0, 0.0
    for t, g in enumerate(grads, 1):
        m = B1 * m + (1 - B1) * g
        divisor = np.sqrt((s + EPS) / (1 - B2 ** (t - 1))) + EPS if t > 1 else 1.0
        w = w - LR / (1 - B1**t) * m / divisor
        s = B2 * (s + (EPS if t > 1 else 0)) + (1 - B2) * (g - m) ** 2
        yield w


def laprop(w: np.ndarray, grads: list[np.ndarray]) -> Iterator[np.ndarray]:
    m, v, rates, squares = 0.0, 0.0, 0.0, 0.0
    for g in grads:
        v = B2 * v + (1 - B2) * g**2
        rates = B1 * rates + (1 - B1) * LR
        squares = B2 * squares + 1 - B2
        m = B1 * m + (1 - B1) * LR * g / (np.sqrt(v / squares) + EPS)
        w = w - m * LR / rates
        yield w


def mars(w: np.ndarray, grads: list[np.ndarray]) -> Iterator[np.ndarray]:
    m, v, last = 0.0, 0.0, 0.0
    for t, g in enumerate(grads, 1):
        c = (g - last) * (0.1 * B1 / (1 - B1)) + g
        # Each array has a norm of its own.
        sizes = np.concatenate([np.full(part.size, np.linalg.norm(part)) for part in split(c)])
        c = np.where(sizes > 1, c / sizes, c)
        m = B1 * m + (1 - B1) * c
        v = B2 * v + (1 - B2) * c**2
        divisor = (np.sqrt(v) / math.sqrt(1 - B2**t) + EPS) * (1 - B1**t)
        w = w - LR * (0.05 * w + m / divisor)
        last = g
        yield w


def tiger_by_size(w: np.ndarray, grads: list[np.ndarray]) -> Iterator[np.ndarray]:
    m = np.zeros_like(w)
    for g in grads:
        m = B1 * m + (1 - B1) * g
        sizes = np.concatenate([np.full(part.size, np.sqrt(np.mean(part**2))) for part in split(w)])
        w = w - (np.sign(m) + 0.05 * w) * (LR * sizes)
        yield w


def ftrl(w: np.ndarray, grads: list[np.ndarray]) -> Iterator[np.ndarray]:
    z, n = np.zeros_like(w), np.zeros_like(w)
    for g in grads:
        sigma = (np.sqrt(n + g**2) - np.sqrt(n)) / LR
        z, n = z + g - sigma * w, n + g**2
        w = np.where(abs(z) <= 0.4, 0.0, -(z - np.sign(z) * 0.4) / ((1 + np.sqrt(n)) / LR + 0.3))
        yield w


WRITTEN: dict[str, tuple[str, dict[str, Any], Callable[..., Iterator[np.ndarray]]]] = {
    "AdEMAMix warms up": (
        "ademamix",
        {"lr": LR, "beta1": B1, "beta2": B2, "beta3": B3, "alpha": 3.0, "eps": EPS, "warmup": 20.0},
        ademamix,
    ),
    "simplified AdEMAMix warms up": (
        "ademamix_simplified",
        {"lr": LR, "beta1": B1, "beta2": B2, "alpha": 3.0, "eps": EPS, "warmup": 20.0, "min_beta1": 0.5},
        simplified,
    ),
    "QHAdam": ("qhadam", {"lr": LR, "beta1": B1, "beta2": B2, "nu1": 0.6, "nu2": 0.7, "eps": EPS}, qhadam),
    "ACProp": ("acprop", {"lr": LR, "beta1": B1, "beta2": B2, "eps": EPS}, acprop),
    "ACProp along the mean": (
        "acprop",
        {"lr": LR, "beta1": B1, "beta2": B2, "eps": EPS, "momentum_update": True},
        acprop_along_the_mean,
    ),
    "LaProp": ("laprop", {"lr": LR, "beta1": B1, "beta2": B2, "eps": EPS}, laprop),
    "MARS-AdamW": (
        "mars",
        {"lr": LR, "beta1": B1, "beta2": B2, "gamma": 0.1, "eps": EPS, "weight_decay": 0.05},
        mars,
    ),
    "Tiger by size": ("tiger", {"lr": LR, "beta": B1, "weight_decay": 0.05, "by_size": True}, tiger_by_size),
    "FTRL of the paper": ("ftrl", {"lr": LR, "l1": 0.4, "l2": 0.3, "beta": 1.0, "initial_accumulator": 0.0}, ftrl),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_formula_is_what_its_authors_wrote(name: str) -> None:
    assert apart(*WRITTEN[name]) <= TOLERANCE


def test_averaged_gradients_are_a_smaller_rate_to_novograd() -> None:
    numbers = {"beta1": B1, "beta2": B2}
    averaged = list(reached("novograd", {"lr": LR / (1 - B1), "grad_averaging": True, **numbers}))
    assert relative(averaged, list(reached("novograd", {"lr": LR, **numbers}))).max() <= TOLERANCE


def test_rprop_sees_signs_that_a_product_in_float32_loses() -> None:
    grads = [np.array([1e-30, -1e-30], "float32"), np.array([1e-30, 1e-30], "float32")]
    model = PlainModel(RULES["rprop"], [np.zeros(2, "float32")], {})
    for g in grads:
        model.step([g])
    (sizes,) = (slots[1] for slots in model.slots)
    np.testing.assert_allclose(sizes, np.array([0.012, 0.005]), rtol=1e-6)


def test_adopts_first_step_only_sets_the_second_moment() -> None:
    p, g = np.array([1.0, -2.0, 3.0]), np.array([0.5, 0.0, -1e-200])
    new, m, v = RULES["adopt"].formula(p, g, np.zeros(3), np.zeros(3), t=1)
    assert np.array_equal(new, p)
    assert not m.any()
    assert np.array_equal(v, g * g)


def test_novograd_takes_arrays_without_a_gradient() -> None:
    for eps in (0.0, 1e-8):
        model = PlainModel(RULES["novograd"], [np.ones(3)], {"eps": eps})
        model.step([np.zeros(3)])
        assert np.array_equal(model.params[0], np.ones(3))


@pytest.mark.parametrize(("rule", "options"), [("acprop", {}), ("acprop", {"ahead": True}), ("novograd", {})])
def test_a_parameter_that_joins_late_begins_as_any_other(rule: str, options: dict[str, Any]) -> None:
    """With count="optimizer" t is then not 1 in its first step."""
    model, steps = PlainModel(RULES[rule], [np.ones(2)], {"lr": 0.1, "count": "optimizer", **options}), []
    for model.t in (0, 4):
        late = model.copy()
        late.step([np.array([1.0, -3.0])])
        steps.append(late.params[0])
    np.testing.assert_allclose(*steps, rtol=1e-15)
    assert abs(steps[0] - 1).max() < 1


def test_ftrl_without_an_accumulator_gives_0_where_no_gradient_came() -> None:
    model = PlainModel(RULES["ftrl"], [np.ones(2)], {"initial_accumulator": 0.0, "l2_shrinkage": 0.1})
    model.step([np.array([0.0, 1.0])])
    # z is 1 + 0.1 - 1 / lr, and the divisor 1 / lr.
    np.testing.assert_allclose(model.params[0], [0.0, 0.9989], rtol=1e-15)
