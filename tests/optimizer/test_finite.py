"""check_finite names what has overflowed and what is NaN, wherever in an optimizer it is."""

from typing import Any

import numpy as np
import pytest
from examples import DTYPES

import fastopt
from fastopt.kernels import RULES
from fastopt.optimizer.finite import check_finite


def failure(opt: fastopt.Optimizer) -> list[str]:
    """The lines of the message; the last is what helps."""
    with pytest.raises(FloatingPointError) as caught:
        opt.check_finite()
    return str(caught.value).splitlines()


@pytest.mark.parametrize("name", RULES)
def test_a_healthy_run_passes_with_every_rule(name: str) -> None:
    opt = fastopt.Optimizer([np.ones((3, 5), "float32"), np.ones((), "float32")], name)
    opt.check_finite()
    for _ in range(3):
        opt.step([np.full((3, 5), 0.25, "float32"), np.ones((), "float32")], **opt.rule.told(0.5))
        opt.check_finite()


def test_a_float16_parameter_that_overflowed_is_named() -> None:
    opt = fastopt.SGD({"W": np.full((2, 3), 65000, "float16"), "b": np.ones(2, "float16")}, lr=1.0)
    grads = {"W": np.zeros((2, 3), "float16"), "b": np.zeros(2, "float16")}
    grads["W"][0] = -5000
    opt.step(grads)
    line, remedy = failure(opt)
    assert line == "params['W'] has 3 infinite of 6 float16 values"
    assert all(word in remedy for word in ("clip_norm", "skip_nonfinite"))
    assert "NaN follows" not in remedy


def test_a_second_moment_that_overflowed_is_named_while_the_parameters_look_well() -> None:
    opt = fastopt.Adam({"W": np.ones(4, "float32")})
    # Its square is beyond float32 once 1e19 < |g|, times the square root of 1 / (1 - beta2).
    opt.step({"W": np.array([1, 1, 1, 7e20], "float32")})
    assert np.isfinite(opt.params["W"]).all()
    assert failure(opt)[0] == "state 'v' of params['W'] has 1 infinite of 4 float32 values"
    assert len(failure(opt)) == 2


def test_a_copy_in_float16_that_overflowed_is_named() -> None:
    opt = fastopt.SGD([np.ones(3, "float32"), np.array([1, 65519, 65520, -1e9], "float32")], cast_to="float16")
    assert failure(opt)[0] == "cast[1] has 2 infinite of 4 float16 values"
    opt = fastopt.SGD([np.array([1e9], "float32")], cast_to="bfloat16")
    opt.check_finite()


def test_infinities_and_nans_are_told_apart_and_everything_is_named() -> None:
    params = {"W": np.ones(5, "float32"), "deep": [np.ones((), "float32")]}
    opt = fastopt.SGD(params, momentum=0.9, ema=0.5)
    opt.step({"W": np.array([np.inf, np.nan, np.nan, 1, 1], "float32"), "deep": [np.array(np.nan, "float32")]})
    *lines, remedy = failure(opt)
    # The average's first value is p - 0, and infinite too.
    assert lines == [
        "params['W'] has 1 infinite and 2 NaN of 5 float32 values",
        "state 'b' of params['W'] has 1 infinite and 2 NaN of 5 float32 values",
        "ema['W'] has 1 infinite and 2 NaN of 5 float32 values",
        "params['deep'][0] has 1 NaN of 1 float32 value",
        "state 'b' of params['deep'][0] has 1 NaN of 1 float32 value",
        "ema['deep'][0] has 1 NaN of 1 float32 value",
    ]
    assert all(word in remedy for word in ("overflowed", "NaN follows"))


def test_a_number_that_the_rule_carries_is_named() -> None:
    opt = fastopt.SGDHD([np.ones(2, "float32")])
    opt.step([np.full(2, 3e38, "float32")])
    opt.step([np.full(2, np.inf, "float32")])
    assert "state 'change' of params[0] has 1 infinite of 1 float64 value" in failure(opt)


@pytest.mark.parametrize("storage", DTYPES)
@pytest.mark.parametrize("place", [0, 1 << 20, (1 << 20) + 6])
def test_one_bad_value_anywhere_is_found(place: int, storage: str) -> None:
    array = np.zeros((1 << 20) + 7, DTYPES[storage])
    layouts: list[Any] = [array, array[::-1], array.reshape(1, -1, 1), np.zeros((array.size, 2), array.dtype)[:, 1]]
    for layout in layouts:
        check_finite([("a", layout)])
        flat = layout.reshape(-1) if layout.ndim > 1 else layout
        for value, word in ((np.nan, "NaN"), (-np.inf, "infinite")):
            flat[place] = value
            with pytest.raises(FloatingPointError, match=f"a has 1 {word} of 1048583 {array.dtype.name}"):
                check_finite([("a", layout)])
            flat[place] = 0


def test_denormals_huge_and_empty_arrays_are_finite() -> None:
    check_finite([("a", np.array([1e-45, 3e38, -0.0], "float32")), ("b", np.zeros(0, "float16")), ("c", 5e-324)])


@pytest.mark.peers
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_a_torch_tensor_is_looked_at(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    p = torch.ones(3, 2, dtype=getattr(torch, dtype), requires_grad=True)
    opt = fastopt.SGD({"W": p})
    opt.check_finite()
    with torch.no_grad():
        p[1, 1] = np.inf
    assert failure(opt)[0] == f"params['W'] has 1 infinite of 6 {dtype} values"
