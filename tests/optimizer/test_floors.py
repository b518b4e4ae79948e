"""An eps that float32 flushes to 0 is refused for float32 parameters, wherever it comes from, and nowhere else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_rules import EVERY

import fastopt
from fastopt.kernels import RULES, Rule
from fastopt.kernels.program.floors import LEAST, floors, flushed
from fastopt.kernels.reference import Flushed

TINY = 1e-40
MESSAGE = "eps=1e-40 is 0 in float32, where numbers below 1.2e-38 are flushed to 0"


def single() -> Any:
    return np.ones(3, "float32")


def double() -> Any:
    return np.ones(3)


def by_a_function(t: int) -> float:
    return TINY


def set_later(params: list[Any]) -> None:
    fastopt.Adam(params).eps = TINY


def set_in_a_group_later(params: list[Any]) -> None:
    opt = fastopt.Adam(params, groups={"0": {"lr": 0.1}})
    opt.groups["0"].eps = TINY


def loaded(params: list[Any]) -> None:
    state = fastopt.Adam([np.ones_like(p) for p in params]).state_dict()
    state["hyper"]["eps"] = TINY
    fastopt.Adam(params).load_state_dict(state)


def joined(params: list[Any]) -> None:
    opt = fastopt.Adam([double()], eps=TINY)
    opt.params = [opt.params[0], *params]
    opt.sync()


def called(params: list[Any]) -> None:
    p = params[0]
    RULES["adam"](p, np.zeros_like(p), np.zeros_like(p), np.zeros_like(p), t=1, eps=TINY)


WAYS: dict[str, Callable[[list[Any]], Any]] = {
    "the class": lambda params: fastopt.Adam(params, eps=TINY),
    "Optimizer": lambda params: fastopt.Optimizer(params, "adam", eps=np.float64(TINY)),
    "a peer's name": lambda params: fastopt.like.torch.Adam(params, eps=TINY),
    "a group": lambda params: fastopt.Adam(params, groups={"*": {"eps": TINY}}),
    "a function of the step": lambda params: fastopt.Adam(params, eps=by_a_function).step([np.zeros_like(params[0])]),
    "set later": set_later,
    "set in a group later": set_in_a_group_later,
    "loaded": loaded,
    "joined": joined,
    "a direct call": called,
}


@pytest.mark.parametrize("way", WAYS)
def test_it_is_refused_for_float32_and_taken_for_float64(way: str) -> None:
    params = [single()]
    with pytest.raises(ValueError, match=MESSAGE):
        WAYS[way](params)
    assert (params[0] == 1).all()
    WAYS[way]([double()])


def test_only_the_parameters_of_a_group_matter() -> None:
    both = [single(), double()]
    assert fastopt.Adam(both, eps=TINY, groups={"0": {"eps": 1e-8}}).eps == TINY
    opt = fastopt.Adam(both, groups={"1": {"eps": TINY}})
    opt.groups["1"].eps = 2 * TINY
    with pytest.raises(ValueError, match=rf"groups\['0'\]: adam: {MESSAGE}"):
        fastopt.Adam(both, groups={"0": {"eps": TINY}})
    with pytest.raises(ValueError, match=MESSAGE):
        opt.eps = TINY
    assert opt.eps == 1e-8


def test_what_is_refused_later_leaves_all_as_it_was(tmp_path: Path) -> None:
    params = [single()]
    opt = fastopt.Adam(params, eps=lambda t: 1e-8 if t < 2 else TINY)
    opt.step([single()])
    before = params[0].copy()
    with pytest.raises(ValueError, match=MESSAGE):
        opt.step([single()])
    assert opt.t == 1
    assert np.array_equal(params[0], before)


def test_zero_is_taken_and_so_are_numbers_that_no_array_is_divided_by() -> None:
    assert fastopt.Adam([single()], eps=0.0).eps == 0
    assert fastopt.Adam([single()], lr=TINY, weight_decay=TINY, clip_value=TINY, clip_norm=TINY).clip_norm == TINY
    # The eps of LARS is added to a norm, by the host.
    assert fastopt.LARS([single()], eps=TINY).eps == TINY


def test_a_number_that_follows_is_refused_too() -> None:
    with pytest.raises(ValueError, match=r"radam: with eps=1e-37, .*, eps \* sqrt\(.*\) is 3.2e-39, 0 in float32"):
        fastopt.RAdam([single()], eps=1e-37, eps_hat=False)
    opt = fastopt.RAdam([single()], eps=1e-36, eps_hat=False)
    with pytest.raises(ValueError, match=r"with eps=1e-36, beta2=0.9999999"):
        opt.beta2 = 0.9999999
    # The floor is lowest when the correction is over.
    with pytest.raises(ValueError, match=r"eps / sqrt\(.*\) is 1e-38, 0 in float32"):
        fastopt.Adam([single()], eps=1e-38, eps_hat=True)


def test_a_start_that_is_zero_in_float32_is_refused() -> None:
    with pytest.raises(ValueError, match="slot 'h' starts at initial_accumulator=1e-40, which is 0 in float32"):
        fastopt.Adagrad([single()], initial_accumulator=TINY)
    assert fastopt.Adagrad([double()], initial_accumulator=TINY).state[0]["h"][0] == TINY


def divides_by_zero(rule: Rule, given: dict[str, Any]) -> bool:
    """Whether the formula divides float32 arrays by zero where all arrays are zero, be the result used or not."""
    arrays = [np.zeros(3, "float32").view(Flushed) for _ in rule.arrays]
    steps = rule.step_numbers(10**6, 0.5)
    try:
        with np.errstate(all="ignore", divide="raise", invalid="raise"):
            rule.formula(*arrays, **steps, **{**rule.states, **given})
    except FloatingPointError:
        return True
    return False


@pytest.mark.parametrize("name", EVERY)
def test_with_every_floor_as_low_as_it_may_be_a_gradient_of_zero_makes_no_nan(name: str) -> None:
    """And a rule whose floor is lower makes NaN: no floor is overlooked, and none refused for nothing."""
    rule: Rule = EVERY[name]
    for hyper in ({}, *({switch: not rule.hyper[switch]} for switch in rule.hyper if type(rule.hyper[switch]) is bool)):
        numbers = {**rule.hyper, **hyper}
        program = rule.program(numbers)
        eps_names = {"eps", "eps_root"} & {*numbers}
        names = [
            n for n in floors(program) if n in eps_names or (n in rule.ranges and rule.ranges[n].text.endswith(">= 0"))
        ]
        eps = [n for n in names if numbers[n]]
        own = {n for n in eps_names if n not in rule.ranges or rule.ranges[n].holds(0.0)}
        assert not own or bool(own & {*eps}) == divides_by_zero(rule, numbers | dict.fromkeys(own, 0.0))
        for n in eps:
            others = dict.fromkeys((other for other in eps if other != n), 0.0)
            for value in (LEAST * 2**10, LEAST / 2):
                given = {**numbers, **others, n: value}
                assert bool(flushed(program, given)) == divides_by_zero(rule, given), given
