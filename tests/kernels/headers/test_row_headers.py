"""Row-sparse gradients that compiled code takes as they are: what is new in them is noticed, and the bits stay."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from examples import same_bits

import fastopt
from fastopt import RowSparse
from fastopt.kernels.step.touched import Touched

COUNT = 9


def gradient(rows: Any, seed: int = 0, dtype: str = "float32") -> RowSparse:
    values = np.random.default_rng(seed).standard_normal((len(rows), 4)).astype(dtype)
    return RowSparse(np.array(rows, np.int64), values)


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows the gradients had that Python looked at."""
    looked: list[int] = []
    take_anew = Touched._take_anew
    monkeypatch.setattr(
        Touched, "_take_anew", lambda self, gradient: looked.append(len(gradient.rows)) or take_anew(self, gradient)
    )
    return looked


def check_steps(gradients: list[RowSparse], dtype: str = "float32", **options: Any) -> None:
    """Assert that row-sparse steps give the bits of dense ones."""
    tables = [np.ones((COUNT, 4), dtype) for _ in range(2)]
    sparse, dense = (fastopt.Optimizer([table], "adam", **options) for table in tables)
    for given in gradients:
        dense.step([given.dense((COUNT, 4)).astype(given.values.dtype)])
        sparse.step([given])
    sparse.flush()
    assert same_bits(*tables)


def test_python_looks_at_the_first_gradient_alone(anew: list[int]) -> None:
    check_steps([gradient(rows) for rows in ([1], [0, 2, 8], [], [7, 3, 4], range(COUNT), [5])])
    assert anew == [1]


def test_rows_that_come_twice_are_added_up_and_the_next_ones_taken_as_they_are(anew: list[int]) -> None:
    for dtype in ("float32", "float16"):
        check_steps([gradient(rows, 1, dtype) for rows in ([1, 3], [5, 5, 2], [2, 5], [4, 1, 4, 4], [8])], dtype)
    assert anew == [2, 3, 4] * 2


def test_the_stride_of_a_single_row_is_open() -> None:
    values = np.random.default_rng(2).standard_normal((6, 4)).astype("float32")
    for first in (values[::3][:1], values[::2][:0]):
        check_steps([RowSparse(np.arange(len(first)), first), RowSparse(np.array([1, 4, 6]), values[:3])])


OTHERS: dict[str, Callable[[Any], Any]] = {
    "32-bit rows": lambda room: RowSparse(np.array([2, 1], "i4"), np.ones((2, 4), "f4")),
    "every other row": lambda room: RowSparse(np.arange(8)[::4], np.ones((2, 4), "f4")),
    "read-only rows": lambda room: RowSparse(np.frombuffer(np.arange(2).tobytes(), "i8"), np.ones((2, 4), "f4")),
    "other types": lambda room: RowSparse(np.array([1, 2]), np.ones((2, 4), "f2")),
    "values with strides": lambda room: RowSparse(np.array([1, 2]), np.ones((4, 2), "f4").T),
    "read-only values": lambda room: RowSparse(np.array([1]), np.broadcast_to(np.float32(3), (1, 4))),
}


@pytest.mark.parametrize("other", OTHERS)
def test_other_gradients_are_taken_too(other: str) -> None:
    check_steps([gradient([1, 2]), OTHERS[other](None), gradient([2, 5])])


BAD: dict[str, tuple[Callable[[Any], Any], str]] = {
    "too large": (lambda table: gradient([1, COUNT]), "row 9 at position 1"),
    "negative": (lambda table: gradient([-1]), "row -1 at position 0"),
    "other width": (lambda table: RowSparse(np.array([1]), np.ones((1, 5), "f4")), "values of shape"),
    "other rank": (lambda table: RowSparse(np.array([1]), np.ones((1, 2, 2), "f4")), "values of shape"),
    "float64": (lambda table: gradient([1], dtype="float64"), "float64 does not mix"),
    "the table itself": (lambda table: RowSparse(np.array([1, 2]), table[3:5]), "shares memory"),
    "the end of the table": (lambda table: RowSparse(np.array([1, 2]), table[COUNT - 2 :]), "shares memory"),
}


@pytest.mark.parametrize("bad", BAD)
def test_what_is_wrong_with_a_later_gradient_is_said_as_of_the_first(bad: str) -> None:
    table = np.ones((COUNT, 4), "float32")
    opt = fastopt.SGD([table], lr=0.1)
    opt.step([gradient([1])])
    before, (make, message) = table.copy(), BAD[bad]
    with pytest.raises((TypeError, ValueError, IndexError), match=message):
        opt.step([make(table)])
    assert same_bits(table, before)
    opt.step([gradient([1])])
    assert opt.t == 2


def test_values_that_are_to_be_zeroed_have_to_be_writable() -> None:
    opt = fastopt.SGD([np.ones((COUNT, 4), "float32")], lr=0.1, zero_grads=True)
    given = gradient([1, 3])
    for _ in range(2):
        given.values[...] = 2
        opt.step([given])
        assert not given.values.any()
    given.values.setflags(write=False)
    with pytest.raises(ValueError, match="read-only"):
        opt.step([given])
