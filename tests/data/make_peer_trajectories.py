"""Writes peer_trajectories.json beside it: weights that the peers' packages reach from given gradients, in float64.

Run it with the packages of the extra `peers`: python tests/data/make_peer_trajectories.py. A new rule is a row of ROWS.
"""

import contextlib
import importlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_suffix("").with_name("peer_trajectories.json")
STEPS = 50
# The steps after which weights are kept.
KEPT = (1, 2, 10, STEPS)
SHAPES = ((3, 4), (5,))

Arrays = list[np.ndarray]
# Yields the weights after each step.
Run = Callable[[Arrays, list[Arrays]], Iterator[Arrays]]


@dataclass(frozen=True)
class Row:
    """A rule of ours with its hyperparameters, and a peer that reaches the same weights.

    slots: of ours, by name, the arrays of the peer's state that are the same.
    """

    rule: str
    options: Mapping[str, Any]
    peer: Run
    slots: Mapping[str, str] = field(default_factory=dict)
    name: str = ""

    @property
    def key(self) -> str:
        """Its name in the file."""
        return f"{self.rule} {self.name}".strip()


def torch_run(package: str, name: str, slots: Mapping[str, str] | None = None, **options: Any) -> Run:
    """An optimizer of a package that torch.optim.Optimizer is the base of."""

    def run(start: Arrays, grads: list[Arrays]) -> Iterator[Arrays]:
        import torch

        # Of the default type are the numbers that an optimizer keeps beside the arrays.
        with float64(torch.get_default_dtype, torch.set_default_dtype, torch.float64):
            parameters = [torch.nn.Parameter(torch.tensor(x)) for x in start]
            optimizer = getattr(importlib.import_module(package), name)(parameters, foreach=False, **options)
            for step in grads:
                for parameter, g in zip(parameters, step, strict=True):
                    parameter.grad = torch.tensor(g)
                optimizer.step()
                kept = [optimizer.state[p][key] for key in (slots or {}).values() for p in parameters]
                yield [x.detach().numpy().copy() for x in (*parameters, *kept)]

    return run


@contextlib.contextmanager
def float64(get: Callable[[], Any], put: Callable[[Any], Any], value: Any) -> Iterator[None]:
    """A context in which a setting has a value that stands for float64."""
    before = get()
    put(value)
    try:
        yield
    finally:
        put(before)


def jax_float64() -> Any:
    """A context in which JAX has float64."""
    import jax

    return float64(lambda: jax.config.jax_enable_x64, lambda on: jax.config.update("jax_enable_x64", on), True)


def optax_run(make: Callable[[Any], Any]) -> Run:
    """A transformation of optax's, of the module optax."""

    def run(start: Arrays, grads: list[Arrays]) -> Iterator[Arrays]:
        import jax
        import optax

        with jax_float64():
            transformation = make(optax)
            parameters = [jax.numpy.asarray(x) for x in start]
            state = transformation.init(parameters)
            for step in grads:
                updates, state = transformation.update([jax.numpy.asarray(g) for g in step], state, parameters)
                parameters = optax.apply_updates(parameters, updates)
                yield [np.array(x) for x in parameters]

    return run


def keras_run(name: str, **options: Any) -> Run:
    """An optimizer of Keras's on JAX."""

    def run(start: Arrays, grads: list[Arrays]) -> Iterator[Arrays]:
        os.environ["KERAS_BACKEND"] = "jax"
        import jax
        import keras

        with jax_float64(), float64(keras.config.floatx, keras.config.set_floatx, "float64"):
            variables = [keras.Variable(x, dtype="float64") for x in start]
            optimizer = getattr(keras.optimizers, name)(**options)
            for step in grads:
                optimizer.apply([jax.numpy.asarray(g) for g in step], variables)
                yield [np.array(x.value) for x in variables]

    return run


def torch(rule: str, name: str, theirs: Mapping[str, Any], slots: Mapping[str, str] | None = None, **ours: Any) -> Row:
    """A row of torch.optim's."""
    return Row(rule, ours, torch_run("torch.optim", name, slots, **theirs), slots or {}, name=f"torch {name}")


