"""optax.contrib's optimizers, as those of optax: the parameters, then optax's own arguments."""

from collections.abc import Callable
from typing import Any

from ...optimizer.optimizer import Optimizer
from ..building import Number
from ..unused import refuse
from .making import made


def acprop(
    params: Any,
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-16,
    eps_root: Number = 1e-16,
    weight_decay: Number = 0.0,
    mask: None = None,
) -> Optimizer:
    """optax.contrib.acprop: the two eps are one here."""
    return made("ACProp", locals(), {"eps_root": eps, "mask": None})


def ademamix(
    params: Any,
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    b3: Number = 0.9999,
    alpha: Number = 5.0,
    eps: Number = 1e-8,
    eps_root: Number = 0.0,
    mu_dtype: None = None,
    weight_decay: Number = 0.0,
    mask: None = None,
) -> Optimizer:
    """optax.contrib.ademamix."""
    return made("AdEMAMix", locals(), {"eps_root": 0.0, "mu_dtype": None, "mask": None})


def simplified_ademamix(
    params: Any,
    learning_rate: Number,
    b1: Number = 0.99,
    b2: Number = 0.95,
    alpha: Number = 0.0,
    eps: Number = 1e-8,
    eps_root: Number = 0.0,
    weight_decay: Number = 0.0,
    mask: None = None,
) -> Optimizer:
    """optax.contrib.simplified_ademamix."""
    return made("AdEMAMix", {**locals(), "simplified": True}, {"eps_root": 0.0, "mask": None})


def adopt(
    params: Any,
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.9999,
    eps: Number = 1e-6,
    mu_dtype: None = None,
    *,
    nesterov: bool = False,
    use_clipping: bool = True,
    clip_value_fn: Callable[[Any], Any] | None = None,
) -> Optimizer:
    """optax.contrib.adopt; clip_value_fn is the fourth root of the steps that were made, optax's default."""
    return made("ADOPT", locals(), {"mu_dtype": None, "clip_value_fn": None})


def cocob(
    params: Any,
    learning_rate: float = 1.0,
    alpha: Number = 100.0,
    eps: float = 1e-8,
    weight_decay: Number = 0.0,
    mask: None = None,
) -> Optimizer:
    """optax.contrib.cocob, whose weight decay is added to the gradient. It has no rate."""
    arguments = locals()
    refuse(
        "learning_rate", arguments.pop("learning_rate"), 1.0, "COCOB makes equal steps whatever multiplies gradients"
    )
    return made("COCOB", arguments, {"mask": None}, decay="l2")


def dadapt_adamw(
    params: Any,
    learning_rate: Number = 1.0,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    estim_lr0: Number = 1e-6,
    weight_decay: Number = 0.0,
) -> Optimizer:
    """optax.contrib.dadapt_adamw. As long as all gradients are 0 there is no step here, and NaN in optax."""
    return made("DAdaptAdam", locals())


def prodigy(
    params: Any,
    learning_rate: Number = 1.0,
    betas: tuple[Number, Number] = (0.9, 0.999),
    beta3: Number | None = None,
    eps: Number = 1e-8,
    estim_lr0: Number = 1e-6,
    estim_lr_coef: Number = 1.0,
    weight_decay: Number = 0.0,
    safeguard_warmup: bool = False,
) -> Optimizer:
    """optax.contrib.prodigy. As long as all gradients are 0 there is no step here, and NaN in optax."""
    return made("Prodigy", {**locals(), "beta3": 0.0 if beta3 is None else beta3})


def dog(
    params: Any,
    learning_rate: Number = 1.0,
    init_step: tuple[str, Number] = ("heuristic", 1e-6),
    eps: Number = 1e-8,
    weight_decay: Number | None = None,
    mask: None = None,
) -> Optimizer:
    """optax.contrib.dog: one rate for all arrays; weight decay is added to the gradient."""
    arguments = locals()
    if not isinstance(init_step, tuple | list) or len(init_step) != 2:
        raise ValueError(f"init_step must be a pair of a kind and a number, as ('heuristic', 1e-6); got {init_step!r}")
    arguments |= dict(zip(("init", "init_step"), init_step, strict=True))
    return made("DoG", arguments, {"mask": None}, "l2")


def dowg(
    params: Any,
    learning_rate: Number = 1.0,
    init_estim_sq_dist: Number | None = None,
    eps: Number = 1e-4,
    weight_decay: Number | None = None,
    mask: None = None,
) -> Optimizer:
    """optax.contrib.dowg: one rate for all arrays; weight decay is added to the gradient."""
    arguments = locals()
    if init_estim_sq_dist is None:
        arguments["init_estim_sq_dist"] = eps
    return made("DoWG", arguments, {"mask": None}, "l2")


def momo(
    params: Any,
    learning_rate: Number = 1.0,
    beta: Number = 0.9,
    lower_bound: Number = 0.0,
    weight_decay: Number = 0.0,
    adapt_lower_bound: bool = False,
) -> Optimizer:
    """optax.contrib.momo: opt.step(grads, loss=...). optax does not step if the squared norm is <= 2e-16."""
    return made("MoMo", locals())


def momo_adam(
    params: Any,
    learning_rate: Number = 1e-2,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    lower_bound: Number = 0.0,
    weight_decay: Number = 0.0,
    adapt_lower_bound: bool = False,
) -> Optimizer:
    """optax.contrib.momo_adam: opt.step(grads, loss=...). optax does not step if the squared norm is <= 2e-16."""
    return made("MoMoAdam", locals())


def schedule_free_sgd(
    params: Any,
    learning_rate: float = 1.0,
    warmup_steps: int | None = None,
    b1: Number = 0.9,
    weight_decay: Number | None = None,
    weight_lr_power: Number = 2.0,
    state_dtype: None = None,
) -> Optimizer:
    """optax.contrib.schedule_free_sgd; opt.averaged() reads what schedule_free_eval_params gives there."""
    return _schedule_free("ScheduleFreeSGD", locals(), {"b1": "momentum"})


def schedule_free_adamw(
    params: Any,
    learning_rate: float = 0.0025,
    warmup_steps: int | None = None,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    weight_decay: Number = 0.0,
    weight_lr_power: Number = 2.0,
    state_dtype: None = None,
) -> Optimizer:
    """optax.contrib.schedule_free_adamw; opt.averaged() reads what schedule_free_eval_params gives there."""
    return _schedule_free("ScheduleFreeAdamW", locals(), {})


def _schedule_free(family: str, arguments: dict[str, Any], names: dict[str, str]) -> Optimizer:
    if callable(arguments["learning_rate"]):
        raise TypeError("learning_rate must be a number, as in optax, where a step weighs by the rate of the next one")
    return made(family, arguments, {"state_dtype": None}, names=names)


def __getattr__(name: str) -> Any:
    if name == "schedule_free":
        raise AttributeError(
            "fastopt.like.optax.contrib has no schedule_free, which wraps a transformation of gradients: use "
            "schedule_free_sgd or schedule_free_adamw"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
