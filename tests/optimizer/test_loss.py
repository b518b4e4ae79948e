"""`loss`: a number that a formula is given in each step, beside the gradients."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import same_bits
from stepping import in_numpy, replayed
from stepping import on as on

import fastopt
from fastopt import RowSparse
from fastopt.kernels import norm, rule


@rule(require="0 <= lr < inf")
def by_loss(p, g, *, loss, lr=1.0):  # type: ignore[no-untyped-def]
    """A step as long as the loss."""
    return p - lr * loss * g


@rule(require="0 <= lr < inf")
def polyak(p, g, *, loss, lr=1.0):  # type: ignore[no-untyped-def]
    """Polyak's step over the model."""
    size = norm(g, over="model")
    return p - lr * loss / (size * size) * g


G = np.full(3, 0.5, "float32")


def stepped(loss: Any, **options: Any) -> tuple[Any, fastopt.Optimizer]:
    p = np.ones(3, "float32")
    opt = fastopt.Optimizer(p, by_loss, **options)
    opt.step(G, loss=loss)
    return p, opt


@pytest.mark.parametrize("loss", [2, 2.0, np.float32(2), np.float64(2), np.int64(2), np.array(2.0), np.array(2)])
def test_a_loss_is_a_number_or_an_array_of_no_dimensions(loss: Any) -> None:
    assert same_bits(stepped(loss)[0], by_loss.reference(np.ones(3, "float32"), G, loss=2.0)[0])


def test_steps_have_their_losses_on_every_path() -> None:
    p, alone = np.ones(3, "float32"), np.ones(3, "float32")
    opt = fastopt.Optimizer(p, by_loss, grad_scale=0.5, lr=lambda t: 1 / t)
    for t in (1, 2, 3):
        opt.update(p, G, loss=t + 0.25)
        by_loss(alone, G * np.float32(0.5), loss=t + 0.25, lr=1 / t)
        assert same_bits(p, alone)


def test_a_loss_and_norms_have_numpys_bits_on_every_backend(on: Any) -> None:
    generator = np.random.default_rng(0)
    params, grads = ([generator.standard_normal(n).astype("float32") for n in (3, 70)] for _ in range(2))
    wanted = in_numpy(params, grads, polyak, {})
    if on is replayed:
        with pytest.raises(ValueError, match="works out all steps beforehand, but polyak takes the loss"):
            on(params, grads, polyak, {})
    else:
        on(params, grads, polyak, {})
        assert all(map(same_bits, params, wanted))


BAD = [
    ({}, TypeError, r"by_loss needs the loss of the step; pass it by name, as in step\(grads, loss=loss\)"),
    ({"loss": "2"}, TypeError, "by_loss: loss must be a number; got '2'"),
    ({"loss": True}, TypeError, "by_loss: loss must be a number; got True"),
    ({"loss": np.ones(1)}, TypeError, r"by_loss: loss must be a number; got an ndarray of shape \(1,\)"),
    ({"loss": 1j}, TypeError, "by_loss: loss must be a number; got 1j"),
    ({"loss": np.complex64(1)}, TypeError, "by_loss: loss must be a number; got"),
    ({"loss": np.array("2")}, TypeError, "by_loss: loss must be a number; got '2'"),
    ({"loss": np.array(True)}, TypeError, "by_loss: loss must be a number; got True"),
    ({"loss": [1.0]}, TypeError, "by_loss: loss must be a number; got"),
    ({"loss": math.nan}, ValueError, "by_loss: loss is nan, from which no step can be worked out; .* skip_nonfinite"),
    ({"loss": np.float32(-np.inf)}, ValueError, "by_loss: loss is -inf"),
]


@pytest.mark.parametrize(("given", "error", "message"), BAD)
def test_a_loss_that_is_missing_or_no_finite_number_changes_nothing(given: Any, error: Any, message: str) -> None:
    p = np.ones(3, "float32")
    opt = fastopt.Optimizer(p, by_loss)
    calls: list[Any] = [lambda: opt.step(G, **given), lambda: opt.update(p, G, **given), lambda: by_loss(p, G, **given)]
    for call in calls:
        with pytest.raises(error, match=message):
            call()
        assert (p == 1).all()
        assert opt.t == 0


def test_a_rule_without_a_loss_refuses_it() -> None:
    p = np.ones(3, "float32")
    opt = fastopt.SGD(p)
    for call in (lambda: opt.step(G, loss=1.0), lambda: fastopt.kernels.sgd(p, G, loss=1.0)):
        with pytest.raises(TypeError, match="sgd takes no loss; leave loss out"):
            call()
    assert (p == 1).all()


def test_a_step_whose_loss_is_not_finite_is_skipped_where_gradients_are() -> None:
    for loss in (math.nan, math.inf):
        p, opt = stepped(loss, skip_nonfinite=True)
        assert (p == 1).all()
        assert (opt.t, opt.skipped) == (0, 1)
        opt.step(G, loss=2.0)
        assert (opt.t, opt.skipped) == (1, 1)
        assert (p == 0).all()


def test_rows_that_are_late_have_the_losses_of_their_steps() -> None:
    @rule(require="0 <= lr < inf")
    def decaying(p, g, *, loss, lr=1.0):  # type: ignore[no-untyped-def]
        """A row without a gradient moves as far as the loss says."""
        return p - lr * (g + loss * p)

    dense, sparse = np.ones((4, 2)), np.ones((4, 2))
    opts = [fastopt.Optimizer([p], decaying) for p in (dense, sparse)]
    for row in (0, 2, 2, 3):
        gradient = RowSparse([row], np.ones((1, 2)))
        opts[0].step([gradient.dense((4, 2))], loss=0.1 + row)
        opts[1].step([gradient], loss=0.1 + row)
    opts[1].flush()
    assert same_bits(dense, sparse)


def test_a_watched_step_has_its_loss(tmp_path: Path) -> None:
    p, opt = stepped(2.0)
    with opt.watch(tmp_path / "watch", every=1):
        opt.step(G, loss=4.0)
    assert (p == -2).all()


def test_a_loss_that_is_climbed_is_one_that_falls() -> None:
    p, other = np.zeros(1), np.zeros(1)
    up = fastopt.Optimizer(p, polyak, maximize=True)
    down = fastopt.Optimizer(other, polyak)
    for _ in range(3):
        up.step(-2 * (p - 3), loss=-float((p[0] - 3) ** 2))
        down.step(2 * (other - 3), loss=float((other[0] - 3) ** 2))
        assert same_bits(p, other)


def test_a_loss_scaler_leaves_the_loss_alone() -> None:
    p, alone = np.ones(3, "float32"), np.ones(3, "float32")
    scaler = fastopt.LossScaler(8.0)
    opt = fastopt.Optimizer(p, by_loss, loss_scaler=scaler)
    opt.step(8 * G, loss=1.5)
    fastopt.Optimizer(alone, by_loss).step(G, loss=1.5)
    assert same_bits(p, alone)
    opt.step(G, loss=math.inf)
    assert (opt.skipped, scaler.scale) == (1, 4.0)


def test_a_rule_has_a_loss_without_a_default_and_uses_it() -> None:
    with pytest.raises(TypeError, match="loss is never used; leave loss out of the signature"):

        @rule
        def idle(p, g, *, loss, lr=0.1):  # type: ignore[no-untyped-def]
            return p - lr * g

    with pytest.raises(TypeError, match="loss is the loss of a step, which has no default; write `loss` alone"):

        @rule
        def ordinary(p, g, *, loss=0.5):  # type: ignore[no-untyped-def]
            return p - loss * g
