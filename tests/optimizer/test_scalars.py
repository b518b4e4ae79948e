"""A parameter without dimensions takes as gradient what a reduction gives, a scalar of NumPy's."""

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import fastopt
from fastopt.kernels import RULES

SCALARS = [("float32", np.float32), ("float64", np.float64), ("float32", np.float16), ("float16", ml_dtypes.bfloat16)]


@pytest.mark.parametrize(("storage", "kind"), SCALARS)
def test_a_scalar_is_the_gradient_of_a_parameter_without_dimensions(storage: str, kind: Any, tmp_path: Path) -> None:
    params = [{"s": np.array(1, storage), "W": np.ones(3, storage)} for _ in range(2)]
    one, other = (fastopt.SGD(p, lr=0.5) for p in params)
    with one.watch(tmp_path / "watch", every=2) as watch:
        for value in (0.5, 0.25, 2.0):
            W = np.full(3, value, storage)
            one.step({"s": kind(value), "W": W})
            other.step({"s": np.array(kind(value)), "W": W})
            assert params[0]["s"].tobytes() == params[1]["s"].tobytes()
        watch.flush()
    one.step({"s": W.sum(dtype=kind), "W": None})
    assert params[0]["s"] == params[1]["s"] - 3


def test_a_rule_takes_it_too_call_after_call() -> None:
    w, other = np.array(1.0), np.array(1.0)
    for gradient in (np.float64(2.0), np.float64(1.0)):
        RULES["sgd"](w, gradient, lr=0.25)
        RULES["sgd"](other, np.array(gradient), lr=0.25)
    assert w == other == 0.25


@pytest.mark.parametrize(
    ("gradient", "message"),
    [
        (np.float64(1), r"grads\[0\] is float64 but params\[0\] is float32; .*astype\('float32'\)"),
        (np.int64(1), r"grads\[0\] is an array of int64"),
        (np.ones(1, "float32"), r"grads\[0\] has shape \(1,\) but params\[0\] has shape \(\)"),
        (0.5, r"grads\[0\]: expected an array; got 0.5, a float"),
    ],
)
def test_other_numbers_are_refused(gradient: Any, message: str) -> None:
    opt = fastopt.SGD([np.array(1, "float32")])
    with pytest.raises((TypeError, ValueError), match=message):
        opt.step([gradient])
    assert (opt.t, opt.params[0]) == (0, 1)


def test_it_is_the_gradient_of_no_other_parameter() -> None:
    with pytest.raises(ValueError, match=r"grads\[0\] has shape \(\) but params\[0\] has shape \(3,\)"):
        fastopt.SGD([np.ones(3)]).step([np.float64(1)])


def test_it_cannot_be_set_to_zero(tmp_path: Path) -> None:
    opt = fastopt.SGD([np.array(1.0)], zero_grads=True)
    message = r"grads\[0\] is a scalar, which zero_grads cannot set to zero; pass an array"
    with pytest.raises(TypeError, match=message):
        opt.step([np.float64(1)])
    with opt.watch(tmp_path / "watch"), pytest.raises(TypeError, match=message):
        opt.step([np.float64(1)])
    assert opt.t == 0


def test_a_parameter_that_an_operation_made_a_scalar_is_refused_with_a_way_out() -> None:
    params = {"s": np.array(1.0)}
    opt = fastopt.SGD(params)
    params["s"] = params["s"] - 0.5
    for call in (lambda: opt.step({"s": np.float64(1)}), lambda: opt.update(params, {"s": np.float64(1)})):
        with pytest.raises(
            TypeError, match=r"params\['s'\]: .*numpy.array\(...\). Where w has no dimensions, w - g is"
        ):
            call()
    with pytest.raises(TypeError, match=r"p: expected an array; got .*cannot be changed in place"):
        RULES["sgd"](np.float64(1), np.float64(1))
