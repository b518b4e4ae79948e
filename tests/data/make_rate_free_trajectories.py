"""Writes rate_free_trajectories.json beside it: weights that Schedule-Free optimizers and those without a rate reach.

The start and the gradients are those of peer_trajectories.json; losses are added. Run it with the packages of the extra
`peers`: python tests/data/make_rate_free_trajectories.py. A new rule is a row of ROWS.
"""

import importlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from make_peer_trajectories import FILE as PROBLEM
from make_peer_trajectories import KEPT, STEPS, Arrays, flat, float64, jax_float64, problem

FILE = PROBLEM.with_name("rate_free_trajectories.json")

# Yields the weights after each step, and then their averages if they are wanted.
Run = Callable[[Arrays, list[Arrays], list[float], bool], Iterator[Arrays]]


@dataclass(frozen=True)
class Row:
    """A rule of ours with its hyperparameters, and a peer that reaches the same weights.

    averaged: the averages of the weights are kept too. rates: lr in the steps, over and over, if it is not the same in
    all.
    """

    name: str
    rule: str
    options: Mapping[str, Any]
    peer: Run
    averaged: bool = False
    rates: Sequence[float] = ()


def losses() -> list[float]:
    """Of each step; they fall, and some are below zero."""
    noise = np.random.default_rng(22).standard_normal(STEPS)
    return [float(x) for x in (12 * 0.95 ** np.arange(STEPS) - 1 + noise).round(3)]


def torch_run(package: str, name: str, loss: bool = False, rates: Sequence[float] = (), **options: Any) -> Run:
    """An optimizer of a package that torch.optim.Optimizer is the base of. loss: it is given the loss. rates: as of a
    row.
    """

    def run(start: Arrays, grads: list[Arrays], losses: list[float], averaged: bool) -> Iterator[Arrays]:
        import torch

        with float64(torch.get_default_dtype, torch.set_default_dtype, torch.float64):
            parameters = [torch.nn.Parameter(torch.tensor(x)) for x in start]
            optimizer = getattr(importlib.import_module(package), name)(parameters, **options)
            for t, (step, value) in enumerate(zip(grads, losses, strict=True)):
                if rates:
                    (group,) = optimizer.param_groups
                    group["lr"] = rates[t % len(rates)]
                for parameter, g in zip(parameters, step, strict=True):
                    parameter.grad = torch.tensor(g)
                if averaged:
                    optimizer.train()
                optimizer.step(**({"loss": torch.tensor(value)} if loss else {}))
                kept = [x.detach().numpy().copy() for x in parameters]
                if averaged:
                    optimizer.eval()
                    kept += [x.detach().numpy().copy() for x in parameters]
                yield kept

    return run


def optax_run(make: Callable[[Any], Any], loss: bool = False, apart: bool = False) -> Run:
    """A transformation of optax's. loss: it is given the loss. apart: each array has one of its own."""

    def run(start: Arrays, grads: list[Arrays], losses: list[float], averaged: bool) -> Iterator[Arrays]:
        import jax
        import optax

        with jax_float64():
            transformation = make(optax)
            groups = [[jax.numpy.asarray(x)] for x in start] if apart else [[jax.numpy.asarray(x) for x in start]]
            states = [transformation.init(group) for group in groups]
            for step, value in zip(grads, losses, strict=True):
                given = [jax.numpy.asarray(g) for g in step]
                parts = [[g] for g in given] if apart else [given]
                for k, part in enumerate(parts):
                    extra = {"value": value} if loss else {}
                    updates, states[k] = transformation.update(part, states[k], groups[k], **extra)
                    groups[k] = optax.apply_updates(groups[k], updates)
                kept = [np.array(x) for group in groups for x in group]
                if averaged:
                    (state,), (group,) = states, groups
                    kept += [np.array(x) for x in optax.contrib.schedule_free_eval_params(state, group)]
                yield kept

    return run


def keras_run(name: str, **options: Any) -> Run:
    """An optimizer of Keras's on JAX."""

    def run(start: Arrays, grads: list[Arrays], _: list[float], averaged: bool) -> Iterator[Arrays]:
        assert not averaged, "Keras cannot read the average"
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


