"""Hypergradient descent against the paper, and the sum over all arrays that it takes."""

import math
from typing import Any

import numba
import numpy as np
import pytest
from examples import DTYPES, arrays_for, check_update, same_bits
from updating import update

import fastopt
from fastopt.kernels import rule, total

SIZES = (0, 1, 7, 1023, 3000, 65536 + 700)


@rule(states=("last",))
def by_total(p, g, m, *, lr=0.1, last=0.0):  # type: ignore[no-untyped-def]
    """A sum with signs, of an expression; a number that follows from it, and an update."""
    last = total(g * m, over="model") / 3 + last
    return p - lr * last * g, g, last


def summed(x: Any) -> float:
    """The order of kernels/language/reductions.py, written out in Python numbers."""
    result = 0.0
    values = [float(value) for value in x]
    for start in range(0, len(values), 65536):
        chunk = values[start : start + 65536]
        lanes = [0.0] * 1024
        for i, value in enumerate(chunk):
            lanes[i % 1024] += value
        while len(lanes) > 1:
            half = len(lanes) // 2
            lanes = [lanes[j] + lanes[half + j] for j in range(half)]
        result += lanes[0]
    return result


@pytest.mark.parametrize("size", SIZES)
def test_a_total_adds_up_in_the_defined_order(size: int) -> None:
    x = np.random.default_rng(size).standard_normal(size)
    assert repr(total(x)) == repr(summed(x))
    assert total(x) == pytest.approx(math.fsum(x), rel=1e-12, abs=1e-10)
    assert repr(total([x, -0.0 * x])) == repr(summed(x))


@pytest.mark.parametrize(
    ("storage", "threads"),
    [(storage, 1) for storage in DTYPES]
    + [pytest.param(storage, 2, marks=() if storage == "float32" else pytest.mark.ci) for storage in DTYPES],
)
@pytest.mark.parametrize("size", SIZES)
def test_a_total_has_numpys_bits(size: int, threads: int, storage: str) -> None:
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        for special in (False, True):
            with np.errstate(all="ignore"):
                check_update(by_total, arrays_for(by_total, size, storage, seed=size, special=special))
    finally:
        numba.set_num_threads(before)


def test_a_total_over_the_model_is_of_all_arrays_in_turn() -> None:
    sets = [arrays_for(by_total, size, "float64", seed=size) for size in (3, 66_236, 0, 1)]
    expected = total([g * m for _, g, m in sets]) / 3
    ((found,),) = update(by_total.program(by_total.hyper), sets, [{**by_total.hyper, **by_total.states}]) or [[0.0]]
    assert repr(found) == repr(expected)


def test_only_some_operations_follow_a_total() -> None:
    with pytest.raises(TypeError, match="comes from a norm or a total"):

        @rule
        def squared(p, g, *, lr=0.1):  # type: ignore[no-untyped-def]
            return p - lr * total(g) ** 2 * g


def problem(steps: int = 50) -> tuple[list[Any], list[list[Any]]]:
    """Parameters of a few shapes, and gradients that agree with those before them more and less."""
    generator = np.random.default_rng(5)
    shapes = [(7, 3), (3,), ()]
    params = [np.array(generator.standard_normal(shape)) for shape in shapes]
    drift = [generator.standard_normal(shape) for shape in shapes]
    return params, [[np.array(d * 0.3 + generator.standard_normal(d.shape)) for d in drift] for _ in range(steps)]


def inner(a: list[Any], b: list[Any]) -> float:
    return float(sum(np.sum(x * y) for x, y in zip(a, b, strict=True)))


def size_of(a: list[Any]) -> float:
    return math.sqrt(inner(a, a))


