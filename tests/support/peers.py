"""Runs of the peers' optimizers over lists of arrays, in float64 or float32, which can stop and go on elsewhere.

None in the place of a gradient is a parameter that is frozen in that step, in the peer's way.
"""

import contextlib
import operator
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from paths import Path

import fastopt

Arrays = list[np.ndarray]


def at_step(options: Mapping[str, Any], t: int) -> dict[str, Any]:
    """The options with every function of the step replaced by its value at t."""
    return {name: value(t) if callable(value) else value for name, value in options.items()}


class TorchRun:
    """torch.optim's optimizer; an option may be a function of the step. way: options that choose the code."""

    def __init__(self, name: str, options: Mapping[str, Any], start: Arrays, **way: bool) -> None:
        import torch

        options = {**options, **way}

        self.torch, self.options, self.t, self.sparse = torch, options, 0, name == "SparseAdam"
        self.parameters = [torch.tensor(array) for array in start]
        with self._types():
            self.optimizer = getattr(torch.optim, name)(self.parameters, **at_step(options, 1))

    def _types(self) -> Any:
        # Of the default type NAdam keeps its product of momenta.
        return _set(self.torch.get_default_dtype, self.torch.set_default_dtype, self.parameters[0].real.dtype)

    def step(self, grads: Arrays, loss: float | None = None) -> None:
        self.t += 1
        (group,) = self.optimizer.param_groups
        group.update(at_step({n: v for n, v in self.options.items() if callable(v)}, self.t))
        for parameter, grad in zip(self.parameters, grads, strict=True):
            parameter.grad = None if grad is None else self.torch.tensor(grad)
            if self.sparse:
                parameter.grad = parameter.grad.to_sparse(1)
        with self._types():
            self.optimizer.step()

    @property
    def weights(self) -> Arrays:
        return [parameter.numpy().copy() for parameter in self.parameters]

    def give(self, opt: Any) -> None:
        """Let one of ours go on from here."""
        has_count = any("step" in entry for entry in self.optimizer.state_dict()["state"].values())
        fastopt.like.torch.load_state(opt, self.optimizer.state_dict(), steps=None if has_count else self.t)

    def take(self, opt: Any) -> None:
        """Go on from one of ours."""
        self.optimizer.load_state_dict(fastopt.like.torch.state_of(opt))
        self.t = opt.t


class KerasRun:
    """Keras's optimizer on its JAX backend; only learning_rate may be a function of the step.

    wide: numbers beside the arrays may be float64. jit: as one compiled function, in which JAX fuses as it likes.
    """

    def __init__(
        self, name: str, options: Mapping[str, Any], start: Arrays, wide: bool = True, jit: bool = False
    ) -> None:
        os.environ["KERAS_BACKEND"] = "jax"  # on NumPy, Keras rounds every product and sum to float32
        import jax
        import keras

        self.jax, self.keras, self.options, self.t = jax, keras, options, 0
        self.dtype, self.wide = start[0].dtype.name, wide
        with self._types():
            self.variables = [keras.Variable(array, dtype=self.dtype, name=f"v{k}") for k, array in enumerate(start)]
            self.optimizer = getattr(keras.optimizers, name)(**at_step(options, 1))
            self.optimizer.build(self.variables)
        self.compiled = jax.jit(self.optimizer.stateless_apply) if jit else None

    @contextlib.contextmanager
    def _types(self) -> Iterator[None]:
        with _types(self.jax, self.wide), _set(self.keras.config.floatx, self.keras.config.set_floatx, self.dtype):
            yield

    def step(self, grads: Arrays, loss: float | None = None) -> None:
        self.t += 1
        with self._types():
            if "learning_rate" in self.options:
                self.optimizer.learning_rate = at_step(self.options, self.t)["learning_rate"]
            gradients = [grad if grad is None else self.jax.numpy.asarray(grad) for grad in grads]
            if self.compiled:
                each = self.variables, self.optimizer.variables
                values, own = ([variable.value for variable in variables] for variables in each)
                for variables, new in zip(each, self.compiled(own, gradients, values), strict=True):
                    for variable, value in zip(variables, new, strict=True):
                        variable.assign(value)
            else:
                given = [k for k, grad in enumerate(grads) if grad is not None]
                self.optimizer.apply([gradients[k] for k in given], [self.variables[k] for k in given])

    @property
    def weights(self) -> Arrays:
        return [np.array(variable.value) for variable in self.variables]

    @property
    def averages(self) -> Arrays:
        return [np.array(average.value) for average in self.optimizer._model_variables_moving_average]

    def give(self, opt: Any) -> None:
        fastopt.like.keras.load_state(opt, self.optimizer.variables)

    def take(self, opt: Any) -> None:
        iteration, *values = fastopt.like.keras.state_of(opt).values()
        if callable(opt.lr):  # Here the rate is a number that is set in each step.
            values.insert(0, np.array(opt.lr(1)))
        with self._types():
            self.optimizer.set_weights([iteration, *values])
        self.t = opt.t


