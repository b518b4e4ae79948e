"""From and to the states of optax's optimizers, which are chains of named tuples."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...checkpoint.restore import LoadReport
from ...kernels.arrays.view import in_both_parts
from ...optimizer.optimizer import Optimizer, updater_of
from ...trees.tree import leaves, rebuilt, structure
from .. import moving
from ..moving import Moved
from .optimizers import FIXED

_MOMENTS = {"ScaleByAdamState.mu": "m", "ScaleByAdamState.nu": "v"}
_SQUARES = {"ScaleByRmsState.nu": "v"}
_CENTERED = {"ScaleByRStdDevState.mu": "a", "ScaleByRStdDevState.nu": "v"}
_TRACE, _OPPOSITE = {"TraceState.trace": "b"}, {"TraceState.trace": "-b"}
# For each rule optax's places of the slots, and our slots, or the names in fastopt/checkpoint/made.py; a minus sign
# marks values of opposite sign.
STATE: dict[str, dict[str, str]] = {
    "sgd": {},
    "momentum": _TRACE,
    "nesterov": _TRACE,
    "adagrad": {"ScaleByRssState.sum_of_squares": "h"},
    "rmsprop": _SQUARES,
    "rmsprop_centered": _CENTERED,
    "rmsprop_momentum": {**_SQUARES, **_OPPOSITE},
    "rmsprop_centered_momentum": {**_CENTERED, **_OPPOSITE},
    "adadelta": {"ScaleByAdaDeltaState.e_g": "v", "ScaleByAdaDeltaState.e_x": "u"},
    "adam": _MOMENTS,
    "adam_eps_root": _MOMENTS,
    "adamw": _MOMENTS,
    "amsgrad": {
        "ScaleByAmsgradState.mu": "m",
        "ScaleByAmsgradState.nu": "v",
        "ScaleByAmsgradState.nu_max": "v_max",
    },
    "adamax": {"ScaleByAdamState.mu": "m", "ScaleByAdamState.nu": "u"},
    "nadam": _MOMENTS,
    "radam": _MOMENTS,
    "lion": {"ScaleByLionState.mu": "m"},
    "adabelief": {"ScaleByBeliefState.mu": "m", "ScaleByBeliefState.nu": "s"},
    "yogi": _MOMENTS,
    "lamb": _MOMENTS,
    "lars": _OPPOSITE,
}
_TREES = {key for names in STATE.values() for key in names}
# The choices of formula that optax leaves to the caller.
FREE = ("eps_inside", "correct")


def load_state(
    opt: Optimizer, state: Any, *, names: Sequence[str] | None = None, steps: int | None = None
) -> LoadReport:
    """Go on from the state of optax's optimizer of the same kind; hyperparameters stay.

    state: as `init` and `update` return it, of jax's arrays or NumPy's. It has no hyperparameters. names:
    our names of the parameters in optax's order; without them parameters are matched by name where all names agree,
    else by order. steps: the number of updates, for a state that does not count them. The parameters' values are the
    caller's to copy.
    Raises TypeError or ValueError for another optimizer's state, naming what differs; nothing has then been changed.
    """
    wanted = _names(opt)
    parts = list(_parts(state))
    counts = {int(value) for key, value in parts if key.endswith(".count")}
    slots_of = {key: value for key, value in parts if not key.endswith(".count")}
    moving.same_names(slots_of, wanted, opt.rule)
    if len(counts) > 1:
        raise ValueError(f"the parts of the state must count the same steps; got {sorted(counts)}")
    updates = moving.counted(counts.pop() if counts else None, steps, "optax")
    trees = {key: list(leaves(tree, key)) for key, tree in slots_of.items()}
    theirs = [name for _, name, _ in next(iter(trees.values()))] if trees else list(updater_of(opt).parameters.keys)
    order = moving.places(opt, theirs, len(theirs), names)
    states = {name: _product(opt, updates) for name in opt.rule.states}
    moved = []
    for place in order:
        slots = dict(moving.signed(wanted[key], _in_ours(key, tree[place][2])) for key, tree in trees.items())
        moved.append(Moved(slots, updates, states))
    return moving.move_in(opt, moved)


def state_of(opt: Optimizer, state: Any, *, names: Sequence[str] | None = None) -> Any:
    """The state of optax's optimizer of the same kind, with NumPy arrays in the place of the arrays in `state`.

    state: as `init` returns it for the same parameters. names: as for load_state. The parameters' values are the
    caller's to copy. Raises TypeError or ValueError for rules and options that optax does not have.
    """
    wanted = _names(opt)
    saved, keys = opt.state_dict(), updater_of(opt).parameters.keys
    steps = moving.one_count(saved, "optax")
    slot_keys = {key for key, _ in _parts(state) if not key.endswith(".count")}
    moving.same_names(slot_keys, wanted, opt.rule)

    def value(key: str, old: Any) -> Any:
        if key.endswith(".count"):
            return np.array(steps, np.asarray(old).dtype)
        theirs = list(leaves(old, key))
        order = moving.places(opt, [name for _, name, _ in theirs], len(theirs), names)
        ours = [moving.out(saved, wanted[key], keys[order.index(place)]) for place in range(len(keys))]
        return rebuilt(structure(old), iter([_in_theirs(key, array) for array in ours]))

    return _replaced(state, value)


def _names(opt: Optimizer) -> dict[str, str]:
    family, _ = moving.of_family(opt.rule)
    names = moving.names_in(STATE, opt.rule, "optax")
    moving.same_formula(opt, "optax", FIXED.get(family, {}), FREE)
    if opt.hyper.get("correct") == "after":
        raise ValueError(
            "correct is 'after' in this optimizer, but optax corrects the bias before the maximum or never; make the "
            "optimizer by fastopt.like.optax"
        )
    return names


def _in_ours(key: str, values: Any) -> Any:
    """optax's values of a slot as ours. A second moment of complex numbers is their real part there."""
    values = moving.on_host(values, key)
    return in_both_parts(values.real) if _is_of_both(key, values) else values


def _in_theirs(key: str, values: Any) -> Any:
    return values.real.astype(values.dtype) if _is_of_both(key, values) else values


def _is_of_both(key: str, values: Any) -> bool:
    return np.iscomplexobj(values) and key.rpartition(".")[2] in ("nu", "nu_max", "sum_of_squares")


def _product(opt: Optimizer, steps: int) -> float:
    """The product of momenta, which optax has as a power."""
    beta = opt.hyper["beta1"]
    return math.prod([float(beta(t) if callable(beta) else beta) for t in range(1, steps + 1)])


def _is_part(key: str) -> bool:
    return key in _TREES or key.endswith(".count")


def _parts(state: Any) -> Iterator[tuple[str, Any]]:
    """Every count and every tree of arrays within a chain, by a key such as ScaleByAdamState.mu."""
    if hasattr(state, "_fields"):
        for name in state._fields:
            key, value = f"{type(state).__name__}.{name}", getattr(state, name)
            if _is_part(key) or not isinstance(value, tuple):
                yield key, value
            else:
                yield from _parts(value)
    elif isinstance(state, tuple | list):
        for part in state:
            yield from _parts(part)


def _replaced(state: Any, value: Callable[[str, Any], Any]) -> Any:
    """A chain of the same structure with other values in the places of its parts."""
    if hasattr(state, "_fields"):
        new = {}
        for name in state._fields:
            key, old = f"{type(state).__name__}.{name}", getattr(state, name)
            new[name] = value(key, old) if _is_part(key) else _replaced(old, value)
        return state._replace(**new)
    if isinstance(state, tuple | list):
        return type(state)(_replaced(part, value) for part in state)
    return state
