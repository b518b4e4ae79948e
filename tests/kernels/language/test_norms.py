"""A norm of float64 arrays is right up to the ends of their range; within it the bits are those of one plain sum."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cuda_shim
import numpy as np
import pytest
from examples import same_bits
from stepping import in_numpy
from stepping import on as on

import fastopt
from fastopt.kernels import norm
from fastopt.kernels.language.reductions import CHUNK, REDUCTIONS

# Beyond these, squares are infinite or zero; beyond those, chunks are scaled.
EDGES = [1e-162, 1e154, 2.0**-450, 2.0**480]


def drawn(size: int, *magnitudes: float) -> Any:
    """Numbers of several magnitudes, chunk by chunk in turn."""
    values = np.random.default_rng(size).standard_normal(size)
    for k, start in enumerate(range(0, size, CHUNK)):
        values[start : start + CHUNK] *= magnitudes[k % len(magnitudes)]
    return values


@pytest.mark.parametrize(
    "values",
    [
        np.array([3e200, 4e200]),
        np.array([3e-200, 4e-200]),
        np.array([1e308, 1e308, 1e308]),
        np.array([5e-324, 0.0]),
        np.array([1e200, 1.0, 1e-200]),
        np.array([0.0, -0.0]),
        *(drawn(1000, edge * 2.0**k) for edge in EDGES for k in (-3, 0, 3)),
        drawn(3 * CHUNK, 1e200, 1.0, 1e-200),
        drawn(3 * CHUNK, 1e-300, 1e-150, 1e-130),
        drawn(3 * CHUNK, 1e150, 1e140, 1e146),
        # Of neighbours the one is within the range and the other one not, and both count.
        drawn(2 * CHUNK, 1.02 * 2.0**-458, 0.97 * 2.0**-458),
        drawn(2 * CHUNK, 1.02 * 2.0**472, 0.97 * 2.0**472),
    ],
    ids=lambda values: f"{abs(values).min():.0e} to {abs(values).max():.0e}",
)
def test_a_norm_is_right_where_its_squares_leave_the_range(values: Any) -> None:
    assert norm(values) == pytest.approx(math.hypot(*values), rel=1e-13, abs=0)
    parts = np.array_split(values, 2)
    assert norm(parts) == pytest.approx(math.hypot(*values), rel=1e-13, abs=0)


def test_what_is_not_finite_and_what_is_beyond_the_type_stays_so() -> None:
    assert norm(np.array([np.inf, 1.0, 1e300])) == math.inf
    assert norm(np.array([-np.inf, 1e-300])) == math.inf
    assert norm(np.array([1.7e308, 1.7e308])) == math.inf
    for other in (1.0, 1e300, 1e-300, np.inf):
        assert math.isnan(norm(np.array([np.nan, other])))
        assert math.isnan(norm([np.full(3, other), np.array([np.nan])]))


def test_within_the_range_the_bits_are_those_of_one_sum() -> None:
    plain = replace(REDUCTIONS["norm"], scales=None)
    for magnitude in (1.0, 1e-130, 1e140, 1e-30):
        values = drawn(2 * CHUNK + 77, magnitude)
        values[::3] = 0
        values[5::11] *= 1e-100
        values[CHUNK : 2 * CHUNK] *= 0  # A chunk of zeros is looked at twice.
        assert norm(values).hex() == plain.array(values).hex()
        assert norm([values, values[:9]]).hex() == plain.array([values, values[:9]]).hex()


MODELS = {
    "large": [[3e200, 4e200], [1e199] * 3],
    "tiny": [[3e-200, 4e-200], [1e-199] * 3],
    "each of its own": [[3e200, 4.0], [1e-200, 3e-200], [1.0, 2.0]],
    "ordinary": [[3.0, 4.0], [0.0, 0.0]],
    "with float32": [[3e200, 4e200], np.array([3e38, 1.0], "float32"), [1e-200, 1.0]],
    "infinite": [[np.inf, 1e200], [1e-200]],
}
RULES = {
    "clip_norm": ("sgd", {"lr": 1.0, "clip_norm": 1.0}),
    "clip_array_norm": ("sgd", {"lr": 1.0, "clip_array_norm": 1e-205}),
    "lamb": ("lamb", {"eps": 0.0}),
    "lars": ("lars", {}),
}


@pytest.mark.parametrize("option", RULES)
@pytest.mark.parametrize("model", MODELS)
def test_every_backend_has_the_bits_of_numpy(model: str, option: str, on: Callable[..., Any]) -> None:
    name, options = RULES[option]
    grads = [np.asarray(values) for values in MODELS[model]]
    params = [np.full_like(g, 0.0 if name == "sgd" else 0.5) for g in grads]
    with cuda_shim.on_the_cpu():
        expected = in_numpy(params, grads, name, options)
    on(params, grads, name, options)
    assert all(same_bits(p, wanted) for p, wanted in zip(params, expected, strict=True))


# Chunks of several parts; and those of a float32 array, which have one, beside those of float64.
LARGE = {"parts": drawn(CHUNK + 9, 1e-200, 1e200), "float32": drawn(CHUNK + 9, 1.0, 2.0).astype("float32")}


@pytest.mark.parametrize("first", LARGE)
def test_large_arrays_have_the_bits_of_numpy(first: str, on: Callable[..., Any]) -> None:
    grads = [LARGE[first], drawn(9, 1.0)]
    params, options = [np.zeros_like(g) for g in grads], {"lr": 1.0, "clip_norm": 1.0}
    with cuda_shim.on_the_cpu():
        expected = in_numpy(params, grads, "sgd", options)
    on(params, grads, "sgd", options)
    assert all(same_bits(p, wanted) for p, wanted in zip(params, expected, strict=True))
    assert norm([p.astype("float64") for p in params]) == pytest.approx(2.0)


def test_many_totals_are_added_up_in_order_without_a_warning() -> None:
    """As a loop would, and not in pairs; of few and of many."""
    for count in (3, 1000):
        totals = 10.0 ** np.random.default_rng(count).uniform(-8, 8, count)
        wanted = 0.0
        for value in totals.tolist():
            wanted += value
        assert REDUCTIONS["norm"].joined(totals) == wanted == REDUCTIONS["norm"].joined(totals.tolist())
        assert REDUCTIONS["max_norm"].joined(totals) == totals.max()
        assert REDUCTIONS["norm"].joined(np.full(count, 1e308)) == math.inf


@pytest.mark.parametrize("name", ["lars", "lamb"])
def test_a_ratio_beyond_float64_counts_as_of_a_norm_of_zero(name: str) -> None:
    """A layer whose gradients die into denormals is not thrown to infinity."""
    options = {} if name == "lars" else {"weight_decay": 0.0}
    p = np.ones(4)
    opt = fastopt.Optimizer([p], name, lr=0.1, **options)
    for g in (1.0, 1e-315, 5e-324):
        opt.step([np.full(4, g)])
        assert (np.abs(p) <= 1).all()
