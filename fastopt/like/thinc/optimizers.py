"""Thinc's optimizers: the parameters, as fastopt.Optimizer takes them, then Thinc's own arguments.

A function of ours among the arguments counts steps from 1; any other, Thinc's schedules included, counts from 0, as in
Thinc. As there, the norm of each array's gradient is limited to 1 by default, gradients are set to zero after the step,
weights decay after the step, and averages of the weights, which start at 0, are kept, here in `ema`. Numbers are read
and set by Thinc's names too: opt.learn_rate = 0.1, opt.b1.
"""

from typing import Any

from ...kernels.language.spellings import THINC as NAMES
from ...optimizer.optimizer import Optimizer
from ...optimizer.spelled import spell
from ..building import Number, built, counted_from_zero, decayed, is_off

FIXED: dict[str, dict[str, Any]] = {"Adam": {"eps_hat": True}, "RAdam": {"eps_hat": True, "ahead": 1.0}}


def average_decay(t: int) -> float:
    """The share of its average that Thinc keeps at a step."""
    return min((1 + t) / (10 + t), 0.9999)


def made(family: str, arguments: dict[str, Any]) -> Optimizer:
    """An optimizer for Thinc's arguments."""
    given = dict(arguments)
    params, averages, after = given.pop("params"), given.pop("use_averages"), given.pop("L2_is_weight_decay")
    for name, value in given.items():
        if isinstance(value, list) or hasattr(value, "__next__"):
            raise TypeError(f"{name}: pass a function of the step, such as lambda step: values[step], not its values")
    if any(is_off(given.get(beta, 1.0)) for beta in ("beta1", "beta2")):
        raise ValueError("beta1 and beta2 must not be 0, with which thinc does not do Adam's steps; use SGD")
    if not after and not is_off(given["L2"]) and not is_off(given["grad_clip"]):
        raise ValueError(
            "L2 and grad_clip together differ: thinc clips the sum of gradient and decay, fastopt the gradient; pass "
            "grad_clip=0"
        )
    if is_off(given["grad_clip"]):
        given["grad_clip"] = None
    hyper = {NAMES.get(n, n): counted_from_zero(value) for n, value in given.items()}
    if averages:
        hyper |= {"ema": average_decay, "ema_uncorrected": True}
    hyper = decayed(family, hyper, "decoupled_after" if after else "l2")
    opt = built(family, params, {**hyper, "zero_grads": True}, FIXED.get(family, {}))
    spell(opt, NAMES, arguments, counted_from_zero)
    return opt


def SGD(
    params: Any,
    learn_rate: Number,
    *,
    L2: Number = 0.0,
    grad_clip: Number = 1.0,
    L2_is_weight_decay: bool = True,
    use_averages: bool = True,
) -> Optimizer:
    """thinc.optimizers.SGD."""
    return made("SGD", locals())


def Adam(
    params: Any,
    learn_rate: Number = 0.001,
    *,
    L2: Number = 0.0,
    beta1: Number = 0.9,
    beta2: Number = 0.999,
    eps: Number = 1e-8,
    grad_clip: Number = 1.0,
    L2_is_weight_decay: bool = True,
    use_averages: bool = True,
) -> Optimizer:
    """thinc.optimizers.Adam: eps joins the uncorrected root."""
    return made("Adam", locals())


def RAdam(
    params: Any,
    learn_rate: Number = 0.001,
    *,
    beta1: Number = 0.9,
    beta2: Number = 0.999,
    eps: Number = 1e-8,
    L2: Number = 0.0,
    L2_is_weight_decay: bool = True,
    grad_clip: Number = 1.0,
    use_averages: bool = True,
) -> Optimizer:
    """thinc.optimizers.RAdam: the bias is corrected for one step more than were made."""
    return made("RAdam", locals())
