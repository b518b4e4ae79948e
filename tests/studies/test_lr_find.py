"""The range test: its curve, its suggestions, and that it leaves the parameters as they were."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import run_python, same_bits

import fastopt
from fastopt import lr_find
from fastopt.train.digits import data as digits
from fastopt.train.digits import network


def digits_problem(seed: int = 0) -> tuple[Any, Any]:
    """Parameters of a small network, and a function of them that gives loss and gradients batch by batch."""
    generator = np.random.default_rng(seed)
    (x, y), _ = digits.load("float32", generator)
    params = network.initialise([64, 32, 10], seed=seed)

    def loss_and_grads() -> tuple[Any, Any]:
        chosen = generator.integers(0, len(x), 64)
        a, h = network.forward(params, x[chosen])
        return network.cross_entropy(a[-1], y[chosen]), network.backward(params, h, y[chosen])

    return params, loss_and_grads


def bowl(curvature: float) -> tuple[Any, Any]:
    x = np.array([3.0, -2.0])
    return x, lambda: (0.5 * curvature * float(x @ x), curvature * x)


@pytest.mark.parametrize("rule", ["adam", "sgd", "adagrad"])
def test_the_suggestion_trains_better_than_rates_far_from_it(rule: str) -> None:
    params, loss_and_grads = digits_problem()
    found = lr_find(loss_and_grads, params, rule)
    assert found.suggestion is not None

    def final(lr: float) -> float:
        params, loss_and_grads = digits_problem(1)
        opt = fastopt.Optimizer(params, rule, lr=lr)
        with np.errstate(all="ignore"):
            for _ in range(150):
                opt.step(loss_and_grads()[1])
            return float(np.mean([loss_and_grads()[0] for _ in range(10)]))

    good = final(found.suggestion)
    assert good < 0.5
    assert good < final(found.suggestion / 100)
    assert not final(found.suggestion * 100) < good
    assert found.suggestion / 30 < found.tenth < found.suggestion * 30


def test_gradient_descent_on_a_bowl_explodes_beyond_the_rate_that_theory_gives() -> None:
    x, loss_and_grads = bowl(4.0)
    found = lr_find(loss_and_grads, x, "sgd", low=1e-4, high=10.0)
    assert found.exploded
    # Stable below 2 / curvature.
    assert 0.5 < found.rates[-1] < 5
    assert found.suggestion is not None
    assert found.suggestion < 0.5
    assert all(a < b for a, b in itertools.pairwise(found.rates))
    assert len(found.rates) == len(found.losses) == len(found.smoothed) < 300


def test_the_running_mean_is_fast_ais() -> None:
    given = iter(np.random.default_rng(0).uniform(1, 2, 40))
    p = np.zeros(2)
    found = lr_find(lambda: (next(given), np.zeros(2)), p, steps=40, smoothing=0.98)
    mean = 0.0
    for k, (loss, smoothed) in enumerate(zip(found.losses, found.smoothed, strict=True), 1):
        mean = 0.98 * mean + 0.02 * loss
        assert smoothed == pytest.approx(mean / (1 - 0.98**k), rel=1e-12)
    assert not found.exploded
    assert (found.rates[0], found.rates[-1]) == pytest.approx((1e-7, 10.0))


class Interrupted(BaseException):
    pass


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt, Interrupted])
def test_the_parameters_are_restored_bit_for_bit_whatever_happens(error: Any) -> None:
    payload = np.array([0x7FC12345, 0x80000000, 0x00000001, 0x3F800000], "uint32").view("float32")
    params = {"W": payload.copy(), "b": [np.asfortranarray(np.ones((3, 2), "float16"))]}
    before = [params["W"].copy(), params["b"][0].copy()]
    calls = itertools.count()

    def loss_and_grads() -> tuple[Any, Any]:
        if error and next(calls) == 7:
            raise error("here")
        return 1.0, {"W": np.ones(4, "float32"), "b": [np.ones((3, 2), "float16")]}

    if error:
        with pytest.raises(error, match="here"):
            lr_find(loss_and_grads, params)
    else:
        lr_find(loss_and_grads, params)
    assert params["W"].tobytes() == before[0].tobytes()
    assert same_bits(params["b"][0], before[1])


def test_a_loss_that_never_falls_suggests_nothing() -> None:
    p = np.zeros(2)
    rising = itertools.count(1)
    found = lr_find(lambda: (1 + 1e-3 * next(rising), np.zeros(2)), p, steps=50)
    assert found.suggestion is None


def test_what_falls_back_after_a_spike_is_no_descent() -> None:
    curve = [2.0] * 20 + list(np.linspace(2, 1, 40)) + [1.0] * 20 + [8.0] + [1.0] * 19
    given = iter(curve)
    found = lr_find(lambda: (next(given), np.zeros(2)), np.zeros(2), steps=100)
    assert found.suggestion is not None
    assert found.rates[20] < found.suggestion < found.rates[70]


def test_options_reach_the_optimizer() -> None:
    x, loss_and_grads = bowl(4.0)
    found = lr_find(loss_and_grads, x, "momentum", momentum=0.5, clip_norm=1.0, steps=100)
    assert found.rule == "momentum"


@pytest.mark.parametrize(
    ("options", "losses", "message"),
    [
        ({"low": 1.0, "high": 0.1}, [1.0], "low and high must be rates above 0, low the lower; got 1.0 and 0.1"),
        ({"low": 0.0}, [1.0], "low and high must be rates above 0"),
        ({"high": math.inf}, [1.0], "low and high must be"),
        ({"steps": 2}, [1.0], "steps must be 5 or more; got 2"),
        ({"smoothing": 1.0}, [1.0], "smoothing must be within 0 and 1"),
        ({"explode": 1.0}, [1.0], "explode above 1"),
        ({"lr": 0.1}, [1.0], "lr is what is sought; give its range as low and high"),
        ({"beta": 0.1}, [1.0], "beta"),
        ({}, [math.nan], "the loss explodes before any step"),
        ({}, [1.0, 1.0, math.inf], "the loss explodes after 2 steps, at a rate of 1.06"),
    ],
)
def test_bad_input_is_refused_with_a_reason(options: dict[str, Any], losses: list[float], message: str) -> None:
    given = iter(losses)
    with pytest.raises((ValueError, TypeError), match=message):
        lr_find(lambda: (next(given), np.zeros(2)), np.zeros(2), **options)


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    params, loss_and_grads = digits_problem()
    found = lr_find(loss_and_grads, params)
    found.plot(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    found.plot(str(tmp_path / "curve.svg"))
    assert "steepest descent" in (tmp_path / "curve.svg").read_text()
    with pytest.raises(ValueError, match=r"plot must end in \.png or \.svg"):
        found.plot(tmp_path / "curve.pdf")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curve.png", "curve.svg"]


def test_finding_a_rate_imports_no_matplotlib() -> None:
    text = (
        "import sys, numpy, fastopt\n"
        "x = numpy.ones(2)\n"
        "fastopt.lr_find(lambda: (float(x @ x), 2 * x), x, 'sgd', steps=20)\n"
        "print('matplotlib' in sys.modules)"
    )
    assert run_python("-c", text).stdout == "False\n"
