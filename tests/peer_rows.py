"""Which optimizer of a peer each rule is compared with, and with which hyperparameters they are the same.

Where conventions differ, a row bridges them with a hyperparameter that is a function of the step.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf, sqrt
from typing import Any

from fastopt.kernels import FAMILIES

LR, MU, RHO, B1, B2 = 0.03, 0.8, 0.95, 0.85, 0.98
# Not told in the names of the tests, where they are these.
COMMON = ("lr", "learning_rate", "betas", "beta_1", "beta_2", "b1", "b2")


@dataclass(frozen=True)
class Row:
    """peer: "torch.Adam", built with options; ours: the class, with hyper. apart: each weight an array of its own."""

    peer: str
    options: dict[str, Any]
    ours: str
    hyper: dict[str, Any] = field(default_factory=dict)
    steps: int = 60
    apart: bool = False
    why: str = ""

    @property
    def rule(self) -> str:
        return FAMILIES[self.ours].select(self.hyper)[0].name

    def __str__(self) -> str:
        told = [
            f"{n}={'f(t)' if callable(v) else v}" for n, v in self.options.items() if n not in COMMON or callable(v)
        ]
        return f"{self.rule}-{self.peer}({','.join(told)})"


def falling(t: int) -> float:
    return LR / (1 + 0.1 * t)


def momentum_inside(t: int) -> float:
    """For ours, with lr outside the velocity: the momentum that gives the steps of one with lr inside it."""
    return MU * falling(t - 1) / falling(t)


def corrected(beta: float, t: int) -> float:
    return 1 - beta**t


def eps_hat(eps: float) -> Callable[[int], float]:
    """For ours, whose eps joins the corrected root: an eps that joins the uncorrected one."""
    return lambda t: eps / sqrt(corrected(B2, t))


def same(peer: str, ours: str, **hyper: Any) -> Row:
    """A row whose hyperparameters have one name on both sides."""
    return Row(peer, hyper, ours, hyper)


TORCH = {"lr": LR, "betas": (B1, B2)}
KERAS = {"learning_rate": LR, "beta_1": B1, "beta_2": B2}
OPTAX = {"learning_rate": LR, "b1": B1, "b2": B2}
OURS = {"lr": LR, "beta1": B1, "beta2": B2}
RATE = {"learning_rate": LR}
FALLING = {"learning_rate": falling}
NESTEROV = {"momentum": MU, "nesterov": True}
INSIDE = {"eps": 1e-7, "eps_inside": True}
DECAY = {"weight_decay": 0.1}

ROWS = [
    *(Row(f"torch.{name}", {}, name) for name in ("Adagrad", "RMSprop", "Adadelta", "Adam", "AdamW", "Adamax")),
    *(Row(f"torch.{name}", {}, name) for name in ("NAdam", "RAdam")),
    same("torch.SGD", "SGD", lr=LR),
    same("torch.SGD", "SGD", lr=LR, momentum=MU),
    same("torch.SGD", "SGD", lr=falling, momentum=MU),
    same("torch.SGD", "SGD", lr=LR, momentum=MU, dampening=0.3),
    same("torch.SGD", "SGD", lr=falling, momentum=MU, nesterov=True),
    Row("keras.SGD", RATE, "SGD", {"lr": LR}),
    Row("keras.SGD", {**RATE, "momentum": MU}, "SGD", {"lr": LR, "momentum": MU}),
    Row("keras.SGD", {**FALLING, "momentum": MU}, "SGD", {"lr": falling, "momentum": momentum_inside}),
    Row("keras.SGD", {**RATE, **NESTEROV}, "SGD", {"lr": LR, **NESTEROV}),
    Row("optax.sgd", FALLING, "SGD", {"lr": falling}),
    Row("optax.sgd", {**FALLING, "momentum": MU}, "SGD", {"lr": falling, "momentum": MU}),
    Row("optax.sgd", {**FALLING, **NESTEROV}, "SGD", {"lr": falling, **NESTEROV}),
    Row(
        "torch.Adagrad",
        {"lr": LR, "lr_decay": 0.1, "initial_accumulator_value": 0.2, "eps": 1e-6},
        "Adagrad",
        {"lr": LR, "lr_decay": 0.1, "initial_accumulator": 0.2, "eps": 1e-6},
    ),
    Row("keras.Adagrad", RATE, "Adagrad", {"lr": LR, **INSIDE, "initial_accumulator": 0.1}),
    Row("optax.adagrad", RATE, "Adagrad", {"lr": LR, **INSIDE, "initial_accumulator": 0.1}),
    Row("optax.adagrad", {**RATE, "initial_accumulator_value": 0.0}, "Adagrad", {"lr": LR, **INSIDE}),
    Row(
        "optax.adagrad_then_trace",
        {**FALLING, "decay": MU, "initial_accumulator_value": 0.1, "eps": 1e-7},
        "Adagrad",
        {"lr": falling, "momentum": MU, **INSIDE, "initial_accumulator": 0.1},
    ),
    same("torch.RMSprop", "RMSprop", lr=LR, alpha=RHO),
    same("torch.RMSprop", "RMSprop", lr=LR, alpha=RHO, centered=True),
    same("torch.RMSprop", "RMSprop", lr=falling, alpha=RHO, momentum=MU),
    same("torch.RMSprop", "RMSprop", lr=LR, alpha=RHO, centered=True, momentum=MU),
    Row("optax.rmsprop", {**RATE, "decay": RHO, "eps_in_sqrt": False}, "RMSprop", {"lr": LR, "alpha": RHO}),
    *(
        Row(
            peer,
            {"learning_rate": rate, decay: RHO, eps: 1e-7, **options},
            "RMSprop",
            {"lr": rate, "alpha": RHO, **INSIDE, **options, **hyper},
        )
        for peer, decay, eps in (("keras.RMSprop", "rho", "epsilon"), ("optax.rmsprop", "decay", "eps"))
        for rate, options, hyper in (
            (LR, {}, {}),
            (LR, {"centered": True}, {}),
            (LR, {"momentum": MU}, {}),
            (LR, {"centered": True, "momentum": MU}, {}),
            (falling, {"momentum": MU}, {"momentum": momentum_inside}),
        )
    ),
    same("torch.Adadelta", "Adadelta", lr=0.5, rho=RHO, eps=1e-7),
    Row("keras.Adadelta", {**RATE, "rho": RHO}, "Adadelta", {"lr": LR, "rho": RHO, "eps": 1e-7}),
    Row("optax.adadelta", {**RATE, "rho": RHO}, "Adadelta", {"lr": LR, "rho": RHO}),
    Row("torch.Adam", TORCH, "Adam", OURS, steps=100),
    Row("keras.Adam", KERAS, "Adam", {**OURS, "eps": eps_hat(1e-7)}),
    Row("optax.adam", OPTAX, "Adam", OURS),
    Row("torch.Adam", {**TORCH, "amsgrad": True}, "Adam", {**OURS, "amsgrad": True}, steps=100),
    Row("keras.Adam", {**KERAS, "amsgrad": True}, "Adam", {**OURS, "eps": eps_hat(1e-7), "amsgrad": True}),
    Row(
        "optax.amsgrad",
        {**OPTAX, "bias_correction_nu": False},
        "Adam",
        {**OURS, "lr": lambda t: LR / sqrt(corrected(B2, t)), "eps": eps_hat(1e-8), "amsgrad": True},
    ),
    Row(
        "optax.adam",
        {**OPTAX, "eps": 0.0, "eps_root": 1e-8},
        "Adam",
        {
            **OURS,
            "lr": lambda t: LR * sqrt(corrected(B2, t)) / corrected(B1, t),
            "eps": lambda t: 1e-8 * corrected(B2, t),
            "uncorrected": True,
        },
    ),
    Row("torch.AdamW", {**TORCH, **DECAY}, "AdamW", {**OURS, **DECAY}, steps=100),
    Row("torch.AdamW", {**TORCH, **DECAY, "amsgrad": True}, "AdamW", {**OURS, **DECAY, "amsgrad": True}),
    Row("keras.AdamW", {**KERAS, **DECAY}, "AdamW", {**OURS, **DECAY, "eps": eps_hat(1e-7)}),
    Row("optax.adamw", {**OPTAX, **DECAY}, "AdamW", {**OURS, **DECAY}),
    Row("torch.Adamax", TORCH, "Adamax", OURS, steps=100),
    Row("keras.Adamax", KERAS, "Adamax", {**OURS, "eps": 1e-7, "eps_inside": False}),
    Row("optax.adamax", OPTAX, "Adamax", OURS),
    # Of order 2, the norm is Adam's.
    Row("torch.Adam", TORCH, "AdamLp", {**OURS, "beta2": sqrt(B2), "order": 2.0}),
    # Over an array of one weight, the largest magnitude is the magnitude.
    Row("torch.Adam", TORCH, "AdamMaxNorm", OURS, apart=True),
    Row("torch.NAdam", TORCH, "NAdam", OURS, steps=100),
    Row("torch.NAdam", {**TORCH, "momentum_decay": 0.1}, "NAdam", {**OURS, "psi": 0.1}),
    Row("keras.Nadam", KERAS, "NAdam", {**OURS, "psi": 1.0, "eps": 1e-7}),
    Row("optax.nadam", OPTAX, "NAdam", {**OURS, "psi": inf}),
    Row("torch.RAdam", TORCH, "RAdam", OURS, steps=100),
    Row("optax.radam", OPTAX, "RAdam", {**OURS, "eps": lambda t: 1e-8 * sqrt(corrected(B2, t))}),
    Row("keras.Lion", KERAS, "Lion", OURS),
    Row("optax.lion", {**OPTAX, "weight_decay": 0.0}, "Lion", OURS),
    Row("optax.adabelief", {**OPTAX, "eps": 1e-12, "eps_root": 1e-12}, "AdaBelief", {**OURS, "eps": 1e-12}),
    Row("optax.yogi", OPTAX, "Yogi", OURS),
    Row("optax.lamb", OPTAX, "LAMB", {**OURS, "weight_decay": 0.0}),
    Row("optax.lamb", {**OPTAX, "eps": 1e-5, **DECAY}, "LAMB", {**OURS, "eps": 1e-5, **DECAY}),
    Row("keras.Lamb", KERAS, "LAMB", {**OURS, "eps": 1e-7, "weight_decay": 0.0}),
    Row("optax.lars", {**FALLING, "momentum": MU}, "LARS", {"lr": falling, "momentum": MU}),
    Row(
        "optax.lars",
        {**RATE, "momentum": MU, "trust_coefficient": 0.02, "eps": 1e-3},
        "LARS",
        {"lr": LR, "momentum": MU, "trust": 0.02, "eps": 1e-3},
    ),
]

# Rules that no peer has.
UNCOMPARED = {
    "nag_adam": "no peer has it; test_formulas.py holds it to the printed equations",
    "sgd_hypergradient": "no peer has it; test_hypergradient.py holds it to the paper",
    "adam_hypergradient": "no peer has it; test_hypergradient.py holds it to the paper",
}

# What no hyperparameters bridge; each is tested to differ indeed.
DIFFERENT = [
    Row(
        "keras.SGD",
        {**FALLING, **NESTEROV},
        "SGD",
        {"lr": falling, **NESTEROV},
        why="lr is inside the velocity, which parts from ours when lr changes; the two places of momentum then need "
        "two values",
    ),
    Row(
        "optax.lars",
        {**RATE, "momentum": MU, **DECAY},
        "LARS",
        {"lr": LR, "momentum": MU, **DECAY},
        why="the ratio is to the norm of the gradient with its decay; in the paper, to the sum of their norms",
    ),
    Row(
        "optax.amsgrad",
        OPTAX,
        "Adam",
        {**OURS, "amsgrad": True},
        why="the maximum is of the bias-corrected moments, as if the correction were part of them",
    ),
]