def pytorch_optimizer(rule: str, name: str, theirs: Mapping[str, Any], variant: str = "", **ours: Any) -> Row:
    """A row of the package pytorch_optimizer."""
    peer = torch_run("pytorch_optimizer", name, **theirs)
    return Row(rule, ours, peer, name=f"pytorch_optimizer {name} {variant}".strip())


def optax(rule: str, name: str, make: Callable[[Any], Any], **ours: Any) -> Row:
    """A row of optax's."""
    return Row(rule, ours, optax_run(make), name=f"optax {name}")


# Not here: what a peer has in float32 (pytorch_optimizer's QHAdam) or otherwise than the authors (its MARS-AdamW and
# LaProp add 1e-15 in the root, its SimplifiedAdEMAMix divides where they multiply; optax's Adan and Rprop).
LR = 0.02
BETAS = {"beta1": 0.8, "beta2": 0.95}
B1, B2 = BETAS.values()
THREE = {**BETAS, "beta3": 0.98}
DECAY = {"weight_decay": 0.05}

ROWS = [
    torch("rprop", "Rprop", {"lr": 0.05, "etas": (0.4, 1.3), "step_sizes": (0.01, 0.2)}, lr=0.05, eta_minus=0.4,
          eta_plus=1.3, min_step=0.01, max_step=0.2),
    torch("asgd", "ASGD", {"lr": LR, "lambd": 0.3, "alpha": 0.6, "t0": 10.0}, {"mean": "ax"}, lr=LR, lambd=0.3,
          alpha=0.6, t0=10.0),
    Row("ftrl", {"lr": 0.1, "l1": 0.4, "l2": 0.3, "l2_shrinkage": 0.2, "beta": 0.5, "initial_accumulator": 0.2,
                 "whole_squares": True},
        keras_run("Ftrl", learning_rate=0.1, l1_regularization_strength=0.4, l2_regularization_strength=0.3,
                  l2_shrinkage_regularization_strength=0.2, beta=0.5, initial_accumulator_value=0.2),
        name="keras Ftrl"),
    pytorch_optimizer("signsgd", "SignSGD", {"lr": LR, "momentum": 0.0}, lr=LR),
    pytorch_optimizer("signum", "SignSGD", {"lr": LR, "momentum": 0.7}, lr=LR, momentum=0.7),
    optax("signum", "signum", lambda optax: optax.signum(LR, beta=0.7), lr=LR, momentum=0.7),
    pytorch_optimizer("tiger", "Tiger", {"lr": LR, "beta": 0.8, **DECAY}, lr=LR, beta=0.8, **DECAY),
    pytorch_optimizer("ademamix", "AdEMAMix", {"lr": LR, "betas": (B1, B2, 0.98), "alpha": 3.0, "eps": 1e-6},
                      lr=LR, **THREE, alpha=3.0, eps=1e-6),
    optax("ademamix_simplified", "simplified_ademamix",
          lambda optax: optax.contrib.simplified_ademamix(LR, b1=B1, b2=B2, alpha=3.0, eps=1e-6),
          lr=LR, **BETAS, alpha=3.0, eps=1e-6),
    optax("adopt", "adopt", lambda optax: optax.contrib.adopt(LR, b1=B1, b2=B2, eps=1e-6), lr=LR, **BETAS, eps=1e-6),
    optax("adopt", "adopt without clip",
          lambda optax: optax.contrib.adopt(LR, b1=B1, b2=B2, eps=0.3, use_clipping=False),
          lr=LR, **BETAS, eps=0.3, clip=False),
    pytorch_optimizer("adan", "Adan", {"lr": LR, "betas": (B1, B2, 0.98), "eps": 1e-6, **DECAY}, lr=LR, **THREE,
                      eps=1e-6, **DECAY),
    pytorch_optimizer("adan", "Adan",
                      {"lr": LR, "betas": (B1, B2, 0.98), "eps": 1e-6, **DECAY, "weight_decouple": True}, "no_prox",
                      lr=LR, **THREE, eps=1e-6, **DECAY, no_prox=True),
    pytorch_optimizer("mars_lion", "MARS", {"lr": LR, "betas": (B1, B2), "gamma": 0.1, "optimize_1d": True,
                                            "mars_type": "lion", **DECAY}, lr=LR, beta1=B1, gamma=0.1, **DECAY),
    pytorch_optimizer("novograd", "NovoGrad", {"lr": LR, "betas": (B1, B2), "eps": 1e-6}, lr=LR, **BETAS, eps=1e-6),
    optax("novograd", "novograd", lambda optax: optax.novograd(LR, b1=B1, b2=B2, eps=1e-6, weight_decay=0.05), lr=LR,
          **BETAS, eps=1e-6, **DECAY),
    pytorch_optimizer("adabound", "AdaBound", {"lr": LR, "betas": (B1, B2), "final_lr": 0.05, "gamma": 0.05}, lr=LR,
                      **BETAS, final_lr=0.05, gamma=0.05),
    pytorch_optimizer("amsbound", "AdaBound", {"lr": LR, "betas": (B1, B2), "final_lr": 0.05, "gamma": 0.05,
                                               "ams_bound": True}, lr=LR, **BETAS, final_lr=0.05, gamma=0.05),
    pytorch_optimizer("qhm", "QHM", {"lr": LR, "momentum": 0.8, "nu": 0.6}, lr=LR, momentum=0.8, nu=0.6),
    pytorch_optimizer("aggmo", "AggMo", {"lr": LR, "betas": (0.0, 0.8, 0.95)}, lr=LR, momentum=0.8, momentum_slow=0.95),
    optax("acprop", "acprop", lambda optax: optax.contrib.acprop(LR, b1=B1, b2=B2), lr=LR, **BETAS, eps=1e-16,
          ahead=True),
    optax("optimistic_sgd", "optimistic_gradient_descent",
          lambda optax: optax.optimistic_gradient_descent(LR, alpha=0.9, beta=0.6), lr=LR, alpha=0.9, beta=0.6),
    optax("optimistic_adam", "optimistic_adam_v2",
          lambda optax: optax.optimistic_adam_v2(LR, alpha=0.9, beta=0.6, b1=B1, b2=B2, eps=1e-6, nesterov=False),
          lr=LR, **BETAS, alpha=0.9, beta=0.6, eps=1e-6),
    optax("optimistic_nadam", "optimistic_adam_v2",
          lambda optax: optax.optimistic_adam_v2(LR, alpha=0.9, beta=0.6, b1=B1, b2=B2, eps=1e-6),
          lr=LR, **BETAS, alpha=0.9, beta=0.6, eps=1e-6),
]  # fmt: skip


