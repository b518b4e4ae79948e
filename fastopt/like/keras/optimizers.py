"""keras.optimizers: the parameters, as fastopt.Optimizer takes them, then Keras's own arguments.

learning_rate: a number, a schedule, or a function without arguments, as in Keras. weight_decay is decoupled in all of
them. clipnorm limits the norm of each array, global_clipnorm that of all together; an infinite gradient makes
all weights NaN in Keras, and here its own elements, while the others count as 0. Numbers are read and set by Keras's
names too: opt.learning_rate = 0.1. use_ema: the averages are in `ema`; their decay is opt.ema_momentum, and in steps
whose number ema_overwrite_frequency divides the weights take their values. loss_scale_factor: gradients are divided by
it.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypedDict, Unpack

from ...checkpoint.state import text
from ...kernels.language.hyperparameters import suggestion
from ...kernels.language.spellings import KERAS as NAMES
from ...kernels.language.values import shown
from ...optimizer.optimizer import Optimizer
from ...optimizer.spelled import spell
from ...schedules.arguments import count
from ..building import Number, built, decayed, is_foreign, is_off
from ..unused import refuse

RENAMED = {"RMSprop": {"rho": "alpha"}}
FAMILY = {"Nadam": "NAdam", "Lamb": "LAMB"}  # where its name is another here
# Hyperparameters that Keras's formulas fix.
FIXED: dict[str, dict[str, Any]] = {
    "SGD": {"lr_inside": True},
    "Adagrad": {"eps_inside": True},
    "RMSprop": {"eps_inside": True, "lr_inside": True},
    "Adam": {"eps_hat": True},
    "AdamW": {"eps_hat": True},
    "Adamax": {"eps_inside": False},
    "NAdam": {"psi": 1.0},
    "LAMB": {"decay_first": True},
    "Ftrl": {"whole_squares": True},
    "ScheduleFreeAdamW": {"decay_first": True, "weight_lr_power": 0.0},
}
CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")

Rate = float | Callable[..., float]


class Shared(TypedDict, total=False):
    """The arguments that all of Keras's optimizers have; their defaults are in SHARED."""

    clipnorm: Number | None
    clipvalue: Number | None
    global_clipnorm: Number | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None


class Rest(Shared, total=False):
    """The shared arguments of all but AdamW, where weight_decay stands earlier."""

    weight_decay: Number | None


SHARED: dict[str, Any] = {
    **dict.fromkeys(["weight_decay", *Shared.__annotations__]),
    "use_ema": False,
    "ema_momentum": 0.99,
}

P = ParamSpec("P")


def keras_optimizer(function: Callable[P, Optimizer]) -> Callable[P, Optimizer]:
    """Add the arguments that all constructors have, with their defaults, to a constructor's signature."""
    signature = inspect.signature(function)
    *own, rest = signature.parameters.values()
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in SHARED.items()
        if name not in signature.parameters
    ]
    whole = signature.replace(parameters=[*own, *shared, rest.replace(name="kwargs", annotation=Any)])

    @functools.wraps(function)
    def make(*args: P.args, **kwargs: P.kwargs) -> Optimizer:
        return function(*args, **kwargs)

    make.__signature__ = whole  # type: ignore[attr-defined]
    return make


def made(name: str, arguments: dict[str, Any]) -> Optimizer:
    """An optimizer for Keras's name and arguments."""
    # Keras takes decay=None, an old argument, and ignores it.
    rest = {
        argument: value for argument, value in arguments.pop("shared").items() if (argument, value) != ("decay", None)
    }
    if unknown := [argument for argument in rest if argument not in SHARED]:
        known = [*arguments, *SHARED]
        theirs = {ours: theirs for theirs, ours in NAMES.items()}.get(unknown[0])
        hint = f"did you mean {theirs!r}?" if theirs in known else suggestion(unknown[0], known)
        raise TypeError(f"{name} has no argument {unknown[0]!r}; {hint}")
    given = {**SHARED, **arguments, **rest}
    params, label = given.pop("params"), given.pop("name")
    if label is not None and not isinstance(label, str):
        raise TypeError(f"{name}: name must be a string; got {shown(label)}")
    if sum(given[clip] is not None for clip in CLIPS) > 1:
        raise ValueError(f"{name}: only one of {', '.join(CLIPS)} can be set, as in keras")
    given |= {clip: None for clip in CLIPS if is_off(given[clip])}
    every = given.pop("gradient_accumulation_steps")
    why = "fastopt's own optimizers, with accumulate='mean', add gradients up by opt.accumulate(grads)"
    refuse("gradient_accumulation_steps", every, None, why)
    factor = given.pop("loss_scale_factor")
    given |= _average(given.pop("use_ema"), given.pop("ema_momentum"), given.pop("ema_overwrite_frequency"))
    family, names = FAMILY.get(name, name), {**NAMES, **RENAMED.get(name, {})}
    hyper = {names.get(n, n): value for n, value in given.items()}
    hyper |= {"lr": _without_arguments(hyper["lr"]), "weight_decay": hyper["weight_decay"] or 0.0}
    if not is_off(factor):
        hyper["grad_scale"] = 1 / factor
    try:
        # Keras has one count of steps.
        counted = {**decayed(family, hyper, "decoupled"), "count": "optimizer"}
        opt = built(family, params, counted, FIXED.get(family, {}))
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from error
    others = {
        "use_ema": (_averages, _fixed),
        **({"ema_momentum": (_momentum, _set_momentum)} if _averages(opt) else {}),
        **({"ema_overwrite_frequency": (_frequency, _set_frequency)} if "ema_overwrite" in opt.hyper else {}),
    }
    spell(opt, names, {*SHARED, *arguments}, _without_arguments, others)
    return opt


