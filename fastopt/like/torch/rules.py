"""torch's optimizers as ours: the options of a parameter group, by torch's names, as those of a fastopt class.

Each function takes all options of torch's class of that name and gives the name of ours with its arguments. Options
that choose a variant are left out when they are off. weight_decay and decay are always there, unless ours has a decay
of its own.
"""

from collections.abc import Callable, Mapping
from typing import Any

Given = Mapping[str, Any]
Ours = tuple[str, dict[str, Any]]


def sgd(given: Given) -> Ours:
    kept = ["lr"]
    if given["momentum"]:
        kept += ["momentum", "nesterov"] if given["nesterov"] else ["momentum", "dampening"]
    return "SGD", {**_same(given, *kept), **_riding(given)}


def adagrad(given: Given) -> Ours:
    start = {"initial_accumulator": given["initial_accumulator_value"]}
    return "Adagrad", {**_same(given, "lr", "lr_decay", "eps"), **start, **_riding(given)}


def rmsprop(given: Given) -> Ours:
    on = [name for name in ("centered", "momentum") if given[name]]
    return "RMSprop", {**_same(given, "lr", "alpha", "eps", *on), **_riding(given)}


def adadelta(given: Given) -> Ours:
    return "Adadelta", {**_same(given, "lr", "rho", "eps"), **_riding(given)}


def adam(given: Given) -> Ours:
    """torch's Adam, and AdamW, which has decoupled_weight_decay on."""
    numbers = {**_moments(given), **({"amsgrad": True} if given["amsgrad"] else {})}
    if not given["decoupled_weight_decay"]:
        return "Adam", {**numbers, **_riding(given)}
    return "AdamW", {**numbers, "weight_decay": given["weight_decay"], "maximize": given["maximize"]}


def adamax(given: Given) -> Ours:
    return "Adamax", {**_moments(given), **_riding(given)}


def nadam(given: Given) -> Ours:
    return "NAdam", {**_moments(given), "psi": given["momentum_decay"], **_riding(given)}


def radam(given: Given) -> Ours:
    return "RAdam", {**_moments(given), **_riding(given)}


LIKE: dict[str, Callable[[Given], Ours]] = {
    "SGD": sgd,
    "Adagrad": adagrad,
    "RMSprop": rmsprop,
    "Adadelta": adadelta,
    "Adam": adam,
    "AdamW": adam,
    "Adamax": adamax,
    "NAdam": nadam,
    "RAdam": radam,
}


def _same(given: Given, *names: str) -> dict[str, Any]:
    return {name: given[name] for name in names}


def _moments(given: Given) -> dict[str, Any]:
    beta1, beta2 = given["betas"]
    return {"lr": given["lr"], "beta1": beta1, "beta2": beta2, "eps": given["eps"]}


def _riding(given: Given) -> dict[str, Any]:
    """What rides along with ours and is part of torch's: in this order, as there."""
    decay = "decoupled" if given.get("decoupled_weight_decay") else "l2"
    return {"maximize": given["maximize"], "weight_decay": given["weight_decay"], "decay": decay}
