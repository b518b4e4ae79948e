"""optax's optimizers: the parameters, as fastopt.Optimizer takes them, then optax's own arguments.

A function of ours among the arguments, such as those of like.optax, counts steps from 1; any other counts from 0, as in
optax. Weight decay other than L2 is applied at once with the step.
"""

from collections.abc import Mapping
from typing import Any

from ...optimizer.optimizer import Optimizer
from ..building import Number, is_off
from .making import made


def sgd(
    params: Any,
    learning_rate: Number,
    momentum: Number | None = None,
    nesterov: bool = False,
    accumulator_dtype: None = None,
) -> Optimizer:
    """optax.sgd: lr is outside the velocity."""
    arguments = locals()
    _check_nesterov(nesterov, momentum)
    return made("SGD", arguments, {"accumulator_dtype": None})


def _check_nesterov(nesterov: bool, momentum: Number | None) -> None:
    if nesterov and momentum is None:
        raise ValueError("nesterov=True has no effect without momentum; pass momentum too, as momentum=0.9")


def adagrad(
    params: Any, learning_rate: Number, initial_accumulator_value: float = 0.1, eps: Number = 1e-7
) -> Optimizer:
    """optax.adagrad: eps is inside the root, and there is no step where the sum is 0."""
    return made("Adagrad", locals())


def rmsprop(
    params: Any,
    learning_rate: Number,
    decay: Number = 0.9,
    eps: Number = 1e-8,
    initial_scale: float = 0.0,
    eps_in_sqrt: bool = True,
    centered: bool = False,
    momentum: Number | None = None,
    nesterov: bool = False,
    bias_correction: bool = False,
) -> Optimizer:
    """optax.rmsprop: lr is inside the velocity."""
    arguments = locals()
    _check_nesterov(nesterov, momentum)
    if bias_correction and centered:
        raise ValueError(
            "bias_correction=True goes not with centered=True: after one step both corrected moments are those of one "
            "gradient, and optax divides by what rounding leaves of their difference; leave one out"
        )
    if is_off(momentum):
        del arguments["nesterov"]
    if centered:
        del arguments["bias_correction"]
    if scale := arguments.pop("initial_scale"):
        arguments["start"] = {"var" if centered else "v": scale}
    return made("RMSprop", arguments)


def adadelta(
    params: Any,
    learning_rate: Number | None = None,
    rho: Number = 0.9,
    eps: Number = 1e-6,
    weight_decay: Number = 0.0,
    weight_decay_mask: None = None,
) -> Optimizer:
    """optax.adadelta, whose weight decay is added to the gradient."""
    if learning_rate is None:
        raise ValueError("learning_rate=None makes optax's adadelta climb; pass 1.0")
    return made("Adadelta", locals(), {"weight_decay_mask": None}, decay="l2")


def adam(
    params: Any,
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    eps_root: Number = 0.0,
    mu_dtype: None = None,
    *,
    nesterov: bool = False,
) -> Optimizer:
    """optax.adam; with nesterov optax.nadam."""
    return _adam(locals())


def adamw(
    params: Any,
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    eps_root: Number = 0.0,
    mu_dtype: None = None,
    weight_decay: Number = 1e-4,
    mask: None = None,
    *,
    nesterov: bool = False,
) -> Optimizer:
    """optax.adamw; with nesterov optax.nadamw."""
    return _adam(locals(), {"mask": None})


def nadam(
    params: Any,
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    eps_root: Number = 0.0,
    mu_dtype: None = None,
    *,
    nesterov: bool = True,
) -> Optimizer:
    """optax.nadam: the momentum does not warm."""
    return _adam(locals())


def nadamw(
    params: Any,
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    eps_root: Number = 0.0,
    mu_dtype: None = None,
    weight_decay: Number = 1e-4,
    mask: None = None,
    *,
    nesterov: bool = True,
) -> Optimizer:
    """optax.nadamw: the momentum does not warm."""
    return _adam(locals(), {"mask": None})


def _adam(arguments: dict[str, Any], idle: Mapping[str, Any] | None = None) -> Optimizer:
    idle = {**(idle or {}), "mu_dtype": None}
    if not arguments.pop("nesterov"):
        return made("Adam", arguments, idle)
    return made("NAdam", arguments, {**idle, "eps_root": 0.0})


def amsgrad(
    params: Any,
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    eps_root: Number = 0.0,
    mu_dtype: None = None,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
) -> Optimizer:
    """optax.amsgrad: the maximum is of the corrected second moments, or of those that are never corrected."""
    given = {**locals(), "amsgrad": True, "correct": "before" if bias_correction_nu else "never"}
    del given["bias_correction_nu"]
    return made("Adam", given, {"mu_dtype": None, "eps_root": 0.0}, names={"bias_correction_mu": "correct_mean"})


def adamax(params: Any, learning_rate: Number, b1: Number = 0.9, b2: Number = 0.999, eps: Number = 1e-8) -> Optimizer:
    """optax.adamax: eps is inside the maximum."""
    return made("Adamax", locals())


def adamaxw(
    params: Any,
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    weight_decay: Number = 1e-4,
    mask: None = None,
) -> Optimizer:
    """optax.adamaxw: Adamax with decoupled weight decay."""
    return made("Adamax", locals(), {"mask": None})


