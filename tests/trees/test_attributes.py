"""Layers that keep weights in attributes are containers of arrays, read anew in each step."""

import copy
import pickle
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt import attributes


def ones(*shape: int, value: float = 1.0) -> Any:
    return np.full(shape, value, "float32")


class Dense:
    """A layer, before and after its backward pass."""

    def __init__(self, size: int, bias: bool = True) -> None:
        self.size, self.W, self.b = size, ones(size), ones(2) if bias else None

    def backward(self, value: float = 1.0) -> None:
        self.dW, self.db = ones(self.size, value=value), ones(2, value=value) if self.b is not None else None


class ReLU:
    pass


def layers() -> list[Any]:
    made = [Dense(3), ReLU(), Dense(4, bias=False)]
    for layer in (made[0], made[2]):
        layer.backward()
    return made


def test_attributes_of_layers_are_parameters_and_gradients() -> None:
    model = layers()
    opt = fastopt.SGD(attributes(model, "W", "b"), lr=0.5, groups={"*b": {"lr": 0.25}})
    opt.step(attributes(model, "dW", "db"))
    assert [model[0].W[0], model[0].b[0], model[2].W[0]] == [0.5, 0.75, 0.5]
    assert list(opt.state_dict()["steps"]) == ["0.W", "0.b", "2.W"]
    one = Dense(3)
    one.backward()
    fastopt.SGD(attributes(one, "b", "W"), lr=0.5).step(attributes(one, "db", "dW"))
    assert (one.W[0], one.b[0]) == (0.5, 0.5)


def test_an_attribute_that_is_bound_anew_is_the_one_that_is_updated_with_the_state_of_its_place() -> None:
    model = layers()
    opt = fastopt.SGD(attributes(model, "W", "b"), lr=1.0, momentum=0.5)
    grads = attributes(model, "dW", "db")
    opt.step(grads)
    old, model[0].W = model[0].W, model[0].W + 10
    model[0].backward(0.0)
    opt.step(grads)
    assert (model[0].W[0], old[0]) == (9.5, 0)
    stopping = fastopt.EarlyStopping(params=opt.params)
    stopping.update(1.0)
    model[0].W = model[0].W * 0
    stopping.restore()
    assert model[0].W[0] == 9.5


def test_the_dict_of_an_object_s_attributes_is_the_object_s_own() -> None:
    model: Any = SimpleNamespace(W=ones(3))
    opt = fastopt.SGD(vars(model), lr=0.5)
    model.W = ones(3, value=2.0)
    opt.step({"W": ones(3)})
    assert model.W[0] == 1.5


