"""Gradients and weights of zeros, where a formula divides by next to nothing.

By the reference alone, whose bits the kernels have: no kernel is compiled.
"""

from typing import Any

import numpy as np
import pytest
from examples import DTYPES, EXACT

from fastopt.kernels import RULES


@pytest.mark.parametrize("storage", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", RULES)
def test_zeros_in_16_bits_make_no_nan(name: str, storage: str) -> None:
    """An eps of 1e-8 would be 0 in float16, and 0 / 0 NaN."""
    rule = RULES[name]
    p, zeros = np.array([1, 1, 2], DTYPES[storage]), np.zeros(3, DTYPES[storage])
    slots: list[Any] = rule.state_of(p.astype("float32"), {})
    states = dict(rule.states)
    for t in (1, 2, 3):
        p, *rest = rule.reference(p, zeros, *slots, t=t, **rule.told(0.5), **states)
        slots, states = rest[: len(slots)], dict(zip(rule.states, rest[len(slots) :], strict=True))
        assert p.dtype == DTYPES[storage]
        assert all(np.isfinite(array.astype("float64")).all() for array in (p, *slots))
    # Only a decay moves a weight without a gradient, unless weights follow from slots, whatever they were.
    assert p.tolist() == [1, 1, 2] or rule.hyper.get("weight_decay") or p[1] == p[2]


@pytest.mark.parametrize("name", ["lamb", "lars"])
def test_weights_of_zeros_leave_zero_and_gradients_of_zeros_change_nothing(name: str) -> None:
    """The ratio of the norms is then 0 or has no value; it counts as 1."""
    rule, zeros, ones = RULES[name], np.zeros(3, "float32"), np.ones(3, "float32")
    given: Any = {"lr": 0.1, "weight_decay": 0.0} | ({"t": 1} if rule.uses_t else {})
    slots = [zeros] * len(rule.slots)
    assert rule.reference(zeros, ones, *slots, **given)[0] == pytest.approx([-0.1] * 3, rel=1e-5)
    assert rule.reference(ones, zeros, *slots, **given)[0].tolist() == [1, 1, 1]


@pytest.mark.parametrize("name", [name for name in EXACT if name != "ftrl"])
def test_gradients_whose_squares_are_beyond_float32_make_no_nan(name: str) -> None:
    """Ftrl's accumulator is then infinite for good, and its weights are NaN: they follow from it alone."""
    rule = RULES[name]
    over = {"over": "array"} if "over" in rule.hyper else {}
    for place in (0, 1):
        arrays, states = [np.ones(3, "float32"), *rule.state_of(np.ones(3, "float32"), {})], dict(rule.states)
        for t in (1, 2, 3):
            huge = t == place + 1
            g = np.array([1, 2e19, -2e19] if huge else [1, -0.5, 0.5], "float32")
            told = rule.step_numbers(t, 1.0)
            given: dict[str, Any] = {**told, **rule.hyper, **over, **states}
            results = rule.reference(arrays[0], g, *arrays[1:], **given)
            arrays, states = list(results[: len(arrays)]), dict(zip(rule.states, results[len(arrays) :], strict=True))
        assert not np.isnan(arrays[0]).any(), place
