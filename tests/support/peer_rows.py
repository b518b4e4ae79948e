"""Rules that no peer has under a name, compared with what a peer has and they contain; and those without a peer."""

from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from fastopt.kernels import FAMILIES

LR, MU, B1, B2 = 0.03, 0.8, 0.85, 0.98


@dataclass(frozen=True)
class Other:
    """peer: "torch.Adam", built with options; ours: the class, with hyper. apart: each weight an array of its own."""

    peer: str
    options: dict[str, Any]
    ours: str
    hyper: dict[str, Any] = field(default_factory=dict)
    apart: bool = False

    @property
    def rule(self) -> str:
        return FAMILIES[self.ours].select(self.hyper)[0].name

    def __str__(self) -> str:
        return f"{self.rule}-{self.peer}"


def falling(t: int) -> float:
    return LR / (1 + 0.1 * t)


def corrected(beta: float, t: int) -> float:
    return 1 - beta**t


TORCH = {"lr": LR, "betas": (B1, B2)}
OURS = {"lr": LR, "beta1": B1, "beta2": B2}

ROWS = [
    # A chain of optax's parts.
    Other(
        "optax.adagrad_then_trace",
        {"learning_rate": falling, "decay": MU, "initial_accumulator_value": 0.1, "eps": 1e-7},
        "Adagrad",
        {"lr": falling, "momentum": MU, "eps": 1e-7, "eps_inside": True, "initial_accumulator": 0.1},
    ),
    # With the correction in functions of the step.
    Other(
        "optax.adam",
        {"learning_rate": LR, "b1": B1, "b2": B2, "eps": 0.0, "eps_root": 1e-8},
        "Adam",
        {
            **OURS,
            "lr": lambda t: LR * sqrt(corrected(B2, t)) / corrected(B1, t),
            "eps": lambda t: 1e-8 * corrected(B2, t),
            "uncorrected": True,
        },
    ),
    # Of order 2, the norm is Adam's.
    Other("torch.Adam", TORCH, "AdamLp", {**OURS, "beta2": sqrt(B2), "order": 2.0}),
    # Over an array of one weight, the largest magnitude is the magnitude.
    Other("torch.Adam", TORCH, "AdamMaxNorm", OURS, apart=True),
]

UNCOMPARED = {
    "nag_adam": "no peer has it; test_formulas.py holds it to the printed equations",
    "sgd_hypergradient": "no peer has it; test_hypergradient.py holds it to the paper",
    "adam_hypergradient": "no peer has it; test_hypergradient.py holds it to the paper",
    "laprop": "pytorch_optimizer adds 1e-15 in the root; test_peers_formulas.py holds it to its authors' code",
    "mars": "pytorch_optimizer adds 1e-15 in the root; test_peers_formulas.py holds it to its authors' code",
    "qhadam": "pytorch_optimizer has numbers in float32; test_peers_formulas.py holds it to its authors' code",
}
