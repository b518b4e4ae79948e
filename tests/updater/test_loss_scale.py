"""The dynamic loss scale: when it grows and shrinks, and that training in float16 needs it."""

from typing import Any

import numpy as np
import pytest
from examples import same_bits
from plain_model import PlainModel

import fastopt
from fastopt.kernels import RULES

BAD = {3, 4, 9}


def scales(scaler: fastopt.LossScaler, steps: int) -> list[float]:
    """The scale before each step, of which those in BAD have a gradient that is not finite."""
    p = np.zeros(3, "float16")
    opt = fastopt.SGD(p, lr=0.0, loss_scaler=scaler)
    seen = []
    for t in range(steps):
        seen.append(scaler.scale)
        grads = np.ones(3, "float16")
        grads[2] = np.inf if t in BAD else 1.0
        opt.step(grads)
    assert opt.skipped == len(BAD & set(range(steps)))
    assert opt.t == steps - opt.skipped
    return seen


def test_it_shrinks_after_a_skip_and_grows_after_an_interval() -> None:
    found = scales(fastopt.LossScaler(64.0, interval=2), 12)
    assert found == [64, 64, 128, 128, 64, 32, 32, 64, 64, 128, 64, 64]


def test_an_interval_that_was_made_smaller_holds_from_the_next_step_and_after_a_load() -> None:
    scaler, other = fastopt.LossScaler(64.0, interval=5), fastopt.LossScaler(64.0, interval=2)
    for _ in range(4):
        scaler.update(True)
    other.load_state_dict(scaler.state_dict())
    scaler.interval = 2
    for one in (scaler, other):
        one.update(True)
        assert one.scale == 128


def test_a_scaler_serves_the_optimizer_that_it_was_given_to_last() -> None:
    """Two would each undo a scale that the other has just changed."""
    scaler, p = fastopt.LossScaler(64.0), np.zeros(3, "float16")
    first = fastopt.SGD(p, lr=1.0, loss_scaler=scaler)
    with pytest.raises(ValueError, match="matches no parameter"):
        fastopt.SGD(p, lr=1.0, loss_scaler=scaler, groups={"b": {}})
    first.step(np.full(3, 64, "float16"))
    second = fastopt.SGD(np.zeros(3, "float16"), lr=1.0, loss_scaler=scaler)
    with pytest.raises(RuntimeError, match=r"was given to another optimizer since.*make a LossScaler for each"):
        first.step(np.full(3, 64, "float16"))
    assert (p.tolist(), first.t) == ([-1, -1, -1], 1)
    second.step(np.full(3, 64, "float16"))
    first.loss_scaler = scaler
    first.step(np.full(3, 64, "float16"))
    assert p.tolist() == [-2, -2, -2]


def test_a_range_test_gives_a_scaler_back_as_it_was() -> None:
    scaler, p = fastopt.LossScaler(64.0, interval=2), np.zeros(3, "float16")
    opt = fastopt.SGD(p, lr=1.0, loss_scaler=scaler)
    fastopt.lr_find(lambda: (1.0, np.ones(3, "float16")), p, "sgd", steps=10, loss_scaler=scaler)
    opt.step(np.full(3, 64, "float16"))
    assert (scaler.scale, scaler.applied, p.tolist()) == (64, 1, [-1, -1, -1])


def test_only_a_scaler_can_be_set_and_only_where_a_scale_is_undone() -> None:
    opt = fastopt.SGD(np.zeros(3), loss_scaler=fastopt.LossScaler())
    with pytest.raises(TypeError, match=r"must be a fastopt\.LossScaler or None; got 5"):
        opt.loss_scaler = 5  # type: ignore[assignment]
    plain = fastopt.SGD(np.zeros(3))
    with pytest.raises(ValueError, match="made without a loss_scaler"):
        plain.loss_scaler = fastopt.LossScaler()
    for one in (opt, plain):
        one.step(np.ones(3))


def test_it_stays_within_its_bounds() -> None:
    found = scales(fastopt.LossScaler(64.0, interval=1, growth=3.0, backoff=0.1, lowest=16.0, highest=100.0), 8)
    assert found == [64, 100, 100, 100, 16, 16, 48, 100]


@pytest.mark.peers
def test_it_is_torchs() -> None:
    import torch

    theirs = torch.amp.GradScaler("cpu", init_scale=64.0, growth_interval=2)
    p = torch.zeros(3, requires_grad=True)
    sgd = torch.optim.SGD([p], lr=0.0)
    seen = []
    for t in range(12):
        seen.append(theirs.get_scale())
        theirs.scale(torch.zeros(()))
        p.grad = torch.tensor([1.0, 1.0, np.inf if t in BAD else 1.0])
        theirs.step(sgd)
        theirs.update()
    assert seen == scales(fastopt.LossScaler(64.0, interval=2), 12)