def descent(
    theta: list[Any], steps: list[list[Any]], alpha: float, beta: float, adam: bool, multiplicative: bool
) -> Any:
    """SGD-HD and Adam-HD as the paper has them: the parameters and the rate after each step."""
    beta1, beta2, eps = 0.9, 0.999, 1e-8
    du = [np.zeros_like(x) for x in theta]
    m, v = [np.zeros_like(x) for x in theta], [np.zeros_like(x) for x in theta]
    for t, g in enumerate(steps, 1):
        h = inner(g, du)
        if multiplicative:
            sizes = size_of(g) * size_of(du)
            alpha = alpha * (1 - beta * h / sizes) if sizes else alpha
        else:
            alpha = alpha - beta * h
        if adam:
            m = [beta1 * a + (1 - beta1) * x for a, x in zip(m, g, strict=True)]
            v = [beta2 * a + (1 - beta2) * x**2 for a, x in zip(v, g, strict=True)]
            du = [-(a / (1 - beta1**t)) / (np.sqrt(b / (1 - beta2**t)) + eps) for a, b in zip(m, v, strict=True)]
        else:
            du = [-x for x in g]
        theta = [x + alpha * d for x, d in zip(theta, du, strict=True)]
        yield theta, alpha


@pytest.mark.parametrize("multiplicative", [False, True])
@pytest.mark.parametrize(("name", "lr", "beta"), [("SGDHD", 1e-2, 1e-3), ("AdamHD", 1e-3, 1e-4)])
def test_the_rate_follows_the_paper(name: str, lr: float, beta: float, multiplicative: bool) -> None:
    params, steps = problem()
    beta *= 1 + 99 * multiplicative
    expected = descent([p.copy() for p in params], steps, lr, beta, name == "AdamHD", multiplicative)
    optimizer = getattr(fastopt, name)(params, lr=lr, hypergrad_lr=beta, multiplicative=multiplicative)
    rates = []
    for grads, (theta, alpha) in zip(steps, expected, strict=True):
        optimizer.step(grads)
        (change, *others) = [states["change"] for states in optimizer.uniform_states]
        assert set(others) == {change}
        rates.append(lr * (1 + change) if multiplicative else lr + change)
        assert rates[-1] == pytest.approx(alpha, rel=1e-12)
        for ours, theirs in zip(params, theta, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    assert max(rates) > 1.01 * lr, "the problem changes the rate"


def test_over_arrays_each_has_a_rate_of_its_own() -> None:
    params, steps = problem()
    together = fastopt.SGDHD(params, over="array")
    alone = [fastopt.SGDHD(p.copy()) for p in params]
    for grads in steps:
        together.step(grads)
        for optimizer, g in zip(alone, grads, strict=True):
            optimizer.step(g)
    assert all(same_bits(p, one.params) for p, one in zip(params, alone, strict=True))
    assert len({states["change"] for states in together.uniform_states}) == len(params)


def test_adam_without_eps_takes_its_first_step() -> None:
    p, g = np.ones(5), np.full(5, 0.5)
    fastopt.AdamHD(p, eps=0.0, lr=0.125).step(g)
    np.testing.assert_allclose(p, 0.875)


def test_a_rate_too_low_rises_on_a_quadratic_and_one_too_high_falls() -> None:
    def run(lr: float) -> tuple[float, float]:
        x = np.array([1.0, -2.0])
        optimizer = fastopt.SGDHD(x, lr=lr, hypergrad_lr=0.02)
        for _ in range(200):
            optimizer.step(x.copy())
        return lr + optimizer.uniform_states[0]["change"], float(abs(x).max())

    low, high = run(1e-3), run(1.8)
    assert low[0] > 0.05
    assert high[0] < 1.8
    assert max(low[1], high[1]) < 1e-3


def test_a_schedule_is_corrected_rather_than_ignored() -> None:
    p, g = np.zeros(3), np.ones(3)
    optimizer = fastopt.SGDHD(p, lr=lambda t: 1.0 if t < 3 else 0.5, hypergrad_lr=0.0)
    for _ in range(4):
        optimizer.step(g)
    np.testing.assert_array_equal(p, np.full(3, -3.0))