@pytest.mark.parametrize(
    "grads",
    [
        [(ones(3), ones(2)), None, (ones(4), None)],
        [{"W": ones(3), "b": ones(2)}, {}, {"W": ones(4)}],
        [SimpleNamespace(W=ones(3), b=ones(2)), "relu", [ones(4), 0.0]],
        [[ones(3), ones(2)], (), [ones(4)]],
        attributes([SimpleNamespace(dW=ones(3), db=ones(2)), 3, SimpleNamespace(dW=ones(4))], "dW", "db"),
    ],
    ids=["by place", "by name", "of both kinds", "without what is passed over", "attributes without it"],
)
def test_gradients_of_a_layer_may_stand_by_place_or_by_name_and_are_read_fast(
    grads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time, that is, as `matching` is for trees of a structure that was not met before."""
    model = layers()
    opt = fastopt.SGD(attributes(model, "W", "b"), lr=0.5)
    opt.step(grads)
    assert [model[0].W[0], model[0].b[0], model[2].W[0]] == [0.5, 0.5, 0.5]
    monkeypatch.setattr("fastopt.trees.parameters.matching", None)
    opt.step(grads)
    assert [model[0].W[0], model[0].b[0], model[2].W[0]] == [0, 0, 0]


def test_a_layer_without_bias_needs_no_gradient_of_it() -> None:
    layer, grads = Dense(3, bias=False), SimpleNamespace(dW=ones(3))
    opt = fastopt.SGD(attributes(layer, "W", "b"), lr=0.25)
    for given in (attributes(grads, "dW", "db"), [ones(3)], (ones(3), 7)):
        opt.step(given)
    assert layer.W[0] == 0.25
    for wrong in ([], [ones(3), None, None]):
        with pytest.raises(ValueError, match=rf"grads must have 2 parts, for .W, .b of params; got {len(wrong)}"):
            opt.step(wrong)


def test_another_structure_is_an_error_after_fast_reading_too() -> None:
    """Each form is read twice before it is spoilt."""
    opt = fastopt.SGD({"a": [ones(2), ones(2)], "b": None, "c": SimpleNamespace(x=ones(2), n=3)}, lr=0.0)
    rest = {"c": {"x": ones(2)}}
    for good, bad in [
        ({"a": (ones(2), None), "b": 0, **rest}, {"a": (ones(2), None), "d": 0, **rest}),
        ({"a": [ones(2), ones(2)], **rest}, {"a": [ones(2), ones(2)], "d": 0, **rest}),
        ({"a": [None, ones(2)], **rest}, {"a": [None, ones(2), None], **rest}),
        ({"a": [None, ones(2)], **rest}, {"a": [None, ones(2)], "c": {"y": ones(2)}}),
    ]:
        opt.step(good)
        opt.step(good)
        with pytest.raises(ValueError, match="is not in params"):
            opt.step(bad)


def test_averages_copies_and_gradients_to_write_into_are_attributes_too() -> None:
    model = layers()
    opt = fastopt.SGD(attributes(model, "W", "b"), lr=0.5, ema=0.5, cast_to="float16")
    opt.grads[0].W[...] = 1
    opt.step()
    assert (model[0].W[0], model[0].b[0], opt.ema[0].W[0], opt.cast[2].W.dtype) == (0.5, 1, 0.5, "float16")
    assert (opt.ema[2].b, vars(opt.ema[1])) == (None, {})


def test_layers_in_dicts_in_containers_and_in_dataclasses() -> None:
    @dataclass
    class Model:
        depth: int
        blocks: Any

    model = {"first": Dense(3), "rest": (Dense(4), [Dense(5)])}
    opt = fastopt.SGD([Model(3, attributes(model, "W")), {"scale": ones(1)}], lr=1.0)
    assert opt._updater.parameters.names == [
        "0.blocks.first.W",
        "0.blocks.rest.0.W",
        "0.blocks.rest.1.0.W",
        "1.scale",
    ]
    grads = {"first": {"W": ones(3)}, "rest": [[ones(4)], [[ones(5)]]]}
    opt.step([{"blocks": grads}, {"scale": None}])
    assert model["rest"][1][0].W.tolist() == [0] * 5


def test_a_layer_that_joins_and_an_attribute_that_comes_later_are_errors_until_sync() -> None:
    model = layers()
    opt = fastopt.SGD(attributes(model, "W", "b"), lr=1.0)
    grads = attributes(model, "dW", "db")
    model[1].W = ones(2)
    with pytest.raises(ValueError, match=r"params\[1\].W is not in .*opt\.sync\(\)"):
        opt.step(grads)
    model[1].dW = ones(2)
    model[2].b, model[2].db = ones(2), ones(2)
    model.append(Dense(2))
    model[3].backward()
    assert opt.sync().begun == ("1.W", "2.b", "3.W", "3.b")
    opt.step(grads)
    assert [model[1].W[0], model[2].b[0], model[3].W[0]] == [0, 0, 0]
    del model[3]
    with pytest.raises(ValueError, match=r"params\[3\] is missing"):
        opt.step(grads)


def test_mistakes_are_named() -> None:
    model = layers()
    with pytest.raises(ValueError, match="attributes: no Dense or ReLU has an attribute 'w' yet"):
        fastopt.SGD(attributes(model, "w"))
    with pytest.raises(TypeError, match=r"pass the names of attributes, as in attributes\(layer, 'W', 'b'\)"):
        attributes(model)
    with pytest.raises(
        TypeError, match=r"params\.size: expected an array; got 3, an int, which cannot be changed in place"
    ):
        fastopt.SGD(attributes(model[0], "W", "size"))
    opt = fastopt.SGD(attributes(model, "W", "b"), lr=1.0)
    with pytest.raises(ValueError, match="grads names the attributes dW, but params names W, b; name as many"):
        opt.step(attributes(model, "dW"))
    with pytest.raises(ValueError, match=r"grads\[0\]: this Dense has no attribute dx; set each"):
        opt.step(attributes(model, "dx", "db"))
    with pytest.raises(ValueError, match=r"grads\[0\] must have 2 parts, for .W, .b of params; got 1"):
        opt.step([[ones(3)], None, [ones(4), None]])
    with pytest.raises(ValueError, match=r"grads\[0\] must have arrays for W, b, as in params"):
        opt.step([None, None, None])
    assert (model[0].W == 1).all()


def test_they_are_copied_with_their_objects() -> None:
    model = [Dense(3)]
    for made in (
        copy.deepcopy((model, attributes(model, "W"))),
        pickle.loads(pickle.dumps((model, attributes(model, "W")))),
    ):
        (layer,), params = made
        fastopt.SGD(params, lr=1.0).step([[ones(3)]])
        assert layer.W.tolist() == [0] * 3
    assert repr(attributes([Dense(1), ReLU()], "W", "b")) == "<attributes W, b of Dense, ReLU>"
