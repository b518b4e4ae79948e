"""The copy of the weights in 16 bits follows whatever fastopt writes, and by `refresh` what the caller writes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastopt


def weights(value: float) -> dict[str, Any]:
    return {"a": np.full(3, value, "float32"), "b": np.full((2, 2), value, "float32")}


def followed(opt: fastopt.Optimizer) -> bool:
    return all((opt.cast[name] == p.astype("float16")).all() for name, p in opt.params.items())


def moved(opt: fastopt.Optimizer, value: float = 1.0) -> None:
    opt.step({name: np.full_like(p, value) for name, p in opt.params.items()})


@pytest.fixture
def opt() -> fastopt.Optimizer:
    made = fastopt.SGD(weights(1.0), lr=0.1, cast_to="float16", ema=0.5)
    moved(made)
    return made


def test_early_stopping_and_the_bold_driver_put_it_back_too(opt: fastopt.Optimizer) -> None:
    stopping, driver = fastopt.EarlyStopping(params=opt.params), fastopt.BoldDriver(params=opt.params)
    stopping.update(1.0)
    driver.update(1.0)
    for put_back in (stopping.restore, lambda: driver.update(2.0)):
        moved(opt)
        put_back()
        assert opt.params["a"][0] == np.float32(0.9)
        assert followed(opt)


def test_weights_that_are_put_back_in_part_have_their_copies(opt: fastopt.Optimizer) -> None:
    stopping = fastopt.EarlyStopping(params=opt.params)
    stopping.update(1.0)
    moved(opt)
    opt.params["b"].flags.writeable = False
    with pytest.raises(ValueError, match=r"params\['b'\] is read-only"):
        stopping.restore()
    assert opt.params["a"][0] == pytest.approx(0.8)  # Nothing has been put back.
    opt.params["b"].flags.writeable = True
    copies = stopping._weights._copies
    copies[1] = np.ones(5, "float32")  # As an interrupt does, this ends it in its middle.
    with pytest.raises(ValueError, match="broadcast"):
        stopping.restore()
    assert opt.params["a"][0] == np.float32(0.9)
    assert followed(opt)


def test_a_changed_container_of_another_optimizer_is_no_trouble(opt: fastopt.Optimizer) -> None:
    other = fastopt.SGD({"only": np.ones(3, "float32")}, cast_to="float16")
    other.params["more"] = np.ones(3, "float32")
    stopping = fastopt.EarlyStopping(params=opt.params)
    stopping.update(1.0)
    moved(opt)
    stopping.restore()
    assert followed(opt)


def test_small_steps_are_lost_in_16_bits_and_kept_with_a_copy_in_16_bits() -> None:
    half = fastopt.SGD({"a": np.ones(3, "float16")}, lr=1e-4)
    whole = fastopt.SGD(weights(1.0), lr=1e-4, cast_to="float16", ema=0.5)
    for _ in range(100):
        moved(half)
        moved(whole)
    assert (half.params["a"] == 1).all()
    assert whole.params["a"] == pytest.approx([0.99] * 3, rel=1e-5)
    assert followed(whole)


def test_a_range_test_puts_it_back_too(opt: fastopt.Optimizer) -> None:
    gradient = lambda: (1.0, {name: np.ones_like(p) for name, p in opt.params.items()})  # noqa: E731
    fastopt.lr_find(gradient, opt.params, "sgd", steps=10)
    assert followed(opt)


def test_a_part_of_a_state_brings_it_too(opt: fastopt.Optimizer, tmp_path: Path) -> None:
    plain = fastopt.SGD(weights(5.0), lr=0.1)
    opt.load_state_dict(plain.state_dict(), partial=True)
    assert (opt.cast["a"] == 5).all()
    # A copy without its weights would be of other weights.
    other = fastopt.SGD(weights(7.0), lr=0.1, cast_to="float16", ema=0.5)
    other.save(tmp_path / "s", params=False)
    opt.load(tmp_path / "s")
    assert (opt.params["a"] == 5).all()
    assert followed(opt)


def test_what_the_caller_writes_comes_by_refresh(opt: fastopt.Optimizer) -> None:
    average = opt.ema["a"].copy()
    opt.params["a"][...] = 3.0
    opt.params["b"] = np.full((2, 2), 4.0, "float32")
    assert not followed(opt)
    opt.refresh()
    assert followed(opt)
    # An average of some means is of steps, and stays; one of none is the weight.
    assert (opt.ema["a"] == average).all()
    fresh = fastopt.SGD(weights(1.0), lr=0.1, ema=0.5)
    fresh.params["a"][...] = 3.0
    fresh.refresh()
    assert (fresh.ema["a"] == 3).all()
