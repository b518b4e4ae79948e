"""start: slots that begin at numbers of the user's own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastopt


def params() -> list[Any]:
    return [np.ones(3, "float32"), np.ones(2)]


def test_rmsprop_starts_from_ones_as_autograds_does() -> None:
    p, g = np.ones(3), np.array([0.5, -2.0, 0.0])
    opt = fastopt.RMSprop([p], lr=0.1, alpha=0.9, eps=1e-8, start={"v": 1})
    expected, mean = np.ones(3), np.ones(3)
    for _ in range(3):
        opt.step([g])
        mean = 0.9 * mean + 0.1 * g**2
        expected = expected - 0.1 * g / (np.sqrt(mean) + 1e-8)
    np.testing.assert_allclose(p, expected, rtol=1e-14)
    np.testing.assert_allclose(opt.state[0]["v"], mean, rtol=1e-14)


def test_it_goes_before_the_rules_own_start_and_holds_for_what_joins() -> None:
    opt = fastopt.Adagrad(params(), start={"h": 0.25}, groups={"1": {"lr": 0.5}})
    opt.params = [*opt.params, np.ones(4, "float32")]
    opt.sync()
    assert [slots["h"].dtype for slots in opt.state] == ["float32", "float64", "float32"]
    assert all((slots["h"] == 0.25).all() for slots in opt.state)
    yogi = fastopt.Yogi(params(), initial_accumulator=1.0, start={"v": 2})
    assert [float(yogi.state[1][slot][0]) for slot in ("m", "v")] == [1.0, 2.0]


def test_optaxs_initial_scale_is_such_a_start() -> None:
    rmsprop = fastopt.like.optax.rmsprop
    assert (rmsprop(params(), 0.1, initial_scale=0.5).state[1]["v"] == 0.5).all()
    centered = rmsprop(params(), 0.1, initial_scale=0.5, centered=True).state[1]
    assert (centered["var"] == 0.5).all()
    assert not centered["a"].any()


def test_it_is_not_saved_but_the_state_is(tmp_path: Path) -> None:
    opt = fastopt.RMSprop(params(), start={"v": 1.0})
    opt.save(tmp_path / "state")
    other = fastopt.RMSprop(params())
    assert other.load(tmp_path / "state").changed == ()
    assert (other.state[0]["v"] == 1).all()


@pytest.mark.ci
def test_rows_that_no_gradient_touched_go_on_from_it() -> None:
    dense, sparse = np.ones((3, 2), "float32"), np.ones((3, 2), "float32")
    opts = [fastopt.RMSprop([p], start={"v": 1.0}) for p in (dense, sparse)]
    for row in (0, 2):
        gradient = fastopt.RowSparse([row], np.ones((1, 2), "float32"))
        opts[0].step([gradient.dense((3, 2))])
        opts[1].step([gradient])
    opts[1].flush()
    assert np.array_equal(opts[0].state[0]["v"], opts[1].state[0]["v"])
    assert np.array_equal(dense, sparse)


@pytest.mark.parametrize(
    ("start", "error", "message"),
    [
        ({"w": 1.0}, ValueError, "start: adagrad has no slot 'w'; there are h"),
        ({"v": 1.0, "h": 1.0}, ValueError, "start: adagrad has no slot 'v'"),
        ({0: 1.0}, ValueError, "start: adagrad has no slot 0"),
        ({"h": "1"}, TypeError, r"adagrad: start\['h'\] must be a number; got '1'"),
        ({"h": np.ones(3)}, TypeError, r"adagrad: start\['h'\] must be a number"),
        ({"h": np.nan}, ValueError, r"adagrad: start\['h'\] is NaN"),
        ({"h": 1e-40}, ValueError, "slot 'h' starts at 1e-40, which is 0 in float32"),
        (1.0, TypeError, "start must be a dict of numbers by slot, such as {'v': 1.0}; got 1.0"),
    ],
)
def test_a_bad_start_is_named(start: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fastopt.Adagrad(params(), start=start)


def test_a_start_that_leaves_another_without_effect_is_refused() -> None:
    with pytest.raises(ValueError, match="initial_accumulator has no effect beside start, which has slot 'h' too"):
        fastopt.Adagrad(params(), initial_accumulator=0.1, start={"h": 1.0})
    with pytest.raises(ValueError, match="initial_accumulator has no effect beside start"):
        fastopt.Yogi(params(), initial_accumulator=0.1, start={"m": 1.0, "v": 1.0})
    assert fastopt.Adagrad(params(), initial_accumulator=0.1, start=None).state[0]["h"][0] == np.float32(0.1)


@pytest.mark.parametrize("start", [{"v": -1.0}, {"v": np.inf}, {"m": np.inf}])
def test_a_start_from_which_no_step_is_finite_is_refused(start: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"start=\{.*\}: a step of adam from there is not finite"):
        fastopt.Adam(np.ones(3, "float32"), start=start)


def test_a_start_is_not_blamed_for_numbers_that_overflow() -> None:
    opt = fastopt.AdamW(np.ones(2), lr=1e20, weight_decay=1e300, start={"v": 0.25})
    assert opt.state[0]["v"].tolist() == [0.25, 0.25]
