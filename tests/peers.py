"""The peers' optimizers, each run in float64 over given gradients."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from paths import Path


def at_step(options: Mapping[str, Any], t: int) -> dict[str, Any]:
    """The options with every function of the step replaced by its value at t."""
    return {name: value(t) if callable(value) else value for name, value in options.items()}


def torch_path(name: str, options: Mapping[str, Any], start: np.ndarray, grads: Path) -> Path:
    """The parameter after each step of torch.optim's optimizer; an option may be a function of the step."""
    import torch

    # Of this type NAdam keeps its product of momenta.
    with _set(torch.get_default_dtype, torch.set_default_dtype, torch.float64):
        parameter = torch.tensor(start)
        optimizer = getattr(torch.optim, name)([parameter], **at_step(options, 1))
        path = []
        for t, grad in enumerate(grads, 1):
            (group,) = optimizer.param_groups
            group.update(at_step(options, t))
            parameter.grad = torch.tensor(grad)
            optimizer.step()
            path.append(parameter.numpy().copy())
        return path


def keras_path(name: str, options: Mapping[str, Any], start: np.ndarray, grads: Path) -> Path:
    """The parameter after each step of Keras's optimizer on its JAX backend; only learning_rate may be scheduled."""
    os.environ["KERAS_BACKEND"] = "jax"  # on NumPy, Keras rounds every product and sum to float32
    import jax
    import keras

    with _wide_types(jax), _set(keras.config.floatx, keras.config.set_floatx, "float64"):
        parameter = keras.Variable(start, dtype="float64")
        optimizer = getattr(keras.optimizers, name)(**at_step(options, 1))
        optimizer.build([parameter])
        path = []
        for t, grad in enumerate(grads, 1):
            optimizer.learning_rate = at_step(options, t)["learning_rate"]
            optimizer.apply([jax.numpy.asarray(grad)], [parameter])
            path.append(np.array(parameter.value))
        return path


def optax_path(name: str, options: Mapping[str, Any], start: np.ndarray, grads: Path) -> Path:
    """The parameter after each step of optax's optimizer; only learning_rate may be scheduled."""
    import jax
    import optax

    options = dict(options)
    if callable(rate := options.get("learning_rate")):
        options["learning_rate"] = lambda count: rate(int(count) + 1)
    with _wide_types(jax):
        optimizer = COMPOSED[name](**options) if name in COMPOSED else getattr(optax, name)(**options)
        parameter = jax.numpy.asarray(start)
        state = optimizer.init(parameter)
        path = []
        for grad in grads:
            updates, state = optimizer.update(jax.numpy.asarray(grad), state, parameter)
            parameter = optax.apply_updates(parameter, updates)
            path.append(np.array(parameter))
        return path


@contextlib.contextmanager
def _set(read: Callable[[], Any], write: Callable[[Any], None], value: Any) -> Iterator[None]:
    """Within it, a setting of a library has this value."""
    before = read()
    write(value)
    try:
        yield
    finally:
        write(before)


def _wide_types(jax: Any) -> Any:
    """Within it, jax has 64-bit types."""
    name = "jax_enable_x64"
    return _set(lambda: getattr(jax.config, name), lambda value: jax.config.update(name, value), True)


def _adagrad_then_trace(learning_rate: float, decay: float, initial_accumulator_value: float, eps: float) -> Any:
    import optax

    rate = optax.scale_by_learning_rate(learning_rate)
    return optax.chain(optax.scale_by_rss(initial_accumulator_value, eps), optax.trace(decay), rate)


# Optimizers that optax does not name, made of its parts.
COMPOSED: dict[str, Callable[..., Any]] = {"adagrad_then_trace": _adagrad_then_trace}
PATHS: dict[str, Callable[..., Path]] = {"torch": torch_path, "keras": keras_path, "optax": optax_path}
