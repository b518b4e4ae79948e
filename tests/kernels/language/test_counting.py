"""What counts elements: the total of a comparison, `size`, `mean`, and cautious steps, which are made of them."""

from typing import Any

import numpy as np
import pytest
from examples import same_bits
from stepping import in_numpy
from stepping import on as on

import fastopt
from fastopt.kernels import mean, rule, size, sqrt, total


@rule(require="0 <= lr < inf")
def counting(p, g, *, lr=0.1):  # type: ignore[no-untyped-def]
    """Every number of elements at once, of an array and of the model."""
    share = total(g > 0) / size(g) + total(g > p, over="model") / size(g, over="model")
    return p - lr * (share + sqrt(mean(g * g)) + mean(p, over="model")) * g


def drawn(seed: int) -> list[Any]:
    generator = np.random.default_rng(seed)
    return [generator.standard_normal(n).astype("float32") for n in (1, 1500, 70_000)]


def test_numbers_of_elements_have_numpys_values() -> None:
    g = np.array([1.0, np.nan, -np.inf, 0.0, -2.0, 3.0])
    assert (total(g > 0), total(g == g), size(g), size(g[:0])) == (2.0, 5.0, 6.0, 0.0)
    finite = drawn(0)[1].astype("float64")
    assert mean(finite) == pytest.approx(finite.mean(), rel=1e-12)
    assert mean(g[:0]) == 0.0
    assert size(np.ones((2, 3), "complex64").view("float32")) == 12


def test_every_backend_counts_as_numpy_does(on: Any) -> None:
    params, grads = drawn(0), drawn(1)
    wanted = in_numpy(params, grads, counting, {})
    on(params, grads, counting, {})
    assert all(map(same_bits, params, wanted))


def test_comparisons_are_counted_but_not_measured() -> None:
    with pytest.raises(TypeError, match="norm takes an array expression"):

        @rule
        def measured(p, g, *, lr=0.1):  # type: ignore[no-untyped-def]
            return p - lr * fastopt.kernels.norm(g > 0) * g


@pytest.mark.parametrize("normalized", ["mean", "count"])
def test_a_cautious_step_moves_no_element_along_its_gradient(normalized: str) -> None:
    g, later = np.array([1.0, 1.0, -1.0, 2.0]), np.array([-0.1, 1.0, -1.0, 1.0])
    p = np.zeros(4)
    opt = fastopt.SGD(p, lr=1.0, momentum=0.5, cautious=normalized)
    opt.step(g)
    opt.step(later)
    # The velocity of the first element still is 0.4 against its gradient's sign.
    factors = {"mean": (1.0, 4 / 3), "count": (4 / 5, 4 / 4)}[normalized]
    velocity = 0.5 * g + later
    wanted = -g * factors[0] - np.array([0, 1, 1, 1]) * velocity * factors[1]
    np.testing.assert_allclose(p, wanted, rtol=1e-15)
    assert opt.state[0]["b"] == pytest.approx(velocity)


def test_decoupled_decay_is_done_to_every_element() -> None:
    rest = np.full(3, 2.0)
    for make, options in ((fastopt.AdamW, {}), (fastopt.Adam, {"decay": "decoupled"})):
        p = rest.copy()
        make(p, lr=0.5, weight_decay=0.1, cautious="mean", **options).step(np.zeros(3))
        np.testing.assert_allclose(p, rest * 0.95, rtol=1e-15)


def test_a_gradient_that_agrees_nowhere_or_is_not_there_moves_nothing() -> None:
    p, none = np.ones(3), np.ones(0)
    fastopt.SGD([p, none], lr=1.0, cautious="mean").step([np.zeros(3), none.copy()])
    assert (p == 1).all()


def test_names_of_other_ways_are_refused() -> None:
    with pytest.raises(ValueError, match="cautious must be 'mean' or 'count', or None; got 'median'"):
        fastopt.Adam(np.ones(3), cautious="median")
