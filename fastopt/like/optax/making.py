"""From optax's arguments to an optimizer of ours."""

import math
from collections.abc import Mapping
from typing import Any

from ...kernels.language.spellings import OPTAX as NAMES
from ...optimizer.optimizer import Optimizer
from ...trees.tree import leaves
from ..building import built, counted_from_zero, decayed, unpaired
from ..unused import refuse

# Hyperparameters that optax's formulas fix.
FIXED: dict[str, dict[str, Any]] = {
    "Adagrad": {"eps_inside": True, "skip_zero": True},
    "RMSprop": {"lr_inside": True},
    "NAdam": {"psi": math.inf},
    "RAdam": {"eps_hat": False},
    "LARS": {"joint": True},
    "ACProp": {"ahead": True},
    "ScheduleFreeSGD": {"late_warmup": True},
    "ScheduleFreeAdamW": {"late_warmup": True},
    "Prodigy": {"decouple": True, "bias_correction": True},
    "DAdaptAdam": {"decouple": True, "bias_correction": True},
    "MoMo": {"decay_step": False},
    "MoMoAdam": {"decay_step": False},
}
# The families whose formulas for complex parameters are ours, and the second moment that optax has: one for both parts.
# Its Yogi starts m at a real number, ours at a number with both parts.
COMPLEX = {
    **dict.fromkeys(("SGD", "LARS"), "parts"),
    **dict.fromkeys(("Adagrad", "RMSprop", "Adam", "AdamW", "NAdam", "RAdam", "AdaBelief"), "modulus"),
}
# Why an argument cannot be honoured.
WHY = {
    **dict.fromkeys(
        ("accumulator_dtype", "mu_dtype", "state_dtype"), "state is float32, or float64 for float64 parameters"
    ),
    **dict.fromkeys(("mask", "weight_decay_mask"), "give a group of the parameters a weight decay of its own"),
    "trust_ratio_mask": "make an optimizer for each part of the parameters",
}


def made(
    family: str,
    arguments: Mapping[str, Any],
    idle: Mapping[str, Any] | None = None,
    decay: str = "decoupled_with",
    names: Mapping[str, str] | None = None,
) -> Optimizer:
    """An optimizer for optax's arguments.

    idle: unsupported arguments, with the values that do nothing. names: ours by optax's, besides those of NAMES.
    """
    given = dict(arguments)
    for name, default in (idle or {}).items():
        refuse(name, given.pop(name), default, WHY.get(name, "fastopt has no such formula"))
    params = given.pop("params")
    every = {**NAMES, **(names or {})}
    hyper = {every.get(n, n): counted_from_zero(value) for n, value in unpaired(given).items()}
    for name in ("momentum", "weight_decay", "warmup_steps"):
        if hyper.get(name, 0.0) is None:
            hyper[name] = 0.0
    # optax has one count of steps.
    hyper = {**decayed(family, hyper, decay), "count": "optimizer"}
    if any("complex" in str(getattr(array, "dtype", "")) for _, _, array in leaves(params, "")):
        if family not in COMPLEX:
            raise TypeError(
                f"optax's {family} treats complex parameters in another way than fastopt, which updates their two "
                f"parts; use fastopt.{family}, or pass real parameters"
            )
        hyper["second_moment"] = COMPLEX[family]
    return built(family, params, hyper, FIXED.get(family, {}))