# Not here: optax's Schedule-Free with a warm-up, which has rates in float32; its Polyak step with a scaling, which it
# multiplies the gradient by before it takes the norm, against its own documentation; DAdaptSGD with a weight decay,
# which the norm of its first gradient lacks.
LR = 0.02
BETAS = {"beta1": 0.8, "beta2": 0.95}
B1, B2 = BETAS.values()
DECAY = {"weight_decay": 0.05}
WEIGHTS = {"r": 0.5, "weight_lr_power": 1.5, **DECAY}
GROWTH = {"d0": 1e-3, "growth_rate": 1.3}
# With lr = 0 DAdaptSGD raises.
RATES = (0.0, 1 / 3, 2 / 3, 1.0)

ROWS = [
    Row("schedulefree SGDScheduleFree", "schedule_free_sgd",
        {"lr": LR, "momentum": 0.8, "warmup_steps": 7.0, **WEIGHTS},
        torch_run("schedulefree", "SGDScheduleFree", lr=LR, momentum=0.8, warmup_steps=7, foreach=False, **WEIGHTS),
        averaged=True),
    Row("schedulefree AdamWScheduleFree", "schedule_free_adamw", {"lr": LR, **BETAS, "warmup_steps": 7.0, **WEIGHTS},
        torch_run("schedulefree", "AdamWScheduleFree", lr=LR, betas=(B1, B2), warmup_steps=7, foreach=False, **WEIGHTS),
        averaged=True),
    Row("schedulefree RAdamScheduleFree", "schedule_free_radam", {"lr": LR, **BETAS, **WEIGHTS},
        torch_run("schedulefree", "RAdamScheduleFree", lr=LR, betas=(B1, B2), foreach=False, **WEIGHTS), averaged=True),
    Row("schedulefree RAdamScheduleFree from SGD", "schedule_free_radam",
        {"lr": LR, **BETAS, "silent_sgd_phase": False, **WEIGHTS},
        torch_run("schedulefree", "RAdamScheduleFree", lr=LR, betas=(B1, B2), foreach=False, silent_sgd_phase=False,
                  **WEIGHTS), averaged=True),
    Row("optax schedule_free_sgd", "schedule_free_sgd", {"lr": LR, "momentum": 0.8, **DECAY},
        optax_run(lambda optax: optax.contrib.schedule_free_sgd(LR, b1=0.8, **DECAY)), averaged=True),
    Row("optax schedule_free_adamw", "schedule_free_adamw", {"lr": LR, **BETAS, **DECAY},
        optax_run(lambda optax: optax.contrib.schedule_free_adamw(LR, b1=B1, b2=B2, **DECAY)), averaged=True),
    Row("keras ScheduleFreeAdamW", "schedule_free_adamw",
        {"lr": LR, **BETAS, "warmup_steps": 7.0, "weight_lr_power": 0.0, "decay_first": True, **DECAY},
        keras_run("ScheduleFreeAdamW", learning_rate=LR, beta_1=B1, beta_2=B2, warmup_steps=7, **DECAY)),
    Row("prodigyopt Prodigy", "prodigy", {}, torch_run("prodigyopt", "Prodigy")),
    Row("prodigyopt Prodigy growing", "prodigy", {**BETAS, "growth_rate": 1.05},
        torch_run("prodigyopt", "Prodigy", betas=(B1, B2), growth_rate=1.05)),
    Row("prodigyopt Prodigy decoupled", "prodigy", {"lr": 0.7, **BETAS, "d_coef": 0.6, **GROWTH, **DECAY},
        torch_run("prodigyopt", "Prodigy", lr=0.7, betas=(B1, B2), d_coef=0.6, **GROWTH, **DECAY)),
    Row("prodigyopt Prodigy safeguarded", "prodigy",
        {"lr": 0.7, **BETAS, "beta3": 0.9, "decouple": False, "bias_correction": True, "safeguard_warmup": True,
         "d0": 1e-3, **DECAY},
        torch_run("prodigyopt", "Prodigy", lr=0.7, betas=(B1, B2), beta3=0.9, decouple=False, use_bias_correction=True,
                  safeguard_warmup=True, d0=1e-3, **DECAY)),
    Row("prodigyopt Prodigy scheduled", "prodigy", {**BETAS, **GROWTH, **DECAY},
        torch_run("prodigyopt", "Prodigy", rates=RATES, betas=(B1, B2), **GROWTH, **DECAY), rates=RATES),
    Row("prodigyopt Prodigy scheduled and safeguarded", "prodigy",
        {**BETAS, "decouple": False, "safeguard_warmup": True, "d0": 1e-3, **DECAY},
        torch_run("prodigyopt", "Prodigy", rates=RATES, betas=(B1, B2), decouple=False, safeguard_warmup=True, d0=1e-3,
                  **DECAY), rates=RATES),
    Row("optax prodigy", "prodigy", {"lr": 0.7, **BETAS, "d0": 1e-3, "bias_correction": True, **DECAY},
        optax_run(lambda optax: optax.contrib.prodigy(0.7, (B1, B2), estim_lr0=1e-3, **DECAY))),
    Row("dadaptation DAdaptSGD", "dadapt_sgd", {}, torch_run("dadaptation", "DAdaptSGD")),
    Row("dadaptation DAdaptSGD momentum", "dadapt_sgd", {"lr": 0.7, "momentum": 0.6, **GROWTH},
        torch_run("dadaptation", "DAdaptSGD", lr=0.7, momentum=0.6, **GROWTH)),
    Row("dadaptation DAdaptAdam", "dadapt_adam", {"lr": 0.7, **BETAS, "d0": 1e-3, **DECAY},
        torch_run("dadaptation", "DAdaptAdam", lr=0.7, betas=(B1, B2), d0=1e-3, **DECAY)),
    Row("dadaptation DAdaptAdam decoupled", "dadapt_adam",
        {"lr": 0.7, **BETAS, "decouple": True, "bias_correction": True, **GROWTH, **DECAY},
        torch_run("dadaptation", "DAdaptAdam", lr=0.7, betas=(B1, B2), decouple=True, use_bias_correction=True,
                  **GROWTH, **DECAY)),
    Row("dadaptation DAdaptAdam scheduled", "dadapt_adam", {**BETAS, "decouple": True, **GROWTH, **DECAY},
        torch_run("dadaptation", "DAdaptAdam", rates=RATES, betas=(B1, B2), decouple=True, **GROWTH, **DECAY),
        rates=RATES),
    Row("optax dadapt_adamw", "dadapt_adam",
        {"lr": 0.7, **BETAS, "d0": 1e-3, "decouple": True, "bias_correction": True, **DECAY},
        optax_run(lambda optax: optax.contrib.dadapt_adamw(0.7, (B1, B2), estim_lr0=1e-3, **DECAY))),
    Row("dog DoG", "dog", {"lr": 0.7, "init_step": 1e-2, "eps": 1e-3},
        torch_run("dog", "DoG", reps_rel=1e-2, lr=0.7, eps=1e-3)),
    Row("dog DoG init_eta", "dog", {"init_step": 0.1, "init": "learning_rate"}, torch_run("dog", "DoG", init_eta=0.1)),
    Row("dog LDoG", "dog", {"init_step": 1e-2, "over": "array"}, torch_run("dog", "LDoG", reps_rel=1e-2)),
    Row("optax dog", "dog", {"lr": 0.7, "init_step": 1e-2, "eps": 1e-3},
        optax_run(lambda optax: optax.contrib.dog(0.7, ("heuristic", 1e-2), eps=1e-3))),
    Row("optax dog distance", "dog", {"init_step": 0.1, "init": "distance"},
        optax_run(lambda optax: optax.contrib.dog(init_step=("distance", 0.1)))),
    Row("optax dog learning_rate", "dog", {"init_step": 0.1, "init": "learning_rate"},
        optax_run(lambda optax: optax.contrib.dog(init_step=("learning_rate", 0.1)))),
    Row("optax dog of each array", "dog", {"init_step": 1e-2, "over": "array"},
        optax_run(lambda optax: optax.contrib.dog(init_step=("heuristic", 1e-2)), apart=True)),
    Row("optax dowg", "dowg", {"lr": 0.7, "init_sq_dist": 1e-2, "eps": 1e-3},
        optax_run(lambda optax: optax.contrib.dowg(0.7, 1e-2, eps=1e-3))),
    Row("optax polyak_sgd", "polyak_sgd", {"max_lr": 0.3, "f_min": 0.2, "eps": 0.1},
        optax_run(lambda optax: optax.polyak_sgd(0.3, f_min=0.2, eps=0.1), loss=True)),
    Row("optax polyak_sgd sps+", "polyak_sgd", {"max_lr": 0.3, "clamp": True},
        optax_run(lambda optax: optax.polyak_sgd(0.3, variant="sps+"), loss=True)),
    Row("momo Momo", "momo", {"lr": 0.5, "beta": 0.8, "lower_bound": -2.0, **DECAY},
        torch_run("momo", "Momo", loss=True, lr=0.5, beta=0.8, lb=-2.0, **DECAY)),
    Row("momo Momo adaptive", "momo",
        {"lr": 0.5, "beta": 0.8, "lower_bound": 2.0, "adapt_lower_bound": True, **DECAY},
        torch_run("momo", "Momo", loss=True, lr=0.5, beta=0.8, lb=2.0, use_fstar=True, **DECAY)),
    Row("momo MomoAdam", "momo_adam", {"lr": 0.5, **BETAS, "lower_bound": -2.0, **DECAY},
        torch_run("momo", "MomoAdam", loss=True, lr=0.5, betas=(B1, B2), lb=-2.0, **DECAY)),
    Row("momo MomoAdam adaptive", "momo_adam",
        {"lr": 0.5, **BETAS, "lower_bound": 2.0, "adapt_lower_bound": True, **DECAY},
        torch_run("momo", "MomoAdam", loss=True, lr=0.5, betas=(B1, B2), lb=2.0, use_fstar=True, **DECAY)),
    Row("optax momo", "momo", {"lr": 0.5, "beta": 0.8, "lower_bound": -2.0, "decay_step": False, **DECAY},
        optax_run(lambda optax: optax.contrib.momo(0.5, 0.8, -2.0, **DECAY), loss=True)),
    Row("optax momo adaptive", "momo",
        {"lr": 0.5, "beta": 0.8, "lower_bound": 2.0, "adapt_lower_bound": True, "decay_step": False, **DECAY},
        optax_run(lambda optax: optax.contrib.momo(0.5, 0.8, 2.0, adapt_lower_bound=True, **DECAY), loss=True)),
    Row("optax momo_adam", "momo_adam", {"lr": 0.5, **BETAS, "lower_bound": -2.0, "decay_step": False, **DECAY},
        optax_run(lambda optax: optax.contrib.momo_adam(0.5, B1, B2, lower_bound=-2.0, **DECAY), loss=True)),
    Row("optax momo_adam adaptive", "momo_adam",
        {"lr": 0.5, **BETAS, "lower_bound": -2.0, "adapt_lower_bound": True, "decay_step": False, **DECAY},
        optax_run(lambda optax: optax.contrib.momo_adam(0.5, B1, B2, lower_bound=-2.0, adapt_lower_bound=True, **DECAY),
                  loss=True)),
    Row("pytorch_optimizer StableAdamW", "stable_adamw", {"lr": LR, **BETAS, "eps": 1e-6, **DECAY},
        torch_run("pytorch_optimizer", "StableAdamW", lr=LR, betas=(B1, B2), eps=1e-6, foreach=False, **DECAY)),
    Row("optax cocob", "cocob", {"alpha": 20.0, "eps": 1e-3},
        optax_run(lambda optax: optax.contrib.cocob(alpha=20.0, eps=1e-3))),
]  # fmt: skip


def kept(row: Row) -> list[list[float]]:
    """What a peer has after the steps of KEPT."""
    start, grads = problem()
    return [flat(arrays) for t, arrays in enumerate(row.peer(start, grads, losses(), row.averaged), 1) if t in KEPT]


def main() -> None:
    rows = {row.name: {"rule": row.rule, "options": dict(row.options), "averaged": row.averaged,
                       "rates": list(row.rates), "kept": kept(row)}
            for row in ROWS}  # fmt: skip
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in rows.items()]
    FILE.write_text(f'{{"losses": {json.dumps(losses())},\n"rows": {{\n' + ",\n".join(lines) + "\n}}\n")


if __name__ == "__main__":
    main()
