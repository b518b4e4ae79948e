"""An array that stands in several places of the parameters: refused, or updated once where that is asked for."""

from typing import Any

import numpy as np
import pytest
from examples import same_bits

import fastopt


def tied() -> dict[str, Any]:
    table = np.arange(6, dtype="float32").reshape(3, 2)
    return {"embed": table, "hidden": np.ones(4, "float32"), "out": {"W": table}}


def test_it_is_refused_by_name_where_nothing_is_said() -> None:
    with pytest.raises(ValueError, match=r"params\['out'\]\['W'\] is the same array as params\['embed'\].*shared=True"):
        fastopt.Adam(tied())
    with pytest.raises(ValueError, match="shared has no effect"):
        fastopt.Adam({"a": np.ones(3)}, shared=True)


@pytest.mark.parametrize("places", [("embed",), ("out",), ("embed", "out")])
def test_it_is_updated_once(places: tuple[str, ...]) -> None:
    params, alone = tied(), tied()["embed"]
    opt = fastopt.Adam(params, lr=0.1, ema=0.9, shared=True)
    other = fastopt.Adam(alone, lr=0.1, ema=0.9)
    for step in range(3):
        gradient = np.full((3, 2), step - 0.5, "float32")
        grads: dict[str, Any] = {"embed": None, "hidden": np.ones(4, "float32"), "out": {"W": None}}
        if "embed" in places:
            grads["embed"] = gradient
        if "out" in places:
            grads["out"]["W"] = gradient
        opt.step(grads)
        other.step(gradient)
    assert params["out"]["W"] is params["embed"]
    assert same_bits(params["embed"], alone)
    assert opt.ema["embed"] is opt.ema["out"]["W"]
    assert same_bits(opt.ema["embed"], other.ema)
    assert len(opt.state) == 2


def test_the_gradients_to_write_into_are_shared_too() -> None:
    opt = fastopt.SGD(params := tied(), lr=1.0, shared=True)
    assert opt.grads["embed"] is opt.grads["out"]["W"]
    before = params["embed"].copy()
    opt.grads["embed"] += 1
    opt.grads["out"]["W"] += 1
    opt.step()
    assert same_bits(params["embed"], before - 2)


def test_two_gradients_for_it_are_refused() -> None:
    opt = fastopt.SGD(params := tied(), lr=1.0, shared=True)
    before = params["embed"].copy()
    ones = {"embed": np.ones((3, 2), "float32"), "hidden": np.ones(4, "float32")}
    with pytest.raises(
        ValueError, match=r"grads\['out'\]\['W'\] and grads\['embed'\] are two gradients of one shared array"
    ):
        opt.step({**ones, "out": {"W": np.ones((3, 2), "float32")}})
    assert same_bits(params["embed"], before)
    assert opt.t == 0


def test_views_of_one_memory_are_still_refused() -> None:
    table = np.ones((3, 2), "float32")
    with pytest.raises(ValueError, match=r"params\[2\] shares memory with params\[0\], which it is the transpose of"):
        fastopt.SGD([table, table, table.T], shared=True)
    params = {"table": table, "other": table.T.copy()}
    opt = fastopt.SGD(params, lr=1.0)
    params["other"] = table.T
    with pytest.raises(
        ValueError, match=r"if they are tied, leave out .* and add its gradient, transposed, to that of"
    ):
        opt.step({"table": table * 1, "other": table.T * 1})
    with pytest.raises(ValueError, match="if they are tied"):
        opt.sync()
    with pytest.raises(ValueError, match=r"grads\['table'\] shares memory with .*; pass a copy of grads\['table'\]"):
        opt.step({"table": table, "other": None})
    assert (table == 1).all()
