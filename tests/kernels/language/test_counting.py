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


def stepped(make: Any, gradients: list[Any]) -> Any:
    p = np.linspace(-1, 1, 50)
    opt = make(p)
    for g in gradients:
        opt.step(g)
    return p


def test_mean_is_the_way_of_the_authors_adamw() -> None:
    """A loop written from c_adamw: the mask is of the running mean and the gradient, the decay comes before."""
    gradients = [*np.random.default_rng(0).standard_normal((50, 50))]
    p, m, v = np.linspace(-1, 1, 50), np.zeros(50), np.zeros(50)
    for t, g in enumerate(gradients, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        mask = (m * g > 0).astype(float)
        mask /= max(mask.mean(), 1e-3)
        step = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        p = p * (1 - 0.01 * 0.1) - 0.01 * step * mask
    ours = stepped(lambda p: fastopt.AdamW(p, lr=0.01, weight_decay=0.1, cautious="mean"), gradients)
    np.testing.assert_allclose(ours, p, rtol=1e-12, atol=1e-12)


@pytest.mark.peers
def test_count_is_the_way_of_a_peers_lion() -> None:
    torch, peer = pytest.importorskip("torch"), pytest.importorskip("pytorch_optimizer")
    gradients = [*np.random.default_rng(0).standard_normal((50, 50))]
    theirs = torch.nn.Parameter(torch.linspace(-1, 1, 50, dtype=torch.float64))
    options = {"betas": (0.9, 0.99), "weight_decay": 0.1, "weight_decouple": True}
    opt = peer.Lion([theirs], lr=0.01, cautious=True, **options)
    for g in gradients:
        theirs.grad = torch.tensor(g)
        opt.step()
    ours = stepped(lambda p: fastopt.Lion(p, lr=0.01, weight_decay=0.1, decay="decoupled", cautious="count"), gradients)
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-12, atol=1e-12)


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
