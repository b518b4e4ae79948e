"""Tensors are watched by compiled code: what changes is noticed, and nothing stale is read or written."""

from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt.kernels.arrays.extents import Extents
from fastopt.kernels.cpu import backend as cpu
from fastopt.kernels.headers.numpy_headers import CHANGED, MOVED, OTHERS, SAME

pytestmark = pytest.mark.peers


def lists(twins: Any) -> tuple[list[Any], list[Any]]:
    shapes = [(3, 4), (), (0, 2), (5,), (2, 3, 4, 5)]
    params = [twins.torch.nn.Parameter(tensor) for tensor in twins.start(*shapes)]
    params[3] = params[3].detach()
    return params, twins.gradients(params, 1)


def headers_of(params: list[Any], grads: list[Any]) -> Any:
    from fastopt.kernels.libraries.library import view_of

    fixed, moving = ([view_of(array, "array")[1] for array in some] for some in (params, grads))
    return cpu.headers(params, grads, Extents(moving, fixed))


def test_gradients_may_move_and_their_addresses_are_told(twins: Any) -> None:
    params, grads = lists(twins)
    headers = headers_of(params, grads)
    assert headers.look(params, grads) == SAME
    fresh = twins.gradients(params, 2)
    assert headers.look(list(params), fresh) == MOVED
    assert headers.addresses.tolist() == [x.data_ptr() for x in (*params, *fresh)]
    assert headers.look(params, fresh) == SAME


def test_a_gradient_may_not_move_into_what_is_written(twins: Any) -> None:
    params, grads = lists(twins)
    room = twins.torch.zeros(40)
    params[0] = room[20:32].view(3, 4)
    headers = headers_of(params, grads)
    for first, found in ((8, MOVED), (9, CHANGED), (20, CHANGED), (28, CHANGED), (0, MOVED)):
        assert headers.look(params, [room[first : first + 12].view(3, 4), *grads[1:]]) == found
    empty = [twins.torch.zeros(0, 2) for _ in range(3)]
    assert headers_of(empty[:1], empty[1:2]).look(empty[:1], empty[2:]) in (SAME, MOVED)


def test_gradients_may_be_left_out_and_come_again(twins: Any) -> None:
    params, grads = lists(twins)
    headers = headers_of(params, grads)
    some = [g if k % 2 else None for k, g in enumerate(grads)]
    assert headers.look(params, some) == OTHERS
    assert headers.look(params, some) == SAME
    assert headers.look(params, twins.gradients(params, 2)) == OTHERS
    assert headers.look([None, *params[1:]], grads) == CHANGED


def test_everything_else_is_a_change(twins: Any) -> None:
    torch = twins.torch
    params, grads = lists(twins)
    others: list[Any] = [
        grads[0].t().contiguous().t(),
        grads[0].double(),
        grads[0].to(torch.int32),
        grads[0].reshape(4, 3),
        grads[0].to_sparse(),
        grads[0].to("meta"),
        torch._neg_view(grads[0]),
        grads[0].numpy(),
        np.ones(3),
        3.0,
        params[0].detach(),
        torch.frombuffer(bytearray(4 * 12 + 1), dtype=torch.float32, offset=1).reshape(3, 4),
    ]
    for other in others:
        headers = headers_of(params, grads)
        assert headers.look(params, [other, *grads[1:]]) == CHANGED, other
        assert headers.look(params, grads) == SAME
        if other is not others[-2]:
            assert headers.look([other, *params[1:]], grads) == CHANGED, other
    assert headers.look(params[1:], grads[1:]) == CHANGED
    assert headers.look(params[:-1], [*grads, grads[0]]) == CHANGED
    assert headers.look([torch.nn.Parameter(params[0].detach().clone()), *params[1:]], grads) == CHANGED


def test_a_step_of_ours_on_tensors_takes_fresh_gradients(twins: Any) -> None:
    params, _ = lists(twins)
    arrays = [p.detach().numpy().copy() for p in params]
    opt, other = fastopt.Adam(params), fastopt.Adam(arrays)
    for t in range(5):
        grads = twins.gradients(params, t)
        opt.step(grads)
        other.step([g.numpy() for g in grads])
    assert all(np.array_equal(p.detach().numpy(), a) for p, a in zip(params, arrays, strict=True))
    misaligned = twins.torch.frombuffer(bytearray(4 * 12 + 1), dtype=twins.torch.float32, offset=1).reshape(3, 4)
    with pytest.raises(ValueError, match=r"grads\[0\] is not aligned"):
        opt.step([misaligned, *grads[1:]])
