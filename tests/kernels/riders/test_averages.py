"""Averages have no bias from their start, whatever their decays were; two of them stand side by side."""

import copy
from typing import Any

import numpy as np
import pytest
from examples import same_bits
from rider_choices import rising

import fastopt

START = np.linspace(-1, 1, 4)


def gradient(step: int) -> Any:
    return np.random.default_rng(step).standard_normal(4)


def falling(t: int) -> float:
    return 0.9 if t < 3 else 0.5


def made(**options: Any) -> Any:
    return fastopt.SGD(START.copy(), lr=0.1, **options)


def weights(opt: Any, steps: range) -> list[Any]:
    """Those after each of some steps."""
    after = []
    for t in steps:
        opt.step(gradient(t))
        after.append(opt.params.copy())
    return after


def mean(after: list[Any], decays: list[float]) -> Any:
    """The mean of weights in which each decay takes from all that came before."""
    parts = [(1 - own) * np.prod(decays[k + 1 :]) for k, own in enumerate(decays)]
    return sum(part * one for part, one in zip(parts, after, strict=True)) / sum(parts)


def test_a_function_of_the_step_leaves_no_bias() -> None:
    opt = made(ema=rising)
    np.testing.assert_allclose(opt.ema, START)
    after = weights(opt, range(1, 6))
    np.testing.assert_allclose(opt.ema, np.mean(after, axis=0), rtol=1e-14)
    opt = made(ema=falling)
    after = weights(opt, range(1, 6))
    np.testing.assert_allclose(opt.ema, mean(after, [0.9, 0.9, 0.5, 0.5, 0.5]), rtol=1e-14)


def test_a_number_that_is_set_later_leaves_none_either() -> None:
    opt = made(ema=0.9)
    after = weights(opt, range(1, 3))
    opt.hyper.ema = 0.5
    after += weights(opt, range(3, 6))
    np.testing.assert_allclose(opt.ema, mean(after, [0.9, 0.9, 0.5, 0.5, 0.5]), rtol=1e-14)


def test_a_function_that_gives_one_number_has_the_bits_of_the_number() -> None:
    one, other = made(ema=0.97), made(ema=lambda t: 0.97)
    average = START
    for t, p in enumerate(weights(one, range(1, 6)), 1):
        weight = (1 - 0.97) / (1 - 0.97**t)
        average = average + weight * (p - average) if t > 1 else p
    weights(other, range(1, 6))
    assert same_bits(one.ema, average)
    assert same_bits(one.ema, other.ema)


def test_two_averages_are_what_either_is_alone() -> None:
    both, first, second = made(ema=0.9, ema2=rising), made(ema=0.9), made(ema=rising)
    for opt in (both, first, second):
        weights(opt, range(1, 5))
    assert same_bits(both.ema, first.ema)
    assert same_bits(both.ema2, second.ema)
    p = both.params.copy()
    for name, average in ((None, first.ema), ("ema", first.ema), ("ema2", second.ema)):
        with both.averaged(name) as params:
            assert same_bits(params, average)
        assert same_bits(both.params, p)


def test_an_average_goes_on_from_what_was_saved_and_from_a_copy(tmp_path: Any) -> None:
    opt, other = made(ema=falling, ema2=0.5), made(ema=falling, ema2=0.5)
    weights(opt, range(1, 4))
    opt.save(tmp_path / "half")
    other.load(tmp_path / "half")
    copied = copy.deepcopy(opt)
    for each in (opt, other, copied):
        weights(each, range(4, 6))
    for each in (other, copied):
        assert same_bits(opt.ema, each.ema)
        assert same_bits(opt.ema2, each.ema2)


def test_an_average_that_a_state_lacks_begins_at_its_weights() -> None:
    """Each average has means of its own."""
    opt, other = made(ema=0.9), made(ema=0.9, ema2=0.5)
    weights(opt, range(1, 4))
    other.load_state_dict(opt.state_dict(), partial=True)
    assert same_bits(other.ema2, opt.params)
    (after,) = weights(other, range(4, 5))
    weights(opt, range(4, 5))
    assert same_bits(other.ema, opt.ema)
    assert same_bits(other.ema2, after)


def test_a_state_of_format_2_goes_on_with_the_decay_that_it_meets() -> None:
    opt, whole = made(ema=0.9), made(ema=0.9)
    weights(whole, range(1, 6))
    weights(opt, range(1, 4))
    old = {name: value for name, value in opt.state_dict().items() if name != "means"}
    other = made(ema=0.9)
    other.load_state_dict(old | {"format": 2, "averaged_since": {}})
    weights(other, range(4, 6))
    assert same_bits(other.ema, whole.ema)
    other.load_state_dict(old | {"format": 2, "averaged_since": {"": 2}})
    assert [row.history.means["ema"].run for row in other._updater.rows] == [1]
    for wrong in ({"": 4}, {"": "x"}, None):
        with pytest.raises(ValueError, match="means"):
            other.load_state_dict(old | {"format": 2, "averaged_since": wrong})


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="ema2 has no effect without ema; pass ema too"):
        made(ema2=0.9)
    with pytest.raises(ValueError, match="average must be 'ema' or 'ema2', or None; got 'ema3'"):
        made(ema=0.9).averaged("ema3")
    with pytest.raises(AttributeError, match="this optimizer was made without ema2; make another with ema2="):
        made(ema=0.9).averaged("ema2")
    with pytest.raises(AttributeError, match="this optimizer was made without ema2"):
        _ = made(ema=0.9).ema2
    with pytest.raises(AttributeError, match="schedule_free_sgd keeps an average of its own; leave 'ema' out"):
        fastopt.ScheduleFreeSGD(START.copy()).averaged("ema")
    with pytest.raises(ValueError, match="ema2 must satisfy 0 <= ema2 < 1; got 1"):
        made(ema=0.9, ema2=1.0)
