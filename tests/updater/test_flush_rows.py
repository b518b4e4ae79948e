"""`flush(rows)`: the rows that are about to be read catch up, those alone, and bad row numbers change nothing."""

from typing import Any

import numpy as np
import pytest
from examples import same_bits

import fastopt


def behind() -> tuple[dict[str, Any], fastopt.Optimizer, dict[str, Any]]:
    """Tables of which rows 0 to 3 have missed three steps; and what dense gradients would have made of them."""
    found = []
    for dense in False, True:
        params = {"a": np.ones((6, 3), "float32"), "b": np.ones(5, "float32")}
        opt = fastopt.Adam(params, lr=0.1)
        for k in range(5):
            rows = np.arange(4) if k < 2 else np.array([4])
            grad: Any = fastopt.RowSparse(rows, np.full((len(rows), 3), 0.5, "float32"))
            opt.step({"a": grad.dense((6, 3)) if dense else grad, "b": np.ones(5, "float32")})
        found.append((params, opt))
    return *found[0], found[1][0]


def test_only_those_rows_catch_up_and_only_once() -> None:
    params, opt, dense = behind()
    before = params["a"].copy()
    for _ in range(2):
        opt.flush({"a": np.array([[2, 0], [0, 2]]), "b": None})
        assert same_bits(params["a"][[0, 2]], dense["a"][[0, 2]])
        assert same_bits(params["a"][[1, 3, 4, 5]], before[[1, 3, 4, 5]])
    assert not same_bits(before[[0, 2]], dense["a"][[0, 2]])
    opt.flush()
    assert same_bits(params["a"], dense["a"])


def test_rows_that_are_not_behind_are_taken_too() -> None:
    params, opt, dense = behind()
    opt.flush({"a": np.array([4, 5], np.uint8), "b": np.array([1])})
    opt.flush({"a": np.empty(0, np.int64), "b": None})
    opt.flush()
    opt.flush({"a": np.array([0]), "b": None})
    assert same_bits(params["a"], dense["a"])


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (np.array([1, 6]), IndexError, r"rows\['a'\] has row 6 at position 1; there are rows 0 to 5"),
        (np.array([-1]), IndexError, r"rows\['a'\] has row -1"),
        (np.array([1.0]), TypeError, r"rows\['a'\] must be an array of integers"),
        ([1, 2], TypeError, r"got \[1, 2\]"),
        (3, TypeError, r"rows\['a'\] must be an array of integers, .*, the numbers of rows; got 3"),
    ],
)
def test_bad_rows_are_refused_and_change_nothing(rows: Any, error: type[Exception], message: str) -> None:
    params, opt, _ = behind()
    before = params["a"].copy()
    with pytest.raises(error, match=message):
        opt.flush({"b": np.array([0]), "a": rows})
    assert same_bits(params["a"], before)