def _average(used: bool, momentum: float, every: int | None) -> dict[str, Any]:
    if not used:
        refuse("ema_momentum", momentum, SHARED["ema_momentum"], "use_ema is off")
        refuse("ema_overwrite_frequency", every, None, "use_ema is off")
        return {}
    # Keras's average begins with the weights after the first step.
    average = {"ema": _AfterFirst(momentum), "ema_uncorrected": True}
    return average if every is None else {**average, "ema_overwrite": _each(every)}


def _averages(opt: Any) -> bool:
    return "ema" in opt.hyper


def _fixed(opt: Any, value: Any) -> None:
    raise AttributeError(f"use_ema is fixed when an optimizer is made; make another with use_ema={value!r}")


def _momentum(opt: Any) -> Any:
    """Keras's ema_momentum; a number that was set as opt.hyper.ema has no first step of its own."""
    return getattr(opt.hyper["ema"], "momentum", opt.hyper["ema"])


def _set_momentum(opt: Any, value: Any) -> None:
    opt.hyper["ema"] = _AfterFirst(opt.hyper.check("ema", value))


def _frequency(opt: Any) -> Any:
    """Keras's ema_overwrite_frequency, or what was set as opt.ema_overwrite."""
    return getattr(opt.hyper["ema_overwrite"], "every", opt.hyper["ema_overwrite"])


def _set_frequency(opt: Any, every: Any) -> None:
    opt.hyper["ema_overwrite"] = _each(every)


def _each(every: Any) -> "_Each":
    return _Each(count("ema_overwrite_frequency", every))


def _without_arguments(rate: Any) -> Any:
    return _Asked(rate) if is_foreign(rate) else rate


class _AfterFirst:
    """A momentum that is 0 in the first step."""

    def __init__(self, momentum: float) -> None:
        self.momentum = momentum

    def __call__(self, t: int) -> float:
        return self.momentum if t > 1 else 0.0

    def __repr__(self) -> str:
        return f"{self.momentum} after the first step"


class _Each:
    """1 in each step whose number `every` divides, 0 in the others."""

    def __init__(self, every: int) -> None:
        self.every = every

    def __call__(self, t: int) -> float:
        return float(t % self.every == 0)

    def __repr__(self) -> str:
        return f"1 in each {self.every} steps"


