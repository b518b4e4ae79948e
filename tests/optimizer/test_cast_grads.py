"""cast_grads: gradients of any float type, whatever form they have, do what the same gradients cast by NumPy do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import same_bits

import fastopt
from fastopt import RowSparse

SHAPES = (6, 4), (6, 4)


def made(**options: Any) -> Any:
    generator = np.random.default_rng(0)
    params = [generator.standard_normal(shape).astype("float32") for shape in SHAPES]
    return fastopt.SGD(params, lr=0.5, **options)


def gradients(step: int) -> list[Any]:
    generator = np.random.default_rng(step)
    return [generator.standard_normal(shape) for shape in SHAPES]


def cast(gradient: Any) -> Any:
    return gradient if gradient is None else gradient.astype("float32")


def dense(step: int) -> list[Any]:
    return gradients(step)


def of_turns(step: int) -> list[Any]:
    """Sometimes of one type, sometimes of the other, sometimes none."""
    first, second = gradients(step)
    return [first if step % 2 else cast(first), None if step % 3 == 0 else second]


def strided(step: int) -> list[Any]:
    return [np.repeat(gradient, 2, axis=1)[:, ::2] for gradient in gradients(step)]


@pytest.mark.parametrize("form", [dense, of_turns, pytest.param(strided, marks=pytest.mark.ci)])
def test_gradients_may_be_float64_in_any_step(form: Callable[[int], list[Any]]) -> None:
    opt, other = made(cast_grads=True), made()
    for step in range(4):
        given = form(step)
        before = [None if g is None else g.copy() for g in given]
        opt.step(given)
        other.step([cast(g) for g in given])
        assert all(same_bits(p, wanted) for p, wanted in zip(opt.params, other.params, strict=True))
        assert all(g is None or same_bits(g, b) for g, b in zip(given, before, strict=True))


def test_rows_of_a_gradient_are_added_up_and_then_cast() -> None:
    opt, other = made(cast_grads=True, zero_grads=True), made()
    for step in range(3):
        values = gradients(step)[0][:4]
        values[1] = 2.0**-30  # in float32 nothing beside the other value of its row
        rows = np.array([5, 2, 2, 0] if step else [5, 2, 3, 0])
        sparse = RowSparse(rows, values)
        whole = cast(sparse.dense(SHAPES[0]))
        opt.step([sparse, None])
        other.step([whole, None])
        assert same_bits(opt.params[0], other.params[0])
        assert not values.any()


def test_norms_and_what_is_not_finite_are_of_the_cast_gradient() -> None:
    opt = made(cast_grads=True, skip_nonfinite=True)
    huge = gradients(0)
    huge[0][0, 0] = 1e39  # finite, but not in float32
    opt.step(huge)
    assert (opt.t, opt.skipped) == (0, 1)


def test_the_optimizers_own_gradients_state_and_checkpoints_are_as_without_it(tmp_path: Path) -> None:
    opt = fastopt.Adam([np.zeros(3, "float32"), np.zeros(3)], cast_grads=True)
    assert [g.dtype for g in opt.grads] == ["float32", "float64"]
    assert [slots["v"].dtype for slots in opt.state] == ["float32", "float64"]
    opt.save(tmp_path / "state")
    other = fastopt.Adam([np.ones(3, "float32"), np.ones(3)])
    assert other.load(tmp_path / "state").changed == ()


@pytest.mark.parametrize(
    ("options", "gradient", "message"),
    [
        ({}, np.zeros(3), r"grads\[0\] is float64 but params\[0\] is float32.*, or make .* with cast_grads=True"),
        ({}, RowSparse([1], np.zeros(1)), r"grads\[0\].values is float64 but the parameter is float32.*cast_grads"),
        ({"cast_grads": True}, np.zeros(3, int), r"grads\[0\] is an array of int64"),
        ({"cast_grads": True}, np.zeros(3, bool), r"grads\[0\] is an array of bool"),
        ({"cast_grads": True}, np.zeros(3, np.longdouble), r"grads\[0\] is an array of"),
    ],
)
def test_the_message_names_the_option_where_it_helps(options: dict[str, Any], gradient: Any, message: str) -> None:
    opt = fastopt.SGD([np.ones(3, "float32")], **options)
    with pytest.raises(TypeError, match=message):
        opt.step([gradient])
    assert (opt.params[0] == 1).all()
    assert opt.t == 0
    with pytest.raises(TypeError) as refused:
        fastopt.kernels.momentum(*(np.ones(3, dtype) for dtype in ("float32", "float64", "float64")), t=1)
    assert "cast_grads" not in str(refused.value)


@pytest.mark.ci
def test_a_watch_takes_them_too(tmp_path: Path) -> None:
    opt = made(cast_grads=True)
    with opt.watch(tmp_path / "run.jsonl", every=1):
        opt.step(gradients(0))
    assert opt.t == 1
    assert len((tmp_path / "run.jsonl").read_text().splitlines()) == 2
