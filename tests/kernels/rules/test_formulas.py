"""The formulas against the equations as the project's documents and the papers print them, each written here again."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from examples import same_bits
from paths import Path, path_of, relative

import fastopt

TOLERANCE = 1e-12
LR, MU, B1, B2, EPS = 0.03, 0.8, 0.85, 0.98, 1e-6

Loop = Callable[[np.ndarray, Path], Iterator[np.ndarray]]


def problem(steps: int = 60, seed: int = 0) -> tuple[np.ndarray, Path]:
    """A parameter of which half starts at zero, and gradients, a third of them zero, from scales below eps to above."""
    generator = np.random.default_rng(seed)
    start = generator.standard_normal(64) * (np.arange(64) % 2)
    scales = 10.0 ** generator.uniform(-8, 3, 64)
    chosen = generator.random((steps, 64)) < 2 / 3
    return start, list(generator.standard_normal((steps, 64)) * scales * chosen)


def adagrad_outside(x: np.ndarray, grads: Path) -> Iterator[np.ndarray]:
    cache = 0.0
    for dx in grads:
        cache = cache + dx**2
        x = x - LR * dx / (np.sqrt(cache) + EPS)
        yield x


def adagrad_inside(w: np.ndarray, grads: Path) -> Iterator[np.ndarray]:
    v = 0.0
    for dw in grads:
        v = v + dw**2
        w = w - (LR / np.sqrt(v + EPS)) * dw
        yield w


def rmsprop(w: np.ndarray, grads: Path) -> Iterator[np.ndarray]:
    cache = 0.0
    for dw in grads:
        cache = B2 * cache + (1 - B2) * dw**2
        w = w - LR * dw / (np.sqrt(cache) + EPS)
        yield w


def adadelta(w: np.ndarray, grads: Path) -> Iterator[np.ndarray]:
    u, v = 0.0, 0.0
    for g in grads:
        v = B2 * v + (1 - B2) * g**2
        change = -(np.sqrt(u + EPS) / np.sqrt(v + EPS)) * g
        u = B2 * u + (1 - B2) * change**2
        w = w + change
        yield w


def adam(x: np.ndarray, grads: Path) -> Iterator[np.ndarray]:
    m, v = 0.0, 0.0
    for t, dx in enumerate(grads, 1):
        m = B1 * m + (1 - B1) * dx
        mt = m / (1 - B1**t)
        v = B2 * v + (1 - B2) * (dx**2)
        vt = v / (1 - B2**t)
        x = x - LR * mt / (np.sqrt(vt) + EPS)
        yield x


def adam_of_the_schedules(w: np.ndarray, grads: Path) -> Iterator[np.ndarray]:
    u, v = 0.0, 0.0
    for g in grads:
        u = B1 * u + (1 - B1) * g
        v = B2 * v + (1 - B2) * g**2
        rate = LR / np.sqrt(v + EPS)
        w = w - rate * u
        yield w


def nesterov_with_adam(theta: np.ndarray, grads: Path) -> Iterator[np.ndarray]:
    u, v = 0.0, 0.0
    for g in grads:
        u = MU * u + LR * g
        v = B2 * v + (1 - B2) * g**2
        theta = theta - LR / (np.sqrt(v) + EPS) * (B1 * u + (1 - B1) * g)
        yield theta


ADAM = {"lr": LR, "beta1": B1, "beta2": B2, "eps": EPS}
PRINTED: list[tuple[Loop, str, dict[str, Any]]] = [
    (adagrad_outside, "Adagrad", {"lr": LR, "eps": EPS}),
    (adagrad_inside, "Adagrad", {"lr": LR, "eps": EPS, "eps_inside": True}),
    (rmsprop, "RMSprop", {"lr": LR, "alpha": B2, "eps": EPS}),
    (adadelta, "Adadelta", {"rho": B2, "eps": EPS}),
    (adam, "Adam", ADAM),
    (adam_of_the_schedules, "Adam", {**ADAM, "uncorrected": True}),
    (nesterov_with_adam, "NAGAdam", {**ADAM, "beta": MU}),
]


@pytest.mark.parametrize(("printed", "ours", "hyper"), PRINTED, ids=[loop.__name__ for loop, *_ in PRINTED])
def test_rules_follow_the_equations_as_printed(printed: Loop, ours: str, hyper: dict[str, Any]) -> None:
    start, grads = problem()
    parameter = start.copy()
    path = path_of(getattr(fastopt, ours)(parameter, **hyper), parameter, grads)
    assert relative(path, list(printed(start, grads))).max() < TOLERANCE


def test_adadelta_at_a_rate_of_one_has_the_bits_of_the_equations_without_one() -> None:
    start, grads = problem()
    parameter = start.copy()
    path = path_of(fastopt.Adadelta(parameter, lr=1.0, rho=B2, eps=EPS), parameter, grads)
    assert all(same_bits(a, b) for a, b in zip(path, adadelta(start, grads), strict=True))


def quadratic(x: np.ndarray) -> np.ndarray:
    """The gradient of a quadratic of condition number 100, whose minimum is at ones."""
    mixing = np.linalg.qr(np.random.default_rng(0).standard_normal((x.size, x.size)))[0]
    gradient: np.ndarray = mixing @ (np.geomspace(0.1, 10, x.size) * (mixing.T @ (x - 1)))
    return gradient


def rosenbrock(x: np.ndarray) -> np.ndarray:
    """The gradient of Rosenbrock's function of many variables."""
    gradient = np.zeros_like(x)
    gradient[1:] += 200 * (x[1:] - x[:-1] ** 2)
    gradient[:-1] -= 400 * x[:-1] * (x[1:] - x[:-1] ** 2) + 2 * (1 - x[:-1])
    return gradient