class _Asked:
    """A function without arguments as a function of the step."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function

    def __call__(self, t: int) -> float:
        return float(self.function())

    def __repr__(self) -> str:
        return text(self.function)


@keras_optimizer
def SGD(
    params: Any,
    learning_rate: Rate = 0.01,
    momentum: Number = 0.0,
    nesterov: bool = False,
    **shared: Unpack[Rest],
) -> Optimizer:
    """keras.optimizers.SGD: lr is inside the velocity."""
    return made("SGD", locals())


@keras_optimizer
def Adagrad(
    params: Any,
    learning_rate: Rate = 0.001,
    initial_accumulator_value: float = 0.1,
    epsilon: Number = 1e-7,
    **shared: Unpack[Rest],
) -> Optimizer:
    """keras.optimizers.Adagrad: epsilon is inside the root."""
    return made("Adagrad", locals())


@keras_optimizer
def RMSprop(
    params: Any,
    learning_rate: Rate = 0.001,
    rho: Number = 0.9,
    momentum: Number = 0.0,
    epsilon: Number = 1e-7,
    centered: bool = False,
    **shared: Unpack[Rest],
) -> Optimizer:
    """keras.optimizers.RMSprop: epsilon is inside the root, lr inside the velocity."""
    return made("RMSprop", locals())


@keras_optimizer
def Adadelta(
    params: Any,
    learning_rate: Rate = 0.001,
    rho: Number = 0.95,
    epsilon: Number = 1e-7,
    **shared: Unpack[Rest],
) -> Optimizer:
    """keras.optimizers.Adadelta."""
    return made("Adadelta", locals())


@keras_optimizer
def Adam(
    params: Any,
    learning_rate: Rate = 0.001,
    beta_1: Number = 0.9,
    beta_2: Number = 0.999,
    epsilon: Number = 1e-7,
    amsgrad: bool = False,
    **shared: Unpack[Rest],
) -> Optimizer:
    """keras.optimizers.Adam: epsilon joins the uncorrected root."""
    return made("Adam", locals())


@keras_optimizer
def AdamW(
    params: Any,
    learning_rate: Rate = 0.001,
    weight_decay: Number = 0.004,
    beta_1: Number = 0.9,
    beta_2: Number = 0.999,
    epsilon: Number = 1e-7,
    amsgrad: bool = False,
    **shared: Unpack[Shared],
) -> Optimizer:
    """keras.optimizers.AdamW: epsilon joins the uncorrected root."""
    if weight_decay is None:
        raise ValueError("AdamW: weight_decay must be a number, as in keras; use Adam for none")
    return made("AdamW", locals())


@keras_optimizer
def Adamax(
    params: Any,
    learning_rate: Rate = 0.001,
    beta_1: Number = 0.9,
    beta_2: Number = 0.999,
    epsilon: Number = 1e-7,
    **shared: Unpack[Rest],
) -> Optimizer:
    """keras.optimizers.Adamax: epsilon is added to the maximum."""
    return made("Adamax", locals())


@keras_optimizer
def Nadam(
    params: Any,
    learning_rate: Rate = 0.001,
    beta_1: Number = 0.9,
    beta_2: Number = 0.999,
    epsilon: Number = 1e-7,
    **shared: Unpack[Rest],
) -> Optimizer:
    """keras.optimizers.Nadam: the momentum warms fast."""
    return made("Nadam", locals())


@keras_optimizer
def Lion(
    params: Any,
    learning_rate: Rate = 0.001,
    beta_1: Number = 0.9,
    beta_2: Number = 0.99,
    **shared: Unpack[Rest],
) -> Optimizer:
    """keras.optimizers.Lion."""
    return made("Lion", locals())


@keras_optimizer
def Lamb(
    params: Any,
    learning_rate: Rate = 0.001,
    beta_1: Number = 0.9,
    beta_2: Number = 0.999,
    epsilon: Number = 1e-7,
    **shared: Unpack[Rest],
) -> Optimizer:
    """keras.optimizers.Lamb: weight decay is no part of the step whose norm counts."""
    return made("Lamb", locals())


@keras_optimizer
def Ftrl(
    params: Any,
    learning_rate: Rate = 0.001,
    learning_rate_power: float = -0.5,
    initial_accumulator_value: float = 0.1,
    l1_regularization_strength: Number = 0.0,
    l2_regularization_strength: Number = 0.0,
    l2_shrinkage_regularization_strength: Number = 0.0,
    beta: Number = 0.0,
    **shared: Unpack[Rest],
) -> Optimizer:
    """keras.optimizers.Ftrl, whose penalties are whole squares of the weights; only with learning_rate_power=-0.5."""
    arguments = locals()
    if arguments.pop("learning_rate_power") != -0.5:
        raise ValueError(
            f"Ftrl: learning_rate_power must be -0.5, at which the rates fall as in Adagrad and in the paper; got "
            f"{shown(learning_rate_power)}: fastopt has no formula for another power"
        )
    return made("Ftrl", arguments)


@keras_optimizer
def ScheduleFreeAdamW(
    params: Any,
    learning_rate: Rate = 0.0025,
    beta_1: Number = 0.9,
    beta_2: Number = 0.999,
    epsilon: Number = 1e-8,
    warmup_steps: Number = 0,
    **shared: Unpack[Rest],
) -> Optimizer:
    """keras.optimizers.ScheduleFreeAdamW: all steps weigh the same in the average, which opt.averaged() reads here."""
    return made("ScheduleFreeAdamW", locals())