def problem() -> tuple[Arrays, list[Arrays]]:
    """Weights, every second of which starts at 0, and gradients with a drift, some of which are 0."""
    generator = np.random.default_rng(21)
    count = sum(int(np.prod(shape)) for shape in SHAPES)
    start = generator.standard_normal(count) * (np.arange(count) % 2)
    drift = generator.standard_normal(count)
    rows = drift + generator.standard_normal((STEPS, count)) * 1.5
    rows *= generator.random((STEPS, count)) < 0.8
    return parts(start.round(3)), [parts(row.round(3)) for row in rows]


def parts(flat: np.ndarray) -> Arrays:
    """The arrays of all their numbers, one after the other."""
    ends = np.cumsum([int(np.prod(shape)) for shape in SHAPES])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends), SHAPES, strict=True)]


def flat(arrays: Arrays) -> list[float]:
    """All numbers of arrays, one after the other."""
    return [float(x) for array in arrays for x in array.reshape(-1)]


def kept(row: Row) -> list[list[float]]:
    """What a peer has after the steps of KEPT."""
    start, grads = problem()
    return [flat(arrays) for t, arrays in enumerate(row.peer(start, grads), 1) if t in KEPT]


def main() -> None:
    start, grads = problem()
    rows = {row.key: {"rule": row.rule, "options": dict(row.options), "slots": list(row.slots), "kept": kept(row)}
            for row in ROWS}  # fmt: skip
    contents = {"shapes": SHAPES, "steps": KEPT, "start": flat(start), "grads": [flat(step) for step in grads]}
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in rows.items()]
    head = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in contents.items())
    FILE.write_text("{" + head + ',\n"rows": {\n' + ",\n".join(lines) + "\n}}\n")


if __name__ == "__main__":
    main()
