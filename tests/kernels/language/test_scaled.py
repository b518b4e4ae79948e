"""A factor that float32 has no number for gives the right product; an ordinary one gives the bits of one product."""

from collections.abc import Callable
from typing import Any

import cuda_shim
import numpy as np
import pytest
from examples import same_bits
from stepping import in_numpy
from stepping import on as on

from fastopt.kernels.language.scaled import scaled

SINGLE = np.array([1.0, -2.5, 3e38, 1.2e-38, 0.0, -0.0, np.inf, -np.inf, np.nan, 7e-5], "float32")


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("factor", [0.0, 0.3, -0.7, 1.0, 2.0**-126, -(2.0**126), 1e38, np.inf, np.nan])
def test_an_ordinary_factor_gives_the_bits_of_one_product(factor: float, kind: str) -> None:
    x = SINGLE.astype(kind)
    with np.errstate(all="ignore"):
        assert same_bits(scaled(x, factor), x * factor)


@pytest.mark.parametrize("factor", [1e-39, 2.0**-127, 3e-60, -1e-70, 1e39, 2.0**128, -1e60, 1e75])
def test_a_factor_that_float32_has_not_gives_the_product(factor: float) -> None:
    x = (np.array([1.0, -1.3, 0.77]) / factor).clip(-3e38, 3e38)
    x = np.where(abs(x) < 1.2e-38, np.sign(x) * 1.2e-38, x).astype("float32")
    exact = x.astype("float64") * factor
    assert np.allclose(scaled(x, factor), exact, rtol=3e-7, atol=1e-37)
    assert same_bits(scaled(x.astype("float64"), factor), exact)


LARGE = [np.array([3e38, -2e38], "float32"), np.array([1e38], "float32")]
SIZE = float(np.linalg.norm([3e38, -2e38, 1e38]))
TINY = [np.array([3e-38, -2e-38], "float32"), np.array([5e-38], "float32")]
CASES: dict[str, tuple[str, dict[str, Any], list[Any], float, Callable[[Any], Any]]] = {
    "clip_norm": ("sgd", {"lr": 1.0, "clip_norm": 0.5}, LARGE, 0.0, lambda g: -0.5 * g / SIZE),
    "clip_array_norm": ("sgd", {"lr": 1.0, "clip_array_norm": 0.5}, LARGE, 0.0, lambda g: -0.5 * g / np.linalg.norm(g)),
    "both clips": (
        "sgd",
        {"lr": 1.0, "clip_norm": 500.0, "clip_array_norm": 0.5},
        LARGE,
        0.0,
        lambda g: -0.5 * g / np.linalg.norm(g),
    ),
    "grad_scale": ("sgd", {"lr": 1.0, "grad_scale": 2.0**-127}, LARGE, 0.0, lambda g: -(2.0**-127) * g),
    "lars": ("lars", {}, LARGE, 1.0, lambda g: -1e-3 * g / np.linalg.norm(g) * g.size**0.5),
    "lars far up": ("lars", {"trust": 1.0}, TINY, 1e6, lambda g: -1e6 * g / np.linalg.norm(g) * g.size**0.5),
    "lamb far up": (
        "lamb",
        {"lr": 1.0, "weight_decay": 0.0, "beta1": 0.0, "eps": 1.0},
        TINY,
        1e6,
        lambda g: -1e6 * g / np.linalg.norm(g) * g.size**0.5,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_on_every_backend_a_step_has_numpys_bits_and_the_right_length(case: str, on: Callable[..., Any]) -> None:
    name, options, grads, start, right = CASES[case]
    params = [np.full_like(g, start) for g in grads]
    with cuda_shim.on_the_cpu():
        expected = in_numpy(params, grads, name, options, 1)
    on(params, grads, name, options, 1)
    for p, wanted, g in zip(params, expected, grads, strict=True):
        assert same_bits(p, wanted)
        assert np.allclose(p, start + right(g.astype("float64")), rtol=1e-6)
