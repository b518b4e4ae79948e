"""NumPy arrays are watched by compiled code: what changes is noticed, in place too."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from fastopt.kernels.arrays.extents import Extents
from fastopt.kernels.cpu import backend as cpu
from fastopt.kernels.headers.numpy_headers import CHANGED, MOVED, OTHERS, SAME
from fastopt.kernels.libraries.library import view_of

SHAPES = [(3, 4), (), (0, 2), (5,), (2, 3, 4, 5), *[(7,)] * 30]


def arrays() -> list[Any]:
    return [np.ones(shape, "float32") for shape in SHAPES]


def headers_of(params: list[Any], grads: list[Any]) -> Any:
    fixed, moving = ([view_of(array, "array")[1] for array in some] for some in (params, grads))
    return cpu.headers(params, grads, Extents(moving, fixed))


def test_gradients_may_move_and_their_addresses_are_told() -> None:
    params, grads = arrays(), arrays()
    headers = headers_of(params, grads)
    assert headers.look(params, grads) == SAME
    fresh = arrays()
    assert headers.look(list(params), fresh) == MOVED
    assert headers.addresses.tolist() == [x.ctypes.data for x in (*params, *fresh)]
    assert headers.look(params, fresh) == SAME
    # One alone, too.
    fresh[-1] = grads[-1]
    assert headers.look(params, fresh) == MOVED
    assert headers.moving[-1] == grads[-1].ctypes.data


def test_parameters_may_not_move() -> None:
    params, grads = arrays(), arrays()
    headers = headers_of(params, grads)
    for place in range(len(params)):
        assert headers.look([*params[:place], params[place].copy(), *params[place + 1 :]], grads) == CHANGED
    assert headers.look(params, grads) == SAME


def test_a_gradient_may_not_move_into_what_is_written() -> None:
    params, grads = arrays(), arrays()
    room = np.zeros(40, "float32")
    params[0] = room[20:32].reshape(3, 4)
    headers = headers_of(params, grads)
    for first, found in ((8, MOVED), (9, CHANGED), (20, CHANGED), (28, CHANGED), (0, MOVED)):
        assert headers.look(params, [room[first : first + 12].reshape(3, 4), *grads[1:]]) == found


def test_beside_interleaved_parameters_gradients_may_move_but_not_between_them() -> None:
    room, grads = np.zeros((9, 4), "float32"), [np.ones(7, "float32") for _ in range(3)]
    params = [*room[1:8, :3].T]
    headers = headers_of(params, grads)
    fresh = [np.ones(7, "float32") for _ in range(3)]
    assert headers.look(params, fresh) == MOVED
    # The fourth column lies between the others: a full check is to tell.
    headers = headers_of(params, [*grads[:2], room[:7, 3]])
    assert headers.look(params, [*grads[:2], room[1:8, 3]]) == CHANGED


def test_arrays_that_are_written_may_move_but_not_over_others() -> None:
    room = np.zeros(100, "float32")
    arrays = [room[first : first + 10] for first in (0, 20, 40)]
    headers = cpu.headers([], arrays, Extents([view_of(array, "array")[1] for array in arrays], (), [0, 2]))
    assert headers is not None
    # Elements at which each begins: only the second is not written.
    for places, found in (
        *(((0, 20, 40), SAME), ((50, 20, 40), MOVED), ((10, 20, 30), MOVED), ((60, 70, 80), MOVED)),
        *(((0, 9, 40), CHANGED), ((0, 31, 40), CHANGED), ((0, 20, 9), CHANGED), ((40, 20, 40), CHANGED)),
    ):
        assert headers.look([], [room[first : first + 10] for first in places]) == found, places


def test_every_length_and_every_stride_counts() -> None:
    room = np.zeros(4096, "float32")
    shape, strides = (2, 3, 4, 5), (1024, 256, 64, 4)
    p, g = as_strided(room, shape, strides), np.ones(shape, "float32")
    headers = headers_of([p], [g])
    for axis in range(4):
        shorter, wider = list(shape), list(strides)
        shorter[axis] -= 1
        wider[axis] += 4
        assert headers.look([as_strided(room, shorter, strides)], [g]) == CHANGED
        assert headers.look([as_strided(room, shape, wider)], [g]) == CHANGED
    for dimensions in range(4):
        assert headers.look([as_strided(room, shape[:dimensions], strides[:dimensions])], [g]) == CHANGED
    assert headers.look([as_strided(room, (*shape, 1), (*strides, 4))], [g]) == CHANGED
    assert headers.look([p], [g]) == SAME
    # Here nothing else differs.
    row, g = np.ones(5, "float32"), np.ones(5, "float32")
    assert headers_of([row], [g]).look([as_strided(row, (), ())], [g]) == CHANGED


def assigned(name: str, value: Any) -> Callable[[Any], None]:
    return lambda array: setattr(array, name, value)


@pytest.mark.parametrize(
    "change",
    [
        assigned("shape", (4, 3)),
        assigned("shape", (12,)),
        assigned("strides", (4, 12)),
        assigned("dtype", "int32"),
        assigned("dtype", "float16"),
        lambda array: array.setflags(write=False),
        lambda array: array.resize((4, 3), refcheck=False),
        lambda array: array.resize((3, 4000), refcheck=False),
    ],
    ids=["shape", "rank", "strides", "type", "size", "flags", "resize", "memory"],
)
def test_a_change_in_place_is_noticed(change: Callable[[Any], None]) -> None:
    for which in range(2):
        params, grads = arrays(), arrays()
        headers = headers_of(params, grads)
        with warnings.catch_warnings():
            # NumPy advises against some of these, and still does them.
            warnings.simplefilter("ignore", DeprecationWarning)
            change((params, grads)[which][0])
        assert headers.look(params, grads) == CHANGED


def test_everything_else_is_a_change() -> None:
    params, grads = arrays(), arrays()
    headers = headers_of(params, grads)
    others = [
        *(np.asfortranarray(grads[0]), grads[0].astype("float64"), grads[0].view(np.matrix), grads[0].tolist()),
        *(np.ma.array(grads[0]), np.float32(1), 3.0, np.frombuffer(bytes(48), "float32").reshape(3, 4)),
    ]
    for other in others:
        assert headers.look(params, [other, *grads[1:]]) == CHANGED, other
        assert headers.look([other, *params[1:]], grads) == CHANGED, other
    assert headers.look(params[1:], grads[1:]) == CHANGED
    assert headers.look(params[:-1], [*grads, grads[0]]) == CHANGED
    assert headers.look(params, grads) == SAME


def test_gradients_may_be_left_out_and_come_again() -> None:
    params, grads = arrays(), arrays()
    headers = headers_of(params, grads)
    some = [g if k % 2 else None for k, g in enumerate(grads)]
    assert headers.look(params, some) == OTHERS
    assert headers.look(params, some) == SAME
    some[1] = grads[1].copy()
    assert headers.look(params, some) == MOVED
    assert headers.look(params, grads) == OTHERS
    assert headers.moving.tolist() == [g.ctypes.data for g in grads]
    assert headers.look([None, *params[1:]], grads) == CHANGED
    assert cpu.headers([], grads, Extents()).look([], [None, *grads[1:]]) == CHANGED  # type: ignore[union-attr]


def test_one_that_was_never_there_is_expected_to_be_as_it_was_before_or_like_its_parameter() -> None:
    params, grads = ([np.ones((3, 4), "float32") for _ in range(3)] for _ in range(2))
    views = [view_of(p, "array")[1] for p in params]
    other = np.asfortranarray(grads[2])
    headers = cpu.headers(params, [grads[0], None, other], Extents(views, views))
    assert headers is not None
    assert headers.look(params, [grads[0], grads[1], None]) == OTHERS
    assert headers.look(params, [grads[0], grads[1], grads[2]]) == CHANGED
    later = cpu.headers(params, [grads[0], None, None], Extents(views, views), headers)
    assert later is not None
    assert later.look(params, [grads[0], None, other]) == OTHERS
    # Nothing is known of where it may lie.
    assert later.look(params, [grads[0], params[1], other]) == CHANGED
