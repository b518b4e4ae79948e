"""What stands among arrays and is none: passed over, or refused with a way out."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

import fastopt


def ones(*shape: int) -> Any:
    return np.ones(shape, "float32")


@dataclass
class Layer:
    W: Any
    b: Any = None
    name: str = "dense"
    units: int = 3
    shape: tuple[int, int] = (3, 1)
    act: Any = np.tanh
    counts: dict[str, Any] = field(default_factory=lambda: {"seen": np.int64(4), "on": True})


class Pair(NamedTuple):
    W: Any
    rate: float


TREES: dict[str, Callable[[], Any]] = {
    "nothing in a dict": lambda: {"W": ones(3), "b": None},
    "nothing in a list": lambda: [None, ones(3), None],
    "a name in a dict": lambda: {"name": "dense", "W": ones(3)},
    "a dataclass": lambda: Layer(ones(3)),
    "a dataclass in a list": lambda: [Layer(ones(3)), None],
    "a named tuple": lambda: Pair(ones(3), 0.5),
    "a namespace": lambda: SimpleNamespace(W=ones(3), depth=2, act=max),
}


@pytest.mark.parametrize("what", TREES)
def test_what_is_no_parameter_is_passed_over(what: str, tmp_path: Path) -> None:
    params = TREES[what]()
    opt = fastopt.SGD(params, lr=0.25, momentum=0.5, ema=0.5)
    (name,) = opt._updater.parameters.names
    opt.step(TREES[what]())
    (array,) = opt._updater.arrays
    assert array.tolist() == [0.75] * 3
    # Beside the array averages have what the parameters have.
    assert repr(opt.ema) == repr(params)
    opt.save(tmp_path / "file")
    assert opt.load(tmp_path / "file").missing == ()
    assert list(opt.state_dict()["steps"]) == [name]
    assert opt.sync().kept == (name,)
    assert repr(opt.grads).count("0., 0., 0.") == 1
    opt.step()
    assert array.tolist() == [0.625] * 3


def test_what_stands_in_its_place_among_gradients_does_not_matter_and_need_not_be_there() -> None:
    opt = fastopt.SGD({"W": ones(3), "b": None, "name": "dense"}, lr=1.0)
    for grads in ({"W": ones(3)}, {"W": ones(3), "b": ones(7)}, {"W": ones(3), "name": 0.0, "b": [1]}):
        opt.step(grads)
    assert opt.params["W"].tolist() == [-2] * 3
    with pytest.raises(ValueError, match=r"grads\['c'\] is not in params"):
        opt.step({"W": ones(3), "c": None})
    layer = Layer(ones(3))
    fastopt.SGD([layer], lr=1.0).step([{"W": ones(3)}])
    assert layer.W.tolist() == [0] * 3


def test_an_array_that_comes_or_goes_in_its_place_is_an_error_until_sync() -> None:
    params: dict[str, Any] = {"W": ones(3), "b": None, "layer": Layer(ones(3))}
    opt = fastopt.SGD(params, lr=1.0)
    grads = {"W": ones(3), "b": ones(2), "layer": Layer(ones(3))}
    params["b"] = ones(2)
    with pytest.raises(ValueError, match=r"params\['b'\] must be None, as in .*; got an ndarray; .*sync"):
        opt.step(grads)
    assert opt.sync().begun == ("b",)
    params["W"] = None
    with pytest.raises(ValueError, match=r"params\['W'\] must be an array, as in .*; got None; .*sync"):
        opt.step(grads)
    report = opt.sync()
    assert (report.kept, report.dropped) == (("b", "layer.W"), ("W",))
    params["layer"].units = ones(1)
    with pytest.raises(ValueError, match=r"params\['layer'\]\.units must be 3, .* got an ndarray"):
        opt.step(grads)
    params["layer"].units, params["layer"].name = 4, None
    opt.step(grads)
    assert params["b"].tolist() == [0, 0]


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a number in a dict": (
        lambda: {"W": ones(1), "s": 0.5},
        r"params\['s'\]: .* 0.5, a float, which cannot be ch",
    ),
    "a count in a list": (
        lambda: [ones(1), 3],
        r"params\[1\]: .*pass an array, numpy.array\(3.0, 'float32'",
    ),
    "a truth value": (lambda: {"W": ones(1), "on": True}, r"got True, a bool, which cannot be changed in place"),
    "a scalar of NumPy's": (
        lambda: [np.float32(1)],
        r"params\[0\]: .*cannot be changed in place: make it an",
    ),
    "one in a dataclass": (
        lambda: Layer(ones(1), np.float64(1)),
        r"params\.b: .*Where w has no dimensions, w - g is",
    ),
    "a function": (lambda: [ones(1), np.tanh], r"params\[1\]: expected an array; got an? ufunc; leave it out"),
    "a layer": (lambda: [Dense()], r"a Dense, which has arrays in attributes; .*fastopt.attributes\(..., 'W', 'b'\)"),
    "values of a dict": (lambda: {"W": ones(1)}.values(), "params: .* a dict_values; pass the dict itself"),
    "a generator": (lambda: (x for x in [ones(1)]), r"a generator, which can be read only once; pass a list of it"),
    "a zip": (lambda: [zip([ones(1)])], r"params\[0\]: .*got a zip, .*pass a list of it"),
    "items": (lambda: {"W": np.ones(2)}.items(), "got a dict_items; pass the dict itself"),
    "a set": (lambda: {"W": {1}}, r"got a set, which has no order; pass a list or a dict"),
    "another mapping": (lambda: MappingProxyType({"W": ones(1)}), r"a mappingproxy; pass a dict of it"),
    "another sequence": (lambda: deque([ones(1)]), r"a deque; pass a list of it"),
    "an array of arrays": (
        lambda: [np.array([ones(1), ones(2)], object)],
        r"params\[0\] is an array of objects; pass",
    ),
    "an array of one of arrays": (lambda: np.array([None, "W"], object), r"params is an array of objects"),
    "a class": (lambda: [np.ndarray], r"params\[0\]: expected an array; got a type; leave it out"),
}


class Dense:
    def __init__(self) -> None:
        self.W, self.b, self.units = ones(3), ones(3), 3


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_a_parameter_is_refused_with_a_way_out(what: str) -> None:
    make, message = REFUSED[what]
    with pytest.raises((TypeError, ValueError), match=message):
        fastopt.Adam(make())
    with pytest.raises((TypeError, ValueError), match=message):
        fastopt.Adam(ones(1)).sync(make())


def test_a_tree_without_arrays_is_refused() -> None:
    for params in (None, "W", [None, "W"], {}):
        with pytest.raises(ValueError, match="params has no arrays"):
            fastopt.Adam(params)
    with pytest.raises(ValueError, match=r"grads\['a'\]\[0\] is not in params"):
        fastopt.Adam({"W": ones(1), "a": []}).step({"W": ones(1), "a": [ones(1)]})


def test_the_attributes_of_a_layer_are_taken_but_for_its_numbers() -> None:
    layer = Dense()
    with pytest.raises(TypeError, match=r"params\['units'\]: .*got 3, an int, which cannot be changed in place"):
        fastopt.SGD(vars(layer))


@pytest.mark.parametrize(
    ("grads", "message"),
    [
        ((x for x in [ones(1)]), r"grads must be a dict, as in params; got a generator, .*pass a list of it"),
        ({"W": ones(1)}.values(), r"grads must be a dict, as in params; got a dict_values; pass the dict itself"),
        ({"W": 0.5}, r"grads\['W'\]: expected an array; got 0.5, a float"),
    ],
)
def test_gradients_in_other_containers_are_refused_with_a_way_out(grads: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        fastopt.SGD({"W": ones(1)}).step(grads)
