"""Gradients of another type are cast as NumPy casts them, before anything else, on every backend."""

from collections.abc import Callable
from typing import Any

import cuda_shim
import ml_dtypes
import numpy as np
import pytest
from examples import same_bits
from stepping import on as on
from stepping import stepped

import fastopt

LEAST = 2.0**-126
# Half way to the least normal number of float32 and just below it; denormals, what overflows, and the rest.
HALF_WAY = LEAST - 2.0**-150
SPECIAL = [HALF_WAY, np.nextafter(HALF_WAY, 0), HALF_WAY + 2.0**-152, LEAST, 1e-40, 1e-45, 1e-60, 1e300, 3.4028235e38]
SPECIAL += [np.inf, np.nan, 0.0, 1 + 2.0**-24, 1 + 3 * 2.0**-24]
VALUES = np.array([*SPECIAL, *np.negative(SPECIAL)])
CLIPPED: tuple[str, dict[str, Any]] = ("sgd", {"lr": 1.0, "clip_norm": 0.5, "zero_grads": True})


def problem(parameter: str, gradient: Any) -> tuple[list[Any], list[Any]]:
    """A dense array, and two of which CUDA takes one in packs and its end element by element; ordinary values."""
    generator = np.random.default_rng(0)
    shapes = (7, 5), (1203,)
    params, grads = ([generator.standard_normal(shape) for shape in shapes] for _ in range(2))
    return [p.astype(parameter) for p in params], [g.astype(gradient) for g in grads]


@pytest.mark.parametrize(
    ("parameter", "gradient"),
    [
        ("float32", "float64"),
        pytest.param("float16", "float64", marks=pytest.mark.ci),
        pytest.param("float64", "float32", marks=pytest.mark.ci),
        pytest.param("float64", "float16", marks=pytest.mark.ci),
        pytest.param("float64", ml_dtypes.bfloat16, marks=pytest.mark.ci),
    ],
)
def test_a_step_has_the_bits_of_a_gradient_that_numpy_cast(
    parameter: str, gradient: Any, on: Callable[..., Any]
) -> None:
    compute = "float64" if parameter == "float64" else "float32"
    params, grads = problem(parameter, gradient)
    wanted, cast = [p.copy() for p in params], [g.astype(compute) for g in grads]
    name, options = CLIPPED
    with cuda_shim.on_the_cpu():
        stepped(wanted, cast, name, options, 1)
    on(params, grads, name, {**options, "cast_grads": True}, 1)
    assert all(same_bits(p, other) for p, other in zip(params, wanted, strict=True))
    assert not any(g.any() for g in grads)


@pytest.mark.parametrize(
    ("gradient", "parameter"), [("float64", "float32"), pytest.param("float32", "float64", marks=pytest.mark.ci)]
)
@pytest.mark.parametrize("arrays", [1, 2])
def test_a_denormal_is_cast_as_on_the_cpu(gradient: str, parameter: str, arrays: int, on: Callable[..., Any]) -> None:
    """On a GPU a single array has a kernel of its own."""
    with np.errstate(all="ignore"):
        values = VALUES.astype(gradient)
        cast = values.astype(parameter)
    params = [np.zeros(len(values), parameter) for _ in range(arrays)]
    wanted = np.zeros(len(values), parameter)
    with cuda_shim.on_the_cpu():
        stepped([wanted], [cast], "sgd", {"lr": 1.0}, 1)
    on(params, [values] * arrays, "sgd", {"lr": 1.0, "cast_grads": True}, 1)
    assert all(same_bits(p, wanted) for p in params)


def test_the_reference_casts() -> None:
    rule = fastopt.kernels.sgd
    with np.errstate(all="ignore"):
        cast = VALUES.astype("float32")
    p = np.ones(len(VALUES), "float32")
    assert same_bits(rule.reference(p, VALUES, lr=0.5)[0], rule.reference(p, cast, lr=0.5)[0])
