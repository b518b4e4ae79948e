"""From and to the state of torch's optimizers, as their state_dict has it."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...checkpoint.restore import LoadReport
from ...kernels import FAMILIES
from ...optimizer.optimizer import Optimizer, updater_of
from .. import moving
from ..moving import Moved
from . import optimizers

_MOMENTS = {"exp_avg": "m", "exp_avg_sq": "v"}
_MAXIMUM = {**_MOMENTS, "max_exp_avg_sq": "v_max"}
_BUFFER = {"momentum_buffer": "b"}
# For each rule torch's names of the slots and uniform states, and our names, or those in fastopt/checkpoint/made.py.
STATE = {
    "sgd": {},
    "momentum": _BUFFER,
    "nesterov": _BUFFER,
    "adagrad": {"sum": "h"},
    "rmsprop": {"square_avg": "v"},
    "rmsprop_centered": {"square_avg": "v", "grad_avg": "a"},
    "rmsprop_momentum": {"square_avg": "v", **_BUFFER},
    "rmsprop_centered_momentum": {"square_avg": "v", "grad_avg": "a", **_BUFFER},
    "adadelta": {"square_avg": "v", "acc_delta": "u"},
    "adam": _MOMENTS,
    "amsgrad": _MAXIMUM,
    "adamw": _MOMENTS,
    "adamw_amsgrad": _MAXIMUM,
    "adamax": {"exp_avg": "m", "exp_inf": "u"},
    "nadam": {**_MOMENTS, "mu_product": "mu_product"},
    "radam": _MOMENTS,
    "rprop": {"prev": "last", "step_size": "size"},
    "asgd": {"ax": "mean"},
}
# For each rule what torch keeps besides, as it follows from the numbers and from how many steps there were.
FOLLOWS: dict[str, dict[str, Callable[[Mapping[str, Any], int], float]]] = {
    "asgd": {
        "eta": lambda n, steps: n["lr"] / (1 + n["lambd"] * n["lr"] * steps) ** n["alpha"],
        "mu": lambda n, steps: 1 / max(1, steps - n["t0"]),
    },
}
WITHOUT_COUNT = ("SGD",)


def load_state(
    opt: Optimizer, state: Mapping[str, Any], *, names: Sequence[str] | None = None, steps: int | None = None
) -> LoadReport:
    """Go on from torch's state_dict, of an optimizer of the same kind, with the hyperparameters of its groups.

    names: our names of the parameters in torch's order; without them torch's param_names are used if they are also
    ours, else the order of the parameters. steps: the number of updates, which torch's SGD does not keep.
    The parameters' values are the caller's to copy. Averages and functions of the step stay.
    Raises TypeError or ValueError for another optimizer's state, naming what differs; nothing has then been changed.
    """
    wanted, (family, _) = moving.names_in(STATE, opt, "torch"), moving.of_family(opt.rule)
    name, follows = _torch_name(opt, family), FOLLOWS.get(opt.rule.name, {})
    moving.same_formula(opt, "torch", optimizers.FIXED.get(name, {}))
    groups = [(group, key) for group in state["param_groups"] for key in group["params"]]
    theirs = [name for group in state["param_groups"] for name in group.get("param_names", ())]
    order = moving.places(opt, theirs if len(theirs) == len(groups) else None, len(groups), names)
    entries = [state["state"].get(key, {}) for _, key in groups]
    moved = []
    for place in order:
        group, entry = groups[place][0], {n: v for n, v in entries[place].items() if v is not None}
        hyper, switches = _numbers(opt, family, name, group)
        count = entry.pop("step", None)
        if not entry and count is None and family not in WITHOUT_COUNT:
            moved.append(Moved({}, 0, {}, hyper, switches))
            continue
        if entry or family not in WITHOUT_COUNT:
            moving.same_names(entry, {*wanted, *follows}, opt.rule, f"parameter {groups[place][1]} of the state")
        slots = {wanted[n]: value for n, value in entry.items() if n not in follows}
        states = {n: float(slots.pop(n)) for n in opt.rule.states}
        updates = moving.counted(None if count is None else int(count), steps, "torch")
        moved.append(Moved(slots, updates, states, hyper, switches))
    return moving.move_in(opt, moved)


def _torch_name(opt: Optimizer, family: str) -> str:
    """The torch optimizer that one of a family is."""
    lazy = updater_of(opt).choices.sparse == "lazy"
    return next(
        (n for n in optimizers.LAZY if lazy and optimizers.OTHERS[n] == family and opt.hyper["eps_hat"]), family
    )


def _numbers(opt: Optimizer, family: str, name: str, group: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Our hyperparameters and switches for one of the groups of a torch optimizer."""
    signature = _arguments(name)
    needed = {name for name, default in signature.items() if not (default is None or isinstance(default, bool))}
    moving.same_names({*needed & set(group)}, needed, opt.rule, "a group of the state")
    given = {name: _number(value) for name, value in group.items() if name in signature}
    given.setdefault("decoupled_weight_decay", signature.get("decoupled_weight_decay", False))
    torch_name = {own: theirs for theirs, own in optimizers.DECOUPLED.items()}.get(family, name)
    their_family, hyper = optimizers.translated(torch_name, given)
    if their_family != family:
        raise ValueError(
            f"the state is of torch's {their_family}, but the optimizer is {family} ({opt.rule.name}); make the "
            f"optimizer by fastopt.like.torch.{their_family}"
        )
    switches = {"maximize": bool(hyper.pop("maximize", False))}
    if "decay" in hyper:
        switches["decay"] = hyper.pop("decay")
    if "weight_decay" in opt.hyper:
        hyper.setdefault("weight_decay", 0.0)
    _, options = moving.of_family(opt.rule)
    for option in FAMILIES[family].options:
        if option not in opt.rule.hyper and (there := bool(hyper.pop(option, False))) != (here := option in options):
            raise ValueError(
                f"{option} is {there} in the state and {here} in the optimizer ({opt.rule.name}); make the optimizer "
                f"with {option}={there}"
            )
    return hyper, switches


