"""clip_ratio limits a gradient's norm over that of its array; within the limit the bits are those without it."""

from typing import Any

import numpy as np
import pytest
from examples import same_bits
from stepping import in_numpy

import fastopt


def stepped(p: Any, g: Any, **options: Any) -> Any:
    """What a step of SGD with the rate 1 subtracts from an array, in NumPy."""
    return p - in_numpy([p], [g], "sgd", {"lr": 1.0, **options}, steps=1)[0]


def test_the_limit_is_a_multiple_of_the_arrays_norm() -> None:
    p, g = np.array([3.0, 4.0]), np.array([0.0, 8.0])
    np.testing.assert_allclose(stepped(p, g, clip_ratio=0.5), [0, 2.5], rtol=1e-15)
    # After the other clips, which leave a norm of 2.
    np.testing.assert_allclose(stepped(p, g, clip_ratio=0.5, clip_array_norm=2.0), [0, 2], rtol=1e-15)
    np.testing.assert_allclose(stepped(p, g, clip_ratio=0.1, clip_norm=2.0), [0, 0.5], rtol=1e-15)


def test_a_small_array_counts_as_the_floor() -> None:
    zero, g = np.zeros(2), np.array([0.0, 8.0])
    np.testing.assert_allclose(stepped(zero, g, clip_ratio=0.5), [0, 0.5e-3], rtol=1e-15)
    np.testing.assert_allclose(stepped(zero, g, clip_ratio=0.5, clip_ratio_floor=2.0), [0, 1], rtol=1e-15)


@pytest.mark.parametrize("ratio", [np.inf, 1e4])
def test_within_the_limit_no_bit_changes(ratio: float) -> None:
    p, g = np.random.default_rng(0).standard_normal((2, 50)).astype("float32")
    assert same_bits(stepped(p, g, clip_ratio=ratio), stepped(p, g))


def test_a_group_can_have_none_and_the_floor_is_read_and_set() -> None:
    one, four = np.ones(1), np.full(1, 4.0)
    opt = fastopt.SGD({"a": one, "b": one.copy()}, lr=1.0, clip_ratio=0.5, groups={"b": {"clip_ratio": np.inf}})
    assert opt.clip_ratio_floor == 1e-3
    opt.clip_ratio_floor = 2.0
    given = [{**opt.hyper}, {**opt.hyper, **opt.groups["b"]}]
    (a,), (b,) = opt._updater.definition.references([(one, four)] * 2, given=given)
    assert (a[0], b[0]) == (0.0, -3.0)


@pytest.mark.peers
def test_of_a_vector_it_is_optaxs() -> None:
    """optax limits the units of an array; a vector has one."""
    optax, jax = pytest.importorskip("optax"), pytest.importorskip("jax")
    p, g = np.random.default_rng(0).standard_normal((2, 50))
    with jax.enable_x64(True):
        peer = optax.adaptive_grad_clip(0.3, eps=1e-3)
        wanted, _ = peer.update(jax.numpy.asarray(g), peer.init(p), jax.numpy.asarray(p))
        np.testing.assert_allclose(stepped(p, g, clip_ratio=0.3), np.asarray(wanted), rtol=1e-12, atol=1e-15)