def radam(
    params: Any,
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    eps_root: Number = 0.0,
    threshold: Number = 5.0,
    *,
    nesterov: bool = False,
) -> Optimizer:
    """optax.radam: eps joins the corrected root."""
    return made("RAdam", locals(), {"eps_root": 0.0})


def lion(
    params: Any,
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.99,
    mu_dtype: None = None,
    weight_decay: Number = 1e-3,
    mask: None = None,
) -> Optimizer:
    """optax.lion, with weight decay by default."""
    return made("Lion", locals(), {"mu_dtype": None, "mask": None})


def adabelief(
    params: Any,
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-16,
    eps_root: Number = 1e-16,
    *,
    nesterov: bool = False,
) -> Optimizer:
    """optax.adabelief: the two eps are one here."""
    return made("AdaBelief", locals(), {"eps_root": eps})


def yogi(params: Any, learning_rate: Number, b1: Number = 0.9, b2: Number = 0.999, eps: Number = 1e-3) -> Optimizer:
    """optax.yogi: both moments start at 1e-6."""
    return made("Yogi", locals())


def lamb(
    params: Any,
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-6,
    eps_root: Number = 0.0,
    weight_decay: Number = 0.0,
    mask: None = None,
) -> Optimizer:
    """optax.lamb: weight decay is part of the step whose norm counts."""
    return made("LAMB", locals(), {"eps_root": 0.0, "mask": None})


def lars(
    params: Any,
    learning_rate: Number,
    weight_decay: Number = 0.0,
    weight_decay_mask: bool = True,
    trust_coefficient: Number = 0.001,
    eps: Number = 0.0,
    trust_ratio_mask: bool = True,
    momentum: Number = 0.9,
    nesterov: bool = False,
) -> Optimizer:
    """optax.lars: the ratio is to the norm of the gradient with its decay."""
    return made("LARS", locals(), {"weight_decay_mask": True, "trust_ratio_mask": True})


def sign_sgd(params: Any, learning_rate: Number) -> Optimizer:
    """optax.sign_sgd."""
    return made("SignSGD", locals())


def signum(params: Any, learning_rate: Number, beta: Number = 0.9, accumulator_dtype: None = None) -> Optimizer:
    """optax.signum: the sign of a running mean."""
    return made("SignSGD", locals(), {"accumulator_dtype": None}, names={"beta": "momentum"})


def novograd(
    params: Any,
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.25,
    eps: Number = 1e-6,
    eps_root: Number = 0.0,
    weight_decay: Number = 0.0,
) -> Optimizer:
    """optax.novograd: weight decay joins the divided gradient."""
    return made("NovoGrad", locals(), {"eps_root": 0.0})


def optimistic_gradient_descent(
    params: Any, learning_rate: Number, alpha: Number = 1.0, beta: Number = 1.0
) -> Optimizer:
    """optax.optimistic_gradient_descent."""
    return made("OptimisticSGD", locals())


def optimistic_adam(
    params: Any,
    learning_rate: float,
    optimism: float | None = None,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    eps_root: Number = 0.0,
    mu_dtype: None = None,
    *,
    nesterov: bool = True,
) -> Optimizer:
    """optax.optimistic_adam: a step along a direction and its change, which optimism multiplies in place of the rate.

    The change is here multiplied by lr and by beta, the ratio of the two: with another opt.lr it changes along.
    """
    arguments = locals()
    for name in ("learning_rate", "optimism"):
        if callable(arguments[name]):
            raise TypeError(f"{name} must be a number, as in optax; use optimistic_adam_v2, which takes functions")
    if optimism is not None and not learning_rate > 0:
        raise ValueError(
            f"optimism needs a learning_rate above 0, of which it is a multiple here; got {learning_rate!r}: use "
            "optimistic_adam_v2"
        )
    arguments |= {"beta": 1.0 if optimism is None else optimism / learning_rate}
    del arguments["optimism"]
    return _optimistic(arguments)


def optimistic_adam_v2(
    params: Any,
    learning_rate: Number,
    *,
    alpha: Number = 1.0,
    beta: Number = 1.0,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    eps_root: Number = 0.0,
    mu_dtype: None = None,
    nesterov: bool = True,
) -> Optimizer:
    """optax.optimistic_adam_v2: a step along Adam's or NAdam's direction and its change."""
    return _optimistic(locals())


def _optimistic(arguments: Mapping[str, Any]) -> Optimizer:
    return made("OptimisticAdam", arguments, {"eps_root": 0.0, "mu_dtype": None})


def polyak_sgd(
    params: Any,
    max_learning_rate: Number = 1.0,
    scaling: Number = 1.0,
    f_min: Number = 0.0,
    eps: Number = 0.0,
    variant: str = "sps",
) -> Optimizer:
    """optax.polyak_sgd: opt.step(grads, loss=...). optax makes no step if the squared norm is <= 2e-16."""
    given = {**locals(), "clamp": variant == "sps+"}
    if given.pop("variant") not in ("sps", "sps+"):
        raise ValueError(f"variant must be 'sps' or 'sps+'; got {variant!r}")
    if given.pop("scaling") != 1.0:
        raise ValueError(
            f"scaling must be 1.0; got {scaling!r}: against its documentation optax multiplies the gradient by scaling "
            "before it takes the norm; set opt.lr, which multiplies the step"
        )
    return made("PolyakSGD", given)
