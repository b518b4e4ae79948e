"""The numbers that steps have, and the norm that the clip of the latest step saw, can be read."""

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
from examples import same_bits

import fastopt
from fastopt import schedules
from fastopt.kernels import norm


class Falling:
    """A function of the step that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, t: int) -> float:
        self.calls += 1
        return 1.0 / t


def made(**options: Any) -> fastopt.Optimizer:
    params = {"W": np.ones(3, "float32"), "b": np.ones(3, "float32"), "c": np.ones(3, "float32")}
    groups = {"b": {"lr": 0.5}, "[bc]": {"weight_decay": 0.25}}
    return fastopt.SGD(params, weight_decay=0.5, **{"lr": Falling(), "groups": groups, **options})


def grads(value: float = 1.0) -> dict[str, Any]:
    return {name: np.full(3, value, "float32") for name in "Wbc"}


def test_numbers_are_those_of_the_step_to_come_or_of_the_latest() -> None:
    opt = made(lr=schedules.inverse_time(1.0, rate=1.0))
    with pytest.raises(RuntimeError, match="no step was applied yet"):
        opt.numbers(last=True)
    of_all = {"lr": opt.lr(1), "weight_decay": 0.5}
    assert opt.numbers() == opt.numbers("W") == of_all
    assert opt.numbers("b") == {"lr": 0.5, "weight_decay": 0.25}
    assert opt.numbers("c") == opt.numbers("[bc]") == of_all | {"weight_decay": 0.25}
    opt.step(grads())
    opt.weight_decay = 0.125
    assert opt.numbers() == {"lr": opt.lr(2), "weight_decay": 0.125}
    for of in (None, "W"):
        assert opt.numbers(of, last=True) == of_all
    assert opt.numbers("b", last=True) == {"lr": 0.5, "weight_decay": 0.25}
    # No parameter had the rate of all with the decay of the group but c.
    assert opt.numbers("[bc]", last=True) == opt.numbers("c", last=True) == of_all | {"weight_decay": 0.25}


def test_the_latest_numbers_are_those_that_the_step_used_and_no_function_is_called_again() -> None:
    opt = made()
    for _ in range(2):
        opt.step(grads())
    calls = opt.lr.calls
    assert opt.numbers(last=True)["lr"] == 0.5
    assert opt.lr.calls == calls
    opt.lr = 7.0
    assert (opt.numbers(last=True)["lr"], opt.numbers()["lr"]) == (0.5, 7.0)


def test_all_but_numbers_are_left_out_and_a_loss_scale_is_in() -> None:
    scaler = fastopt.LossScaler(4.0)
    opt = fastopt.SGD(np.ones(2, "float32"), lr=1, momentum=0.9, nesterov=True, ema=0.5, loss_scaler=scaler)
    opt.step(np.ones(2, "float32"))
    assert opt.numbers() == {"lr": 1, "momentum": 0.9, "grad_scale": 0.25, "ema": 0.5}
    assert opt.numbers(last=True) == opt.numbers()
    scaler.scale = 8.0
    assert (opt.numbers(last=True)["grad_scale"], opt.numbers()["grad_scale"]) == (0.25, 0.125)


def test_a_number_that_every_parameter_took_from_a_group_was_used_by_the_group_alone() -> None:
    opt = fastopt.SGD([np.ones(2, "float32")], lr=lambda t: 1 / 0 if t > 1 else 1.0, groups={"*": {"lr": 0.5}})
    opt.step([np.ones(2, "float32")])
    assert "lr" not in opt.numbers(last=True)
    assert opt.numbers("*", last=True)["lr"] == opt.numbers("0")["lr"] == 0.5
    with pytest.raises(ZeroDivisionError):
        opt.numbers()


def test_another_name_is_refused() -> None:
    opt = made()
    with pytest.raises(ValueError, match=r"of='d' is no parameter and no pattern of groups"):
        opt.numbers("d")
    with pytest.raises(TypeError, match="of must be the name of a parameter, or a pattern"):
        opt.numbers(3.0)  # type: ignore[arg-type]


def test_copies_have_both_and_a_load_and_a_sync_have_none() -> None:
    opt = made(clip_norm=1.0, lr=schedules.inverse_time(1.0, rate=1.0))
    opt.step(grads())
    opt.weight_decay = 3.0
    wanted = opt.numbers(last=True), opt.grad_norm
    for other in (copy.deepcopy(opt), pickle.loads(pickle.dumps(opt))):
        assert (other.numbers(last=True), other.grad_norm) == wanted
        assert other.numbers("b", last=True) == opt.numbers("b", last=True)
    other = made(clip_norm=1.0)
    other.load_state_dict(opt.state_dict())
    opt.sync()
    for one in (opt, other):
        assert one.grad_norm is None
        with pytest.raises(RuntimeError, match="none since a load"):
            one.numbers(last=True)


def test_the_norm_is_that_of_all_gradients_before_the_clip() -> None:
    drawn = np.random.default_rng(0)
    given = {name: drawn.standard_normal(3).astype("float32") for name in "Wbc"}
    for options in ({"clip_norm": 0.25}, {"clip_norm": 0.25, "clip_array_norm": 0.125, "clip_eps": 1.0}):
        opt = made(grad_scale=0.5, clip_value=0.25, skip_nonfinite=True, **options)
        assert opt.grad_norm is None
        opt.step(given)
        seen = [np.clip(np.float32(0.5) * g, np.float32(-0.25), np.float32(0.25)) for g in given.values()]
        assert opt.grad_norm == norm(seen)
        assert type(opt.grad_norm) is float
        # A parameter without a gradient is not counted.
        opt.step({**given, "W": None})
        assert opt.grad_norm == norm(seen[1:])
        opt.step(grads(np.nan))
        assert math.isnan(opt.grad_norm)
        assert (opt.skipped, opt.t) == (1, 2)
        assert opt.numbers(last=True) == opt.numbers() | {"lr": 0.5}


def test_a_limit_of_infinity_only_measures_and_without_clip_norm_nothing_does() -> None:
    opt, plain = made(clip_norm=math.inf), made()
    for one in (opt, plain):
        one.step(grads(2.0))
    assert opt.grad_norm == norm([*grads(2.0).values()])
    assert same_bits(opt.params["W"], plain.params["W"])
    with pytest.raises(AttributeError, match=r"made without clip_norm.*clip_norm=math.inf"):
        _ = plain.grad_norm
    with pytest.raises(AttributeError, match="grad_norm cannot be set"):
        opt.grad_norm = 1.0  # type: ignore[misc]


def test_a_step_that_failed_or_was_interrupted_leaves_both(monkeypatch: pytest.MonkeyPatch) -> None:
    opt = made(clip_norm=1.0)
    opt.step(grads())
    before = opt.numbers(last=True), opt.grad_norm

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("fastopt.kernels.step.executors.Attended.write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            opt.step(grads(5.0))
    with pytest.raises(ValueError, match="shape"):
        opt.step({**grads(), "W": np.ones(2, "float32")})
    assert (opt.numbers(last=True), opt.grad_norm, opt.t) == (*before, 1)
