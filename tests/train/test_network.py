"""The network: its gradients are the derivatives, whatever its depth, type and array library."""

import copy

import numpy as np
import pytest
from numpy.lib.mixins import NDArrayOperatorsMixin

from fastopt.train.digits import network
from fastopt.trees.tree import leaves

DEPTHS = [(), (6,), (6, 5), (4, 4, 4, 4)]
ACTIVATIONS = sorted(network.ACTIVATIONS)


def problem(hidden=(6, 5), activation="relu", dtype="float64", instances=7):
    """Parameters, inputs and targets; biases too are random, so that no pre-activation is 0."""
    generator = np.random.default_rng(5)
    params = network.initialise((5, *hidden, 3), activation=activation, dtype=dtype, seed=1)
    params["b"] = [generator.standard_normal(b.shape).astype(dtype) for b in params["b"]]
    x = generator.standard_normal((instances, 5)).astype(dtype)
    y = np.eye(3, dtype=dtype)[generator.integers(0, 3, instances)]
    return params, x, y


def loss(params, x, y, activation):
    a, _ = network.forward(params, x, activation=activation)
    return network.cross_entropy(a[-1], y)


def gradients(params, x, y, activation="relu"):
    _, h = network.forward(params, x, activation=activation)
    return network.backward(params, h, y, activation=activation)


def difference_quotients(params, array, x, y, activation, step=1e-3):
    """The derivatives by one array of params, from central differences of sixth order."""
    quotients = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        for multiple, weight in (1, 45), (2, -9), (3, 1):
            for sign in 1, -1:
                array[index] = kept + sign * multiple * step
                quotients[index] += sign * weight * loss(params, x, y, activation) / (60 * step)
        array[index] = kept
    return quotients


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", DEPTHS, ids=str)
def test_gradients_are_the_difference_quotients(activation, hidden):
    params, x, y = problem(hidden, activation)
    # A kink of relu must not lie within the steps: a smaller one there, and less exact.
    step, tolerance = (1e-3, 1e-10) if activation != "relu" else (1e-5, 1e-9)
    grads = gradients(params, x, y, activation)
    for (path, _, array), (_, _, g) in zip(leaves(params, ""), leaves(grads, ""), strict=True):
        expected = difference_quotients(params, array, x, y, activation, step)
        np.testing.assert_allclose(g, expected, rtol=tolerance, atol=tolerance, err_msg=path)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_weight_of_a_feature_gets_the_sum_over_the_instances(activation):
    params, x, y = problem(activation=activation)
    x[1:, 2] = 0  # feature 2 is sparse, and only instance 0 has it
    x[:, 4] = 0  # feature 4 is absent
    together = gradients(params, x, y, activation)["W"][0]
    # The loss is a mean, so each instance brings its share.
    alone = [gradients(params, x[k : k + 1], y[k : k + 1], activation) for k in range(len(x))]
    shares = [{name: [g / len(x) for g in part] for name, part in grads.items()} for grads in alone]
    for j in range(x.shape[1]):
        # b enters a as W does a feature of 1: its gradient is dL/da.
        expected = sum(share["b"][0] * x[k, j] for k, share in enumerate(shares))
        np.testing.assert_allclose(together[j], expected, rtol=1e-12, atol=1e-15)
    assert np.array_equal(together[4], np.zeros(6))
    np.testing.assert_allclose(together[2], shares[0]["W"][0][2], rtol=1e-12)
    assert together[2].any()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_type_stays(dtype, activation):
    params, x, y = problem(activation=activation, dtype=dtype)
    a, h = network.forward(params, x, activation=activation)
    grads = network.backward(params, h, y, activation=activation)
    arrays = [*a, *h, *(array for _, _, array in leaves(grads, "")), network.cross_entropy(a[-1], y)]
    assert {str(array.dtype) for array in arrays} == {dtype}


def test_gradients_have_the_structure_and_shapes_of_params():
    params, x, y = problem()
    shapes = [(path, array.shape) for path, _, array in leaves(params, "")]
    assert [(path, array.shape) for path, _, array in leaves(gradients(params, x, y), "")] == shapes


def test_forward_and_backward_change_nothing():
    params, x, y = problem()
    before = copy.deepcopy((params, x, y))
    gradients(params, x, y)
    for (path, _, array), (_, _, kept) in zip(leaves([params, x, y], ""), leaves(list(before), ""), strict=True):
        assert np.array_equal(array, kept), path


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("scale", [1e4, 1e30])
def test_large_inputs_overflow_nowhere(activation, scale):
    params, x, y = problem(activation=activation, dtype="float32")
    x *= np.float32(scale)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert np.isfinite(loss(params, x, y, activation))
        assert all(np.isfinite(g).all() for _, _, g in leaves(gradients(params, x, y, activation), ""))


def test_a_seed_gives_the_same_start_in_both_types():
    single, double = (network.initialise((64, 32, 10), dtype=dtype, seed=3) for dtype in ("float32", "float64"))
    for (_, _, a), (_, _, b) in zip(leaves(single, ""), leaves(double, ""), strict=True):
        assert np.array_equal(a, b.astype("float32"))
    other = network.initialise((64, 32, 10), seed=4)
    assert not np.array_equal(single["W"][0], other["W"][0])


@pytest.mark.parametrize(("activation", "variance"), [("relu", 2 / 400), ("tanh", 2 / 700), ("sigmoid", 2 / 700)])
def test_weights_start_with_the_papers_variance(activation, variance):
    weights = network.initialise((400, 300), activation=activation, seed=0)["W"][0]
    assert weights.var() == pytest.approx(variance, rel=0.02)


def test_accuracy_is_the_share_of_right_answers():
    assert network.accuracy(np.array([[1.0, 2.0], [3.0, 0.0], [0.0, 9.0]]), np.eye(2)[[1, 0, 0]]) == 2 / 3


class ForeignArray(NDArrayOperatorsMixin):
    """An array of another library, which like CuPy's answers NumPy's calls and is never turned into NumPy's."""

    def __init__(self, array):
        self.array = array

    def __array__(self, *_, **__):
        raise TypeError("implicit conversion to a NumPy array")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if any(isinstance(x, np.ndarray) and x.ndim for x in inputs):
            raise TypeError("mixed with a NumPy array")
        return ForeignArray(getattr(ufunc, method)(*(x.array if isinstance(x, ForeignArray) else x for x in inputs)))

    def __getattr__(self, name):
        value = getattr(self.array, name)
        if callable(value):
            return lambda *args, **kwargs: ForeignArray(np.asarray(value(*args, **kwargs)))
        return ForeignArray(value) if isinstance(value, np.ndarray) else value

    def __float__(self):
        return float(self.array)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_it_runs_on_arrays_of_another_library(activation):
    params, x, y = problem(activation=activation)
    foreign = {name: [ForeignArray(array) for array in part] for name, part in params.items()}
    grads = gradients(foreign, ForeignArray(x), ForeignArray(y), activation)
    assert float(loss(foreign, ForeignArray(x), ForeignArray(y), activation)) == loss(params, x, y, activation)
    for (path, _, g), (_, _, expected) in zip(
        leaves(grads, ""), leaves(gradients(params, x, y, activation), ""), strict=True
    ):
        assert isinstance(g, ForeignArray), path
        assert np.array_equal(g.array, expected), path