def test_a_step_has_the_bits_of_one_with_the_gradient_unscaled() -> None:
    generator = np.random.default_rng(0)
    params = [generator.standard_normal(50).astype("float16") for _ in range(3)]
    scaler = fastopt.LossScaler(1024.0, interval=2)
    plain = PlainModel(RULES["adam"], params, {"grad_scale": 0.25}, scaler=fastopt.LossScaler(1024.0, interval=2))
    opt = fastopt.Adam(params, loss_scaler=scaler, grad_scale=0.25)
    for _ in range(6):
        grads = [generator.standard_normal(50).astype("float16") for _ in params]
        plain.step(grads)
        opt.step(grads)
        assert all(same_bits(a, b) for a, b in zip(params, plain.params, strict=True))


def clipped() -> tuple[fastopt.LossScaler, dict[str, Any], fastopt.Optimizer]:
    """With a clip, a schedule and gradients that are set to zero."""
    scaler, params = fastopt.LossScaler(1024.0), {name: np.zeros(2, "float32") for name in "ab"}
    return scaler, params, fastopt.SGD(params, lr=lambda t: 1 / t, loss_scaler=scaler, clip_norm=2.5, zero_grads=True)


def test_a_clip_is_of_the_gradients_without_the_scale() -> None:
    _, params, opt = clipped()
    opt.step({"a": np.array([768, 0], "float32"), "b": np.array([0, 1024], "float32")})
    assert [p.tolist() for p in params.values()] == [[-0.75, 0], [0, -1]]
    opt.step({"a": np.array([3072, 0], "float32"), "b": np.array([0, 4096], "float32")})
    assert [p.tolist() for p in params.values()] == [[-0.75 - 1.5 / 2, 0], [0, -1 - 2 / 2]]


def test_a_skipped_step_is_none_of_the_schedule_and_zeroes_the_gradients() -> None:
    scaler, params, opt = clipped()
    asked: list[int] = []
    opt.lr = lambda t: asked.append(t) or 1.0  # type: ignore[func-returns-value]
    asked.clear()  # It is asked once when it is set.
    for value in (np.inf, 1.0):
        grads = {name: np.full(2, value * scaler.scale, "float32") for name in params}
        opt.step(grads)
        assert not any(g.any() for g in grads.values())
    assert (asked, opt.t, opt.skipped, scaler.scale) == ([1, 1], 1, 1, 512)
    assert [p.tolist() for p in params.values()] == [[-1, -1]] * 2


def test_gradients_too_small_for_float16_train_with_it_and_not_without() -> None:
    def trained(scaler: fastopt.LossScaler | None) -> Any:
        # The minimum of 2e-8 / 2 * |p - 1|**2 from 0; the gradient is computed in float16.
        p = np.zeros(4, "float16")
        opt = fastopt.SGD(p, lr=1.5e7, loss_scaler=scaler)
        for _ in range(40):
            scale = 1.0 if scaler is None else scaler.scale
            opt.step((p - np.float16(1)) * np.float16(2e-8 * scale))
        return p

    assert np.allclose(trained(fastopt.LossScaler(1024.0)), 1, atol=0.02)
    assert not trained(None).any()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"scale": 0.0}, "scale"),
        ({"scale": np.nan}, "scale"),
        ({"scale": 2.0**30}, "scale"),
        ({"growth": 0.5}, "growth"),
        ({"backoff": 0.0}, "backoff"),
        ({"backoff": 1.5}, "backoff"),
        ({"interval": 0}, "interval"),
    ],
)
def test_what_makes_no_scale_is_refused(arguments: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        fastopt.LossScaler(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["scale", "growth", "backoff", "interval", "lowest", "highest"])
def test_arguments_are_numbers_and_the_interval_is_whole(name: str) -> None:
    for wrong in ("2", None, True, [2.0], *([2.5, 2000.0] if name == "interval" else [])):
        with pytest.raises(TypeError, match=f"^{name}(, in steps,)? must be a (whole )?number; got"):
            fastopt.LossScaler(**{name: wrong})
    value = {"interval": np.int64(5), "backoff": np.float32(0.5)}.get(name, np.float32(16.0))
    scaler = fastopt.LossScaler(**{"scale": 16.0, name: value})
    assert type(getattr(scaler, name)) in (int, float)
    scaler.load_state_dict(
        {"scale": np.float32(32.0), "applied": np.int64(2)} if name != "highest" else scaler.state_dict()
    )
    assert [type(value) for value in scaler.state_dict().values()] == [float, int]
    with pytest.raises(TypeError, match="loss_scaler must be"):
        fastopt.SGD(np.zeros(3), loss_scaler=1024.0)
