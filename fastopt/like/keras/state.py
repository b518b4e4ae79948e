"""From and to the variables of Keras's optimizers."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...checkpoint.converted import widened
from ...checkpoint.restore import LoadReport
from ...kernels.language.spellings import KERAS as NAMES
from ...optimizer.optimizer import Optimizer
from .. import moving
from ..moving import Moved
from ..shares import Share, of_each, shares, with_states
from .optimizers import FIXED

_MOMENTS = {"momentum": "m", "velocity": "v"}
# For each rule Keras's names of the slots, in the order in which Keras makes the variables, and our slots, or the
# names in fastopt/checkpoint/made.py. Slots whose variables are made together, parameter by parameter, share a
# dictionary. A minus sign marks values of opposite sign.
STATE: dict[str, list[dict[str, str]]] = {
    "sgd": [],
    "momentum": [{"momentum": "-b"}],
    "nesterov": [{"momentum": "-b"}],
    "adagrad": [{"accumulator": "h"}],
    "rmsprop": [{"velocity": "v"}],
    "rmsprop_centered": [{"velocity": "v"}, {"average_gradient": "a"}],
    "rmsprop_momentum": [{"velocity": "v"}, {"momentum": "b"}],
    "rmsprop_centered_momentum": [{"velocity": "v"}, {"momentum": "b"}, {"average_gradient": "a"}],
    "adadelta": [{"accumulated_grad": "v", "accumulated_delta_var": "u"}],
    "adam": [_MOMENTS],
    "amsgrad": [_MOMENTS, {"velocity_hat": "v_max"}],
    "adamw": [_MOMENTS],
    "adamw_amsgrad": [_MOMENTS, {"velocity_hat": "v_max"}],
    "adamax": [{"momentum": "m", "norm": "u"}],
    "nadam": [_MOMENTS],
    "lion": [{"momentum": "m"}],
    "lamb": [_MOMENTS],
    "ftrl": [{"accumulator": "h", "linear": "z"}],
    "schedule_free_adamw": [{"momentum": "z", "velocity": "v"}],
}
# For each rule the uniform states that Keras does not keep, as they follow from how many steps there were.
FOLLOWS: dict[str, dict[str, Callable[[int], float]]] = {
    # Each step has the weight 1, whatever its rate.
    "schedule_free_adamw": {"lr_max": lambda steps: 0.0, "weight_sum": float},
}
# Nadam's product of momenta has no name of its own.
_NAMELESS = re.compile(r"variable(_\d+)?")


def load_state(opt: Optimizer, variables: Any, *, names: Sequence[str] | None = None) -> LoadReport:
    """Go on from the variables of Keras's optimizer, of the same kind, and from its learning rate.

    variables: `optimizer.variables`, or their values by name; of an optimizer with several rules a list of such, of
    Keras's optimizers or those in a MultiOptimizer: that of the main rule, then one of each group with a rule, in the
    order of groups; a rule without parameters has none. names: our names of the parameters in Keras's order;
    without them Keras's names are used if they are also ours, else the order of the parameters.
    The parameters' values are the caller's to copy. Averages and functions of the step stay.
    Raises TypeError or ValueError, naming what differs, for another optimizer's variables; nothing has then changed.
    """
    moved: dict[str, Moved] = {}
    for share, own in with_states(opt, variables, names, "keras"):
        with share.told():
            moved |= _moved(share, own)
    return moving.move_in(opt, moved)


def _moved(share: Share, variables: Any) -> dict[str, Moved]:
    """What Keras's variables have of each parameter, by our names."""
    wanted, rule = _names(share), share.rule
    named = isinstance(variables, Mapping)
    pairs: list[tuple[str, Any]]
    pairs = list(variables.items()) if named else [(variable.path, variable) for variable in variables]
    single: dict[str, Any] = {}
    by_kind: dict[str, list[tuple[str, Any]]] = {}
    for path, value in pairs:
        name = path.rsplit("/", 1)[-1]
        kind = max((kind for kind in wanted if f"_{name}".endswith(f"_{kind}")), key=len, default="")
        if kind:
            by_kind.setdefault(kind, []).append((name.removesuffix(kind).removesuffix("_"), value))
        else:
            single[name] = value
    follows = FOLLOWS.get(rule.name, {})
    kept = [state for state in rule.states if state not in follows]
    for state in kept:
        for name in filter(_NAMELESS.fullmatch, list(single)):
            single[state] = single.pop(name)
    may = {"learning_rate"} & set(single)
    moving.same_names({*single, *by_kind}, {*may, "iteration", *kept, *wanted}, rule)
    theirs = [name for name, _ in next(iter(by_kind.values()))] if by_kind else list(share.keys)
    for kind, own in by_kind.items():
        if [name for name, _ in own] != theirs:
            raise ValueError(
                f"the state has {kind} of {[name for name, _ in own]}, but other slots of {theirs}; pass all of the "
                "optimizer's variables"
            )
    order = share.places(theirs, len(theirs))
    steps = int(moving.on_host(single["iteration"], "iteration"))
    hyper = {NAMES[name]: float(moving.on_host(single[name], name)) for name in may}
    states = {name: float(moving.on_host(single[name], name)) for name in kept}
    states |= {name: function(steps) for name, function in follows.items()}
    moved = {}
    for key, place in zip(share.keys, order, strict=True):
        slots = dict(moving.signed(wanted[kind], own[place][1]) for kind, own in by_kind.items())
        moved[key] = Moved(slots, steps, states, hyper)
    return moved


def state_of(opt: Optimizer, *, names: Sequence[str] | None = None) -> Any:
    """The values of the variables of Keras's optimizer of the same kind, by name and in its order.

    `optimizer.build(weights)` and `optimizer.set_weights(list(state_of(opt).values()))` take them. There is no
    learning_rate where lr is a function here, as with a schedule in Keras. Of an optimizer with several rules a list of
    such, in the order in which load_state takes them. names: our names of the parameters in Keras's order. The
    parameters' values are the caller's to copy.
    Raises TypeError or ValueError for rules and options that Keras does not have.
    """
    saved = widened(opt.state_dict())
    return of_each(zip(shares(opt, names), strict=True), lambda share: _state(share, saved))


def _state(share: Share, saved: Mapping[str, Any]) -> dict[str, Any]:
    """The values of Keras's variables for the parameters of one rule. saved: our state_dict."""
    _names(share)
    steps = moving.one_count(saved, share.keys, "keras")
    values: dict[str, Any] = {"iteration": np.array(steps, "int32")}
    if not callable(share.hyper["lr"]):
        values["learning_rate"] = np.array(share.hyper["lr"])
    for together in STATE[share.rule.name]:
        for key in share.theirs:
            for kind, slot in together.items():
                values[f"{key.replace('.', '_')}_{kind}"] = moving.out(share, saved, slot, key)
    follows, states = FOLLOWS.get(share.rule.name, {}), saved["uniform_states"].get(share.keys[0], {})
    return values | {name: np.array(value) for name, value in states.items() if name not in follows}


def _names(share: Share) -> dict[str, str]:
    """Keras's names of the slots, and ours with a minus sign for the opposite."""
    family, _ = moving.of_family(share.rule)
    flat = {
        rule: {kind: slot for together in parts for kind, slot in together.items()} for rule, parts in STATE.items()
    }
    names = moving.names_in(flat, share, "keras")
    moving.same_formula(share, "keras", FIXED.get(family, {}))
    return names
