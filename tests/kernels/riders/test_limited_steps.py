"""clip_update limits the root mean square of a step, over lr; within the limit the bits are those without it."""

from typing import Any

import numpy as np
import pytest
from examples import same_bits

import fastopt
from fastopt.kernels import rule


@rule
def unrated(p, g):  # type: ignore[no-untyped-def]
    return p - g


def course(p: Any, grads: Any, rule: Any = "sgd", **options: Any) -> list[Any]:
    """An array before each step and after the last, in NumPy."""
    opt = fastopt.Optimizer([p], rule, **options)
    definition, after = opt._updater.definition, [p]
    arrays = [*opt._updater.state[0].values(), *opt._updater.taken.scales[0]]
    for t, g in enumerate(grads, 1):
        new, *written = definition.reference(after[-1], g, *arrays, t=t, **opt.hyper)
        arrays[: len(written)] = written
        after.append(new)
    return after


def stepped(p: Any, g: Any, rule: Any = "sgd", **options: Any) -> Any:
    """What a step subtracts from an array, in NumPy."""
    return p - course(p, [g], rule, **options)[-1]


P, G = np.array([0.5, -0.25]), np.array([3.0, -4.0])  # G has the root mean square 5 / sqrt(2)


def test_a_step_is_limited_as_a_multiple_of_the_rate() -> None:
    np.testing.assert_allclose(stepped(P, G, lr=0.5, clip_update=1.0), 0.5 * G * np.sqrt(2) / 5, rtol=1e-15)
    np.testing.assert_allclose(stepped(P, G, unrated, clip_update=1.0), G * np.sqrt(2) / 5, rtol=1e-15)


def test_what_multiplies_the_rate_does_not_loosen_the_limit() -> None:
    moved = stepped(P, G, lr=0.5, lr_scale={"0": np.full(2, 2.0)}, clip_update=1.0)
    np.testing.assert_allclose(moved, 0.5 * G * np.sqrt(2) / 5, rtol=1e-15)


@pytest.mark.parametrize("limit", [np.inf, 4.0])
def test_within_the_limit_no_bit_changes(limit: float) -> None:
    p, g = np.random.default_rng(0).standard_normal((2, 50)).astype("float32")
    assert same_bits(stepped(p, g, lr=0.1, clip_update=limit), stepped(p, g, lr=0.1))


@pytest.mark.parametrize("decay", ["decoupled", "decoupled_with", "decoupled_after"])
def test_decoupled_decay_is_no_part_of_the_step(decay: str) -> None:
    options = {"lr": 0.5, "weight_decay": 0.5, "decay": decay}
    rest = stepped(P, 0 * G, **options)
    np.testing.assert_allclose(rest, 0.25 * P)
    moved = stepped(P, G, clip_update=1e-9, **options)
    np.testing.assert_allclose(moved, rest, atol=1e-8)
    assert (moved != rest).all()


def test_a_rate_of_zero_moves_nothing() -> None:
    assert not stepped(P, G, lr=0.0, clip_update=1.0).any()
    assert not stepped(P, 0 * G, lr=1.0, clip_update=1.0).any()


def test_a_cautious_step_is_limited_as_it_comes_out() -> None:
    grads = [G, np.array([-1.0, -4.0])]  # The first element would go on along its second gradient.
    _, before, p = course(P, grads, "momentum", lr=1.0, momentum=0.5, cautious="mean", clip_update=1.0)
    np.testing.assert_allclose(p - before, [0, np.sqrt(2)], rtol=1e-15)


def test_it_is_the_clip_of_adafactor() -> None:
    """RMSprop, its update divided by max(1, RMS(update) / d) before the rate multiplies it."""
    grads = np.random.default_rng(0).standard_normal((5, 2))
    p, v, lr, d = P, np.zeros(2), 0.1, 0.8
    for g in grads:
        v = 0.9 * v + 0.1 * g * g
        update = g / np.sqrt(v)
        p = p - lr * update / max(1.0, np.sqrt((update * update).mean()) / d)
    ours = course(P, grads, "rmsprop", lr=lr, alpha=0.9, eps=1e-30, clip_update=d)
    np.testing.assert_allclose(ours[-1], p, rtol=1e-13)
