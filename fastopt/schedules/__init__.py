"""Schedules: hyperparameters as plain functions of the step, which counts from 1 and is all that a resumed run needs.

    opt = fastopt.AdamW(params, lr=fastopt.schedules.cosine(3e-4, steps=10_000, warmup=500))

Any hyperparameter can have one. Each works on one step and on an array of steps, prints as the call that makes it, and
takes part in arithmetic: 0.1 * cosine(...) + 1e-6. docs/schedules.md has a table of the peers' names.
"""

from .cycles import exp_range, one_cycle, triangular, triangular2, warm_restarts
from .decay import constant, cosine, exponential, inverse_time, linear, multi_step, polynomial, rex, step_decay
from .own import function
from .pieces import by_epoch, interpolate, join, piecewise
from .schedule import Schedule
from .warm import inverse_sqrt, warmup, warmup_stable_decay

__all__ = [
    "Schedule",
    "by_epoch",
    "constant",
    "cosine",
    "exp_range",
    "exponential",
    "function",
    "interpolate",
    "inverse_sqrt",
    "inverse_time",
    "join",
    "linear",
    "multi_step",
    "one_cycle",
    "piecewise",
    "polynomial",
    "rex",
    "step_decay",
    "triangular",
    "triangular2",
    "warm_restarts",
    "warmup",
    "warmup_stable_decay",
]
