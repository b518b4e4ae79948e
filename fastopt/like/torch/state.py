"""From and to the state of torch's optimizers, as their state_dict has it."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...checkpoint.converted import widened
from ...checkpoint.restore import LoadReport
from ...kernels import FAMILIES
from ...optimizer.optimizer import Optimizer, updater_of
from .. import moving
from ..moving import Moved
from ..shares import Share, of_each, shares, steps_of, with_states
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
    opt: Optimizer,
    state: Any,
    *,
    names: Sequence[str] | None = None,
    steps: int | Sequence[int | None] | None = None,
) -> LoadReport:
    """Go on from torch's state_dict, of an optimizer of the same kind, with the hyperparameters of its groups.

    state: of an optimizer with several rules a list of the state_dicts of torch's optimizers: that of the main rule,
    then one of each group with a rule, in the order of groups; a rule without parameters has none.
    names: our names of the parameters in torch's order; without them torch's param_names are used if they are also
    ours, else the order of the parameters. steps: the number of updates, which torch's SGD does not keep; a list has
    one for each state, or None where the state counts them.
    The parameters' values are the caller's to copy. Averages and functions of the step stay.
    Raises TypeError or ValueError for another optimizer's state, naming what differs; nothing has then been changed.
    """
    pairs = with_states(opt, state, names, "torch")
    moved: dict[str, Moved] = {}
    for (share, own), count in zip(pairs, steps_of(steps, len(pairs)), strict=True):
        with share.told():
            moved |= _moved(opt, share, own, count)
    return moving.move_in(opt, moved)


def _moved(opt: Optimizer, share: Share, state: Mapping[str, Any], steps: int | None) -> dict[str, Moved]:
    """What torch's state has of each parameter, by our names."""
    wanted, (family, _) = moving.names_in(STATE, share, "torch"), moving.of_family(share.rule)
    name, follows = _torch_name(opt, share, family), FOLLOWS.get(share.rule.name, {})
    moving.same_formula(share, "torch", optimizers.FIXED.get(name, {}))
    groups = [(group, key) for group in state["param_groups"] for key in group["params"]]
    theirs = [name for group in state["param_groups"] for name in group.get("param_names", ())]
    order = share.places(theirs if len(theirs) == len(groups) else None, len(groups))
    entries = [state["state"].get(key, {}) for _, key in groups]
    moved = {}
    for ours, place in zip(share.keys, order, strict=True):
        group, entry = groups[place][0], {n: v for n, v in entries[place].items() if v is not None}
        hyper, switches = _numbers(share, family, name, group)
        count = entry.pop("step", None)
        if not entry and count is None and family not in WITHOUT_COUNT:
            moved[ours] = Moved({}, 0, {}, hyper, switches)
            continue
        if entry or family not in WITHOUT_COUNT:
            moving.same_names(entry, {*wanted, *follows}, share.rule, f"parameter {groups[place][1]} of the state")
        slots = {wanted[n]: value for n, value in entry.items() if n not in follows}
        states = {n: float(slots.pop(n)) for n in share.rule.states}
        updates = moving.counted(None if count is None else int(count), steps, "torch")
        moved[ours] = Moved(slots, updates, states, hyper, switches)
    return moved


def _torch_name(opt: Optimizer, share: Share, family: str) -> str:
    """The torch optimizer that one of a family is."""
    lazy = updater_of(opt).choices.sparse == "lazy"
    return next(
        (n for n in optimizers.LAZY if lazy and optimizers.OTHERS[n] == family and share.hyper["eps_hat"]), family
    )


def _numbers(share: Share, family: str, name: str, group: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Our hyperparameters and switches for one of the groups of a torch optimizer."""
    signature = _arguments(name)
    needed = {name for name, default in signature.items() if not (default is None or isinstance(default, bool))}
    moving.same_names({*needed & set(group)}, needed, share.rule, "a group of the state")
    given = {name: _number(value) for name, value in group.items() if name in signature}
    given.setdefault("decoupled_weight_decay", signature.get("decoupled_weight_decay", False))
    torch_name = {own: theirs for theirs, own in optimizers.DECOUPLED.items()}.get(family, name)
    their_family, hyper = optimizers.translated(torch_name, given)
    if their_family != family:
        raise ValueError(
            f"the state is of torch's {their_family}, but the optimizer is {family} ({share.rule.name}); make the "
            f"optimizer by fastopt.like.torch.{their_family}"
        )
    switches = {"maximize": bool(hyper.pop("maximize", False))}
    if "decay" in hyper:
        switches["decay"] = hyper.pop("decay")
    if "weight_decay" in share.ruled.definition.hyper:
        hyper.setdefault("weight_decay", 0.0)
    _, options = moving.of_family(share.rule)
    for option in FAMILIES[family].options:
        if option not in share.rule.hyper and (there := bool(hyper.pop(option, False))) != (here := option in options):
            raise ValueError(
                f"{option} is {there} in the state and {here} in the optimizer ({share.rule.name}); make the optimizer "
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


def state_of(opt: Optimizer, *, names: Sequence[str] | None = None) -> Any:
    """A state_dict for torch's optimizer of the same kind, with tensors of their own: `load_state_dict` takes it.

    Of an optimizer with several rules a list of such, in the order in which load_state takes them.
    names: our names of the parameters in torch's order. Functions of the step become their present values. The
    parameters' values are the caller's to copy. Raises TypeError or ValueError for a rule or option that torch lacks.
    """
    saved = widened(opt.state_dict())
    return of_each(zip(shares(opt, names), strict=True), lambda share: _state(opt, share, saved))


def _state(opt: Optimizer, share: Share, saved: Mapping[str, Any]) -> dict[str, Any]:
    """torch's state_dict for the parameters of one rule. saved: ours."""
    import torch

    wanted, (family, options) = moving.names_in(STATE, share, "torch"), moving.of_family(share.rule)
    name, follows = _torch_name(opt, share, family), FOLLOWS.get(share.rule.name, {})
    moving.same_formula(share, "torch", optimizers.FIXED.get(name, {}))
    definition = share.ruled.definition
    if definition.on.get("decay", "l2") not in ("l2", "decoupled"):
        raise ValueError(f"torch has no weight decay with decay={definition.on['decay']!r}, only 'l2' and 'decoupled'")
    rows = dict(zip(updater_of(opt).parameters.keys, updater_of(opt).rows, strict=True))
    entries: dict[int, dict[str, Any]] = {}
    groups: dict[tuple[int, ...], dict[str, Any]] = {}
    for place, key in enumerate(share.theirs):
        row, count = rows[key], saved["steps"][key]
        numbers = row.numbers(opt.t + 1)
        # Those of another rule may hold below.
        own = {n: numbers[n] for n in definition.hyper}
        given = optimizers.arguments_of(family, options, own, definition.on)
        defaults = _arguments(name)
        group = groups.setdefault(
            tuple(map(id, row.layers)), {n: given.get(n, default) for n, default in defaults.items()} | {"params": []}
        )
        group["params"].append(place)
        # SparseAdam works out its step from a number of Python's.
        entry = {} if family in WITHOUT_COUNT else {"step": count if name != family else torch.tensor(float(count))}
        entry |= {kept: torch.tensor(function(own, count), dtype=torch.float64) for kept, function in follows.items()}
        for theirs, slot in wanted.items():
            uniform = saved["uniform_states"].get(key, {})
            entry[theirs] = torch.as_tensor(uniform[slot] if slot in uniform else moving.out(share, saved, slot, key))
        if count and entry:
            entries[place] = entry
    return {"state": entries, "param_groups": list(groups.values())}