@pytest.mark.parametrize(("gradient", "lr"), [(quadratic, 0.02), (rosenbrock, 2e-4)])
def test_nesterov_is_the_original_under_its_change_of_variables(gradient: Any, lr: float) -> None:
    theta = np.random.default_rng(1).standard_normal(10)
    u = np.zeros_like(theta)
    p = theta - MU * u
    optimizer = fastopt.SGD(p, lr=lr, momentum=MU, nesterov=True)
    ours: Path = []
    original: Path = []
    for _ in range(200):
        u = MU * u + lr * gradient(theta - MU * u)
        theta = theta - u
        original.append(np.concatenate([theta - MU * u, u]))
        optimizer.step(gradient(p))
        ours.append(np.concatenate([p, lr * optimizer.state[0]["b"]]))
    assert relative(ours, original).max() < TOLERANCE


def max_norm_loop(params: dict[str, Any], steps: list[dict[str, Any]], over: str) -> dict[str, Any]:
    """Adam's documents: v = beta2 * v + (1 - beta2) * |gradient|_inf**2."""
    m, v = dict.fromkeys(params, 0.0), dict.fromkeys(params, 0.0)
    for t, grads in enumerate(steps, 1):
        for name in params:
            among = grads if over == "model" else [name]
            largest = max(np.max(np.abs(grads[other])) for other in among)
            m[name] = B1 * m[name] + (1 - B1) * grads[name]
            v[name] = B2 * v[name] + (1 - B2) * largest**2
            step = m[name] / (1 - B1**t) / (np.sqrt(v[name] / (1 - B2**t)) + EPS)
            params = {**params, name: params[name] - LR * step}
    return params


@pytest.mark.parametrize("over", ["array", "model"])
def test_the_max_norm_is_over_each_array_or_the_whole_model(over: str) -> None:
    generator = np.random.default_rng(2)
    shapes = {"W1": (5, 7), "b1": (7,), "W2": (7, 2), "b2": ()}
    params = {name: np.zeros(shape) for name, shape in shapes.items()}
    steps = [
        {name: np.array(generator.standard_normal(shape) * 10.0**k) for k, (name, shape) in enumerate(shapes.items())}
        for _ in range(30)
    ]
    expected = max_norm_loop(params, steps, over)
    optimizer = fastopt.AdamMaxNorm(params, **ADAM, over=over)
    for grads in steps:
        optimizer.step(grads)
    for name in params:
        np.testing.assert_allclose(params[name], expected[name], rtol=TOLERANCE, atol=TOLERANCE * LR)


def test_adam_of_growing_order_approaches_adamax() -> None:
    generator = np.random.default_rng(3)
    grads = list(generator.uniform(0.5, 2, (50, 200)) * generator.choice([-1, 1], (50, 200)))

    def run(name: str, **hyper: Any) -> Path:
        parameter = np.zeros(200)
        return path_of(getattr(fastopt, name)(parameter, lr=LR, beta1=B1, beta2=B2, eps=0.0, **hyper), parameter, grads)

    limit = run("Adamax")
    distances = [relative(run("AdamLp", order=order), limit).max() for order in (4.0, 16.0, 64.0, 256.0, 1000.0)]
    assert all(later < 0.5 * earlier for earlier, later in itertools.pairwise(distances)), distances
    assert distances[-1] < 0.005


# By the gradient's magnitude: the first whole order at which |g|**order is beyond float32, or times 1 - beta2**order
# below its smallest normal number.
FAILING_ORDER = {1e-4: 9, 1e-2: 19, 1e2: 20, 1e4: 10}


@pytest.mark.parametrize("magnitude", FAILING_ORDER)
def test_in_float32_a_large_order_fails_where_the_max_norm_does_not(magnitude: float) -> None:
    """Whatever the order, Adam's first step is lr against the gradient's sign."""

    def first_step(name: str, dtype: str, **hyper: Any) -> float:
        parameter = np.zeros(1, dtype)
        getattr(fastopt, name)(parameter, lr=1.0, eps=1e-12, **hyper).step(np.full(1, -magnitude, dtype))
        return float(parameter[0])

    failing = FAILING_ORDER[magnitude]
    for order in range(1, 41):
        step = first_step("AdamLp", "float32", order=float(order))
        if order < failing:
            assert step == pytest.approx(1, rel=1e-4)
        else:
            assert step == 0 if magnitude > 1 else step > 1e6
        assert first_step("AdamLp", "float64", order=float(order)) == pytest.approx(1, rel=1e-6)
    assert first_step("Adamax", "float32") == pytest.approx(1, rel=1e-6)
