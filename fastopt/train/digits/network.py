"""The network of L layers: weights W, biases b, pre-activations a, activations h. NumPy's functions throughout.

A layer takes h, computes a = h @ W + b and passes on g(a); the last one passes on the softmax. Instances are rows.
NumPy hands a call on a CuPy array over to CuPy, so all functions but `initialise` take arrays of either library.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Params = dict[str, list[Any]]


@dataclass(frozen=True)
class Activation:
    """g: the function of a. slope: its derivative, in terms of h = g(a). gain: the variance that keeps a signal's
    size, from the numbers of a layer's inputs and outputs."""

    g: Callable[[Any], Any]
    slope: Callable[[Any], Any]
    gain: Callable[[int, int], float]


def _he(inputs: int, outputs: int) -> float:
    """He et al. 2015, arXiv:1502.01852, equation 10."""
    return 2 / inputs


def _glorot(inputs: int, outputs: int) -> float:
    """Glorot & Bengio 2010, AISTATS, equation 12."""
    return 2 / (inputs + outputs)


ACTIVATIONS = {
    "relu": Activation(lambda a: np.maximum(a, 0), lambda h: h > 0, _he),
    "tanh": Activation(np.tanh, lambda h: 1 - h * h, _glorot),
    # By tanh, since exp(-a) overflows.
    "sigmoid": Activation(lambda a: 0.5 * np.tanh(0.5 * a) + 0.5, lambda h: h * (1 - h), _glorot),
}


def initialise(sizes: Sequence[int], *, activation: str = "relu", dtype: Any = "float32", seed: int = 0) -> Params:
    """New parameters: {"W": [...], "b": [...]}, an entry for each layer, as NumPy arrays.

    sizes: the widths of the input, of each hidden layer and of the output. W[i]: (sizes[i], sizes[i + 1]), normal,
    with He's variance for relu and Glorot's otherwise. b[i]: (sizes[i + 1],), zero.
    A seed gives the same numbers in float32, rounded, as in float64.
    """
    generator = np.random.default_rng(seed)
    gain = ACTIVATIONS[activation].gain
    pairs = list(itertools.pairwise(sizes))
    return {
        "W": [(generator.standard_normal(pair) * math.sqrt(gain(*pair))).astype(dtype) for pair in pairs],
        "b": [np.zeros(outputs, dtype) for _, outputs in pairs],
    }


def forward(params: Params, x: Any, *, activation: str = "relu") -> tuple[list[Any], list[Any]]:
    """Pre-activations a and activations h of every layer.

    x: (instances, features). a[i]: (instances, sizes[i + 1]). h[0] is x, and h[i + 1] follows from a[i]: the last is
    the softmax, a probability for each class.
    """
    g = ACTIVATIONS[activation].g
    a: list[Any] = []
    h = [x]
    for W, b in zip(params["W"], params["b"], strict=True):
        a.append(h[-1] @ W + b)
        h.append(g(a[-1]) if len(a) < len(params["W"]) else np.exp(_log_softmax(a[-1])))
    return a, h


def cross_entropy(a: Any, y: Any) -> Any:
    """The mean loss of instances, from the last layer's pre-activations.

    a, y: (instances, classes). y: one-hot, or any probabilities.
    """
    return -(y * _log_softmax(a)).sum() / a.shape[0]


def backward(params: Params, h: Sequence[Any], y: Any, *, activation: str = "relu") -> Params:
    """The gradients of the mean loss, in the structure and the shapes of params.

    h: the activations that `forward` returned. y: (instances, classes), as for `cross_entropy`.
    """
    slope = ACTIVATIONS[activation].slope
    layers = len(params["W"])
    grads: Params = {"W": [None] * layers, "b": [None] * layers}
    # The derivative by a, the pre-activation of a layer; in the last layer softmax and loss together give this.
    da = (h[-1] - y) / y.shape[0]
    for i in reversed(range(layers)):
        # A weight of feature j: the sum over the instances of da * x_j, and 0 where no instance has the feature.
        grads["W"][i] = h[i].T @ da
        grads["b"][i] = da.sum(axis=0)
        if i:
            da = (da @ params["W"][i].T) * slope(h[i])
    return grads


def accuracy(a: Any, y: Any) -> float:
    """The share of instances whose largest output is that of y; on a GPU this waits for the result."""
    return float((a.argmax(axis=1) == y.argmax(axis=1)).mean())


def _log_softmax(a: Any) -> Any:
    a = a - a.max(axis=1, keepdims=True)
    return a - np.log(np.exp(a).sum(axis=1, keepdims=True))
