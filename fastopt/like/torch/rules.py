"""torch's optimizers as ours: the arguments of torch's class, by its names, as those of a fastopt class."""

from collections.abc import Mapping
from typing import Any

from ...kernels import FAMILIES

# Where ours have another name, and where they have two for a pair.
_NAMES = {"initial_accumulator_value": "initial_accumulator", "momentum_decay": "psi"}
_PAIRS = {"betas": ("beta1", "beta2")}
# Which kernels torch takes, and what only they can do.
_UNUSED = ("foreach", "fused", "capturable", "differentiable")


def translated(name: str, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The class of ours, and its hyperparameters and options, for torch's class of that name with these arguments.

    A weight decay of zero is left out, unless ours has a decay of its own.
    """
    given = {_NAMES.get(n, n): value for n, value in arguments.items() if n not in _UNUSED}
    for pair, names in _PAIRS.items():
        if pair in given:
            given.update(zip(names, given.pop(pair), strict=True))
    decoupled = given.pop("decoupled_weight_decay", False)
    family = "AdamW" if decoupled and name == "Adam" else name
    if "weight_decay" not in FAMILIES[family].hyper:
        if given["weight_decay"]:
            given["decay"] = "decoupled" if decoupled else "l2"
        else:
            del given["weight_decay"]
    return family, given