def _number(value: Any) -> Any:
    """A number of torch's, which may be a tensor of one element, as a Python number."""
    return value.item() if hasattr(value, "item") else value


def _arguments(name: str) -> dict[str, Any]:
    """The options that a torch optimizer has in its groups, with their defaults."""
    signature = inspect.signature(getattr(optimizers, name))
    # AdamW is an Adam in torch.
    adam = {"decoupled_weight_decay": True} if name in optimizers.DECOUPLED.values() else {}
    return {name: parameter.default for name, parameter in signature.parameters.items() if name != "params"} | adam


def state_of(opt: Optimizer, *, names: Sequence[str] | None = None) -> dict[str, Any]:
    """A state_dict for torch's optimizer of the same kind, with tensors of their own: `load_state_dict` takes it.

    names: our names of the parameters in torch's order. Functions of the step become their present values. The
    parameters' values are the caller's to copy. Raises TypeError or ValueError for a rule or option that torch lacks.
    """
    import torch

    wanted, (family, options) = moving.names_in(STATE, opt, "torch"), moving.of_family(opt.rule)
    name, follows = _torch_name(opt, family), FOLLOWS.get(opt.rule.name, {})
    moving.same_formula(opt, "torch", optimizers.FIXED.get(name, {}))
    if updater_of(opt).definition.on.get("decay", "l2") not in ("l2", "decoupled"):
        raise ValueError(
            f"torch has no weight decay with decay={updater_of(opt).definition.on['decay']!r}, only 'l2' and "
            "'decoupled'"
        )
    keys = updater_of(opt).parameters.keys
    order = moving.places(opt, None, len(keys), names)
    ours = [order.index(place) for place in range(len(keys))]
    saved, rows = opt.state_dict(), updater_of(opt).rows
    entries: dict[int, dict[str, Any]] = {}
    groups: dict[tuple[int, ...], dict[str, Any]] = {}
    for place, k in enumerate(ours):
        row, count = rows[k], saved["steps"][keys[k]]
        numbers = optimizers.arguments_of(family, options, row.numbers(opt.t + 1), updater_of(opt).definition.on)
        defaults = _arguments(name)
        group = groups.setdefault(
            tuple(map(id, row.layers)), {n: numbers.get(n, default) for n, default in defaults.items()} | {"params": []}
        )
        group["params"].append(place)
        # SparseAdam works out its step from a number of Python's.
        entry = {} if family in WITHOUT_COUNT else {"step": count if name != family else torch.tensor(float(count))}
        entry |= {
            kept: torch.tensor(function(numbers, count), dtype=torch.float64) for kept, function in follows.items()
        }
        for theirs, slot in wanted.items():
            uniform = saved["uniform_states"].get(keys[k], {})
            entry[theirs] = torch.as_tensor(uniform[slot] if slot in uniform else moving.out(saved, slot, keys[k]))
        if count and entry:
            entries[place] = entry
    return {"state": entries, "param_groups": list(groups.values())}
