"""Slots that start as the parameter: start={"z": "p"}."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import same_bits
from stepping import in_numpy
from stepping import on as on

import fastopt
from fastopt.kernels import rule


@rule(require="0 <= lr < inf", start={"z": "p", "h": "initial"})
def pulled(p, g, z, h, *, lr=0.1, initial=2.0):  # type: ignore[no-untyped-def]
    """Descent that is pulled back to where it began."""
    return p - lr * (g + 0.5 * (p - z)), z, h + g * g


def weights(dtype: Any = "float32") -> list[Any]:
    generator = np.random.default_rng(1)
    return [generator.standard_normal(shape).astype(dtype) for shape in ((3, 2), (4,))]


def z(opt: fastopt.Optimizer) -> list[Any]:
    return [slots["z"] for slots in opt.state]


def test_a_slot_has_the_weights_that_the_first_step_meets() -> None:
    params = weights("float16")
    opt = fastopt.Optimizer(params, pulled)
    assert all(
        slot.dtype == "float32" and same_bits(slot, p.astype("float32")) for slot, p in zip(z(opt), params, strict=True)
    )
    params[0][...] = 3.0  # Written by hand, as when weights are loaded after the optimizer was made.
    params[1][...] = 4.0
    opt.step([np.ones_like(params[0]), None])
    assert (z(opt)[0] == 3).all()
    params[0][...] = 5.0
    params[1][...] = 6.0
    opt.step([np.ones_like(p) for p in params])
    assert (z(opt)[0] == 3).all()  # Not the first step any more.
    assert (z(opt)[1] == 6).all()
    assert (opt.state[0]["h"] == 4).all()


def test_every_backend_has_numpys_bits(on: Any) -> None:
    params, grads = weights(), [g[::-1].copy() for g in weights()]
    wanted = in_numpy(params, grads, pulled, {})
    on(params, grads, pulled, {})
    assert all(map(same_bits, params, wanted))


def test_before_the_first_step_it_follows_whoever_writes_weights(tmp_path: Path) -> None:
    params = weights()
    opt = fastopt.Optimizer(params, pulled)
    opt.save(tmp_path / "state")
    params[0][...] = 3.0
    opt.refresh()
    assert (z(opt)[0] == 3).all()
    opt.load(tmp_path / "state")
    assert all(map(same_bits, z(opt), params))
    stopping = fastopt.EarlyStopping(params=params)
    stopping.update(1.0)
    params[0][...] = 4.0
    stopping.restore()
    assert all(map(same_bits, z(opt), params))


def test_a_skipped_step_is_no_first_step() -> None:
    params = weights()
    opt = fastopt.Optimizer(params, pulled, skip_nonfinite=True)
    opt.step([np.full_like(p, np.nan) for p in params])
    params[0][...] = 3.0
    opt.step([np.ones_like(p) for p in params])
    assert (z(opt)[0] == 3).all()


def test_an_average_begins_at_the_weights_that_its_first_step_meets() -> None:
    params = weights()
    opt = fastopt.SGD(params, lr=0.0, ema=0.5, clip_norm=1.0)
    params[0][...] = 3.0
    opt.step([np.ones_like(p) for p in params])
    assert (opt.ema[0] == 3).all()


def test_copies_files_and_other_trees_keep_it(tmp_path: Path) -> None:
    params = weights()
    opt = fastopt.Optimizer(params, pulled)
    grads = [np.ones_like(p) for p in params]
    opt.step(grads)
    kept = [slot.copy() for slot in z(opt)]
    opt.save(tmp_path / "state")
    other = fastopt.Optimizer(weights(), pulled)
    other.load(tmp_path / "state")
    twin = copy.deepcopy(opt)
    opt.params = [*params, joined := np.full(2, 7.0, "float32")]
    opt.sync()
    opt.step([*grads, np.ones(2, "float32")])
    for one in (other, twin):
        one.params[0][...] = 9.0
        one.step(grads)
    for one in (opt, other, twin):
        assert all(map(same_bits, z(one)[:2], kept))
    assert (z(opt)[2] == 7).all()
    assert (joined != 7).all()


def test_a_number_of_ones_own_goes_before_it() -> None:
    params = weights()
    opt = fastopt.Optimizer(params, pulled, start={"z": 0.25})
    opt.step([np.ones_like(p) for p in params])
    assert all((slot == 0.25).all() for slot in z(opt))


def test_state_of_another_type_or_shape_is_refused_and_nothing_is_changed() -> None:
    p, g, h = np.ones(3, "float32"), np.ones(3, "float32"), np.zeros(3, "float32")
    with pytest.raises(TypeError, match=r"z is float64 but p is float32; .*: convert it with z\.astype"):
        pulled(p, g, np.ones(3), h)
    with pytest.raises(ValueError, match=r"z has shape \(2,\)"):
        pulled(p, g, np.ones(2, "float32"), h)
    params = weights()
    opt = fastopt.Optimizer({"w": params[0]}, pulled)
    opt.params["w"] = params[0].astype("float64")
    with pytest.raises(ValueError, match=r"params\['w'\] is computed in float64, but its state float32; put an array"):
        opt.step({"w": np.ones((3, 2))})
    saved = fastopt.Optimizer({"w": params[0].astype("float64")}, pulled).state_dict()
    opt.params["w"] = params[0]
    with pytest.raises((TypeError, ValueError), match=r"z/w was saved as float64, but .* is float32"):
        opt.load_state_dict(saved, params=False)
    assert same_bits(z(opt)[0], params[0])
    assert (p == 1).all()


def test_a_start_that_no_rule_has_is_refused() -> None:
    with pytest.raises(TypeError, match="slot 'z' starts at 'q', which is neither the parameter nor a hyperparameter"):

        @rule(start={"z": "q"})
        def mine(p, g, z, *, lr=0.1):  # type: ignore[no-untyped-def]
            return p - lr * (g + z), z


def test_an_interrupt_before_the_first_step_leaves_it_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    params = weights()
    opt = fastopt.Optimizer(params, pulled)
    params[0][...], params[1][...] = 3.0, 4.0

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    grads = [np.ones_like(p) for p in params]
    with monkeypatch.context() as patch:
        patch.setattr("fastopt.updater.section.set_to", interrupted)
        with pytest.raises(KeyboardInterrupt):
            opt.step(grads)
    opt.step([np.ones_like(p) for p in params])
    assert (z(opt)[0] == 3).all()
    assert (z(opt)[1] == 4).all()


def test_a_load_of_other_weights_leaves_what_starts_as_them() -> None:
    params = weights("float16")
    opt = fastopt.Optimizer(params, pulled)
    opt.step([np.ones_like(p) for p in params])
    saved = opt.state_dict()
    other = fastopt.Optimizer(weights(), pulled)
    report = other.load_state_dict(saved, partial=True)
    assert all(map(same_bits, z(other), other.params))
    assert any(
        "z/0: as it was, since z/0 start as the parameter, which does not fit" in told for told in report.changed
    )


def test_what_acts_once_is_a_groups_own_and_cannot_be_set_later() -> None:
    params = weights()
    opt = fastopt.Optimizer(params, pulled, groups={"1": {"initial": 0.5}})
    assert [float(slots["h"].flat[0]) for slots in opt.state] == [2.0, 0.5]
    for numbers in (opt.hyper, opt.groups["1"]):
        with pytest.raises(ValueError, match=r"initial acts once, before the first step; make another optimizer"):
            numbers["initial"] = 0.25
    with pytest.raises(TypeError, match="initial acts once, before the first step; pass a number, not a function"):
        fastopt.Optimizer(params, pulled, initial=lambda t: 1.0)


@pytest.mark.parametrize("start", [{"z": None}, {"z": 1j}, {"z": float("nan")}, {"z": True}, {"z": 10**400}])
def test_a_start_is_a_finite_number_or_a_name(start: Any) -> None:
    with pytest.raises(
        TypeError, match="slot 'z' must start at a finite number, at the parameter or at a hyperparameter"
    ):

        @rule(start=start)
        def mine(p, g, z, *, lr=0.1):  # type: ignore[no-untyped-def]
            return p - lr * (g + z), z