class OptaxRun:
    """optax's optimizer; an option that is a function of the step counts from 1 here. wide, jit: as for Keras."""

    def __init__(
        self, name: str, options: Mapping[str, Any], start: Arrays, wide: bool = True, jit: bool = False
    ) -> None:
        import jax
        import optax

        self.jax, self.optax, self.t, self.wide = jax, optax, 0, wide
        at = self._table if jit else lambda f: lambda count: f(int(count) + 1)
        with _types(jax, wide), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of optimistic_adam
            given = {name: at(value) if callable(value) else value for name, value in options.items()}
            made = COMPOSED[name] if name in COMPOSED else operator.attrgetter(name)(optax)
            self.optimizer = made(**given)
            self.parameters = [jax.numpy.asarray(array) for array in start]
            self.state = self.optimizer.init(self.parameters)
        self.update = jax.jit(self._update) if jit else self._update

    def _table(self, function: Callable[[int], float]) -> Callable[[Any], Any]:
        """A function of the step for a compiled one, which knows no number of Python's."""
        values = self.jax.numpy.asarray([function(t) for t in range(1, 101)])
        return lambda count: values[count]

    def _update(self, gradients: Any, state: Any, parameters: Any, **loss: Any) -> tuple[Any, Any]:
        updates, state = self.optimizer.update(gradients, state, parameters, **loss)
        return self.optax.apply_updates(parameters, updates), state

    def step(self, grads: Arrays, loss: float | None = None) -> None:
        self.t += 1
        with _types(self.jax, self.wide):
            # As behind optax.selective_transform, with zeros: no part of a tree of JAX's is None.
            pairs = list(zip(grads, self.parameters, strict=True))
            gradients = [self.jax.numpy.asarray(p * 0 if grad is None else grad) for grad, p in pairs]
            given = {} if loss is None else {"value": loss}
            new, self.state = self.update(gradients, self.state, self.parameters, **given)
            self.parameters = [p if grad is None else own for (grad, p), own in zip(pairs, new, strict=True)]

    @property
    def weights(self) -> Arrays:
        return [np.array(parameter) for parameter in self.parameters]

    def give(self, opt: Any) -> None:
        fastopt.like.optax.load_state(opt, self.state, steps=self.t)

    def take(self, opt: Any) -> None:
        with _types(self.jax, self.wide):
            self.state = fastopt.like.optax.state_of(opt, self.state)
        self.t = opt.t


class ThincRun:
    """Thinc's optimizer; in float64 on its Ops in plain NumPy, as its compiled ones know float32 alone."""

    def __init__(self, name: str, options: Mapping[str, Any], start: Arrays) -> None:
        import thinc.api

        self.module, self.arrays, self.t = thinc.api, [array.copy() for array in start], 0
        given = {n: self._schedule(v) if callable(v) else v for n, v in options.items()}
        self.optimizer = getattr(thinc.api, name)(**given)

    def _schedule(self, function: Callable[[int], float]) -> Any:
        return self.module.Schedule("of the step", lambda schedule, step, **_: function(step + 1))

    def step(self, grads: Arrays, loss: float | None = None) -> None:
        self.t += 1
        import thinc.optimizers
        from thinc.backends.ops import Ops

        plain = self.arrays[0].dtype == np.float64
        ops = type("PlainOps", (Ops,), {"xp": np, "alloc": lambda _, shape, **__: np.zeros(shape)})()
        ops.alloc1f = lambda size: np.zeros(size)
        ops.reshape1f = ops.reshape_f = lambda array, shape: array.reshape(shape)
        before = thinc.optimizers.get_array_ops
        if plain:
            thinc.optimizers.get_array_ops = lambda _: ops
        try:
            for k, grad in enumerate(grads):
                self.arrays[k], _ = self.optimizer((k, "W"), self.arrays[k], grad.copy())
        finally:
            thinc.optimizers.get_array_ops = before
        self.optimizer.step_schedules()

    @property
    def weights(self) -> Arrays:
        return [array.copy() for array in self.arrays]

    @property
    def averages(self) -> Arrays:
        return [self.optimizer.averages[k, "W"].copy() for k in range(len(self.arrays))]


@contextlib.contextmanager
def _set(read: Callable[[], Any], write: Callable[[Any], None], value: Any) -> Iterator[None]:
    """Within it, a setting of a library has this value."""
    before = read()
    write(value)
    try:
        yield
    finally:
        write(before)


def _types(jax: Any, wide: bool) -> Any:
    """Within it, jax has 64-bit types, or has not."""
    name = "jax_enable_x64"
    return _set(lambda: getattr(jax.config, name), lambda value: jax.config.update(name, value), wide)


def _adagrad_then_trace(learning_rate: float, decay: float, initial_accumulator_value: float, eps: float) -> Any:
    import optax

    rate = optax.scale_by_learning_rate(learning_rate)
    return optax.chain(optax.scale_by_rss(initial_accumulator_value, eps), optax.trace(decay), rate)


# Optimizers that optax does not name, made of its parts.
COMPOSED: dict[str, Callable[..., Any]] = {"adagrad_then_trace": _adagrad_then_trace}
RUNS: dict[str, Any] = {"torch": TorchRun, "keras": KerasRun, "optax": OptaxRun, "thinc": ThincRun}


def peer_path(
    peer: str,
    name: str,
    options: Mapping[str, Any],
    start: Arrays,
    grads: list[Arrays],
    loss: float | None = None,
    **way: bool,
) -> Path:
    """All weights, one after the other, at the start and after each step of a peer's optimizer, in one of its ways.

    loss: of every step, for an optimizer that takes it.
    """
    run = RUNS[peer](name, options, start, **way)
    path = [flat(start)]
    for step in grads:
        run.step(step, loss)
        path.append(flat(run.weights))
    return path


def flat(arrays: Arrays) -> np.ndarray:
    return np.concatenate([array.reshape(-1) for array in arrays])
