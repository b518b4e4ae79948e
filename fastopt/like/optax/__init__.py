"""optax by its own names; optax.contrib's are in `contrib`."""

from typing import Any

from . import contrib
from .optimizers import (
    adabelief,
    adadelta,
    adagrad,
    adam,
    adamax,
    adamaxw,
    adamw,
    amsgrad,
    lamb,
    lars,
    lion,
    nadam,
    nadamw,
    novograd,
    optimistic_adam,
    optimistic_adam_v2,
    optimistic_gradient_descent,
    polyak_sgd,
    radam,
    rmsprop,
    sgd,
    sign_sgd,
    signum,
    yogi,
)
from .schedules import (
    constant_schedule,
    cosine_decay_schedule,
    cosine_onecycle_schedule,
    exponential_decay,
    join_schedules,
    linear_onecycle_schedule,
    linear_schedule,
    piecewise_constant_schedule,
    piecewise_interpolate_schedule,
    polynomial_schedule,
    sgdr_schedule,
    warmup_constant_schedule,
    warmup_cosine_decay_schedule,
    warmup_exponential_decay_schedule,
)
from .state import load_state, state_of

__all__ = [
    "adabelief",
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "adamaxw",
    "adamw",
    "amsgrad",
    "constant_schedule",
    "contrib",
    "cosine_decay_schedule",
    "cosine_onecycle_schedule",
    "exponential_decay",
    "join_schedules",
    "lamb",
    "lars",
    "linear_onecycle_schedule",
    "linear_schedule",
    "lion",
    "load_state",
    "nadam",
    "nadamw",
    "novograd",
    "optimistic_adam",
    "optimistic_adam_v2",
    "optimistic_gradient_descent",
    "piecewise_constant_schedule",
    "piecewise_interpolate_schedule",
    "polyak_sgd",
    "polynomial_schedule",
    "radam",
    "rmsprop",
    "sgd",
    "sgdr_schedule",
    "sign_sgd",
    "signum",
    "state_of",
    "warmup_constant_schedule",
    "warmup_cosine_decay_schedule",
    "warmup_exponential_decay_schedule",
    "yogi",
]

# Optimizers of optax that are refused, and why.
REFUSED = {
    "adan": "optax weighs the change of the gradient by 1 - b2, where the paper and the authors' code have b2 (optax "
    "issue 1715), so that its numbers mean something else; use fastopt.Adan, and tune it anew",
    "rprop": "optax applies the update of the step before, and none in the first; use fastopt.like.torch.Rprop, whose "
    "update is that of its own gradient",
}


def __getattr__(name: str) -> Any:
    if name in REFUSED:
        raise AttributeError(f"fastopt.like.optax has no {name}: {REFUSED[name]}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
