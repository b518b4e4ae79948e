"""torch.optim's optimizers: the parameters, as fastopt.Optimizer takes them, then torch's own arguments.

The parameters may be torch's list of groups, [{"params": ..., "lr": ...}, ...]: gradients are then a list with the
gradients of each group, and the groups are named by their place, opt.groups["1"].lr. Numbers are read and set as in
torch too: opt.param_groups[0]["lr"] *= 0.1, after which the group has an lr of its own. lr may be a function of the
step.
foreach and fused choose among torch's kernels and may have any value, since one kernel updates all arrays here.
"""

import functools
from collections.abc import Mapping
from typing import Any

from ...kernels import FAMILIES, Rule
from ...kernels.language.spellings import PAIRS
from ...kernels.language.spellings import TORCH as NAMES
from ...optimizer.optimizer import Optimizer
from ...optimizer.spelled import spell
from ...trees.tree import leaves
from ..building import Number, built, decayed, unpaired
from ..unused import refuse
from .groups import check_in_use, param_groups

DECOUPLED = {"Adam": "AdamW"}
# Classes that are others of ours, and what their formulas fix.
OTHERS = {"SparseAdam": "Adam"}
FIXED: dict[str, dict[str, Any]] = {"SparseAdam": {"eps_hat": True}}
LAZY = {"SparseAdam"}
UNUSED = {
    "capturable": "how a step is captured in a CUDA graph is no matter of the optimizer's",
    "differentiable": "a step is no part of a graph of gradients",
}


def translated(name: str, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The class of ours and its hyperparameters for an optimizer of torch's and its arguments."""
    given = unpaired({NAMES.get(n, n): value for n, value in arguments.items() if n not in ("foreach", "fused")})
    for argument, why in UNUSED.items():
        refuse(argument, given.pop(argument, None), False, why)
    decoupled = given.pop("decoupled_weight_decay", False)
    family = DECOUPLED.get(name, name) if decoupled else OTHERS.get(name, name)
    if given.get("dampening") == 0:
        del given["dampening"]
    return family, decayed(family, given, "decoupled" if decoupled else "l2")


def made(name: str, arguments: dict[str, Any]) -> Optimizer:
    """An optimizer for torch's name and arguments."""
    params = arguments.pop("params")
    family, hyper = translated(name, arguments)
    count = None
    if _are_groups(params):
        own = [{n: value for n, value in group.items() if n != "params"} for group in params]
        params = [group["params"] for group in params]
        count = len(params)
        hyper["groups"] = _grouped(name, arguments, params, own, hyper)
    opt = built(family, params, {**hyper, **({"sparse": "lazy"} if name in LAZY else {})}, FIXED.get(name, {}))
    groups = functools.partial(param_groups, count=count)
    check = None if count is None else check_in_use
    spell(opt, {**NAMES, **PAIRS}, arguments, others={"param_groups": (groups, None)}, check=check)
    return opt


def _are_groups(params: Any) -> bool:
    return isinstance(params, list | tuple) and all(isinstance(group, dict) and "params" in group for group in params)


def _grouped(
    name: str, arguments: Mapping[str, Any], params: list[Any], own: list[dict[str, Any]], hyper: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Our groups for torch's: the numbers in which each group differs from the numbers of all.

    params: the parameters of each. hyper: the numbers of all; those that only groups have are added to it. own: the
    options of each group.
    Raises ValueError where groups differ in more than numbers.
    """
    wholes = [translated(name, {**arguments, **group})[1] for group in own]
    if any("weight_decay" in whole for whole in wholes):
        hyper.setdefault("weight_decay", 0.0)
        hyper |= {n: value for whole in wholes for n, value in whole.items() if n == "decay"}
    groups: dict[str, dict[str, Any]] = {}
    for place, whole in enumerate(wholes):
        whole = {"decay": hyper["decay"], "weight_decay": 0.0} | whole if "decay" in hyper else whole
        differing = {n: value for n, value in whole.items() if value != hyper.get(n)}
        if others := [n for n, value in differing.items() if isinstance(value, bool | str | Rule)]:
            raise ValueError(
                f"params[{place}] differs in {', '.join(others)}, which must be the same in all groups; make an "
                "optimizer for each group"
            )
        groups[str(place)] = differing
    # A pattern must match something.
    return {place: differing for place, differing in groups.items() if differing or any(leaves(params[int(place)], ""))}


def arguments_of(family: str, options: set[str], hyper: Mapping[str, Any], switches: Mapping[str, Any]) -> Any:
    """The values that torch's arguments would have, and others, for an optimizer of ours."""
    known = {**dict.fromkeys(FAMILIES[family].options, 0), **dict.fromkeys(options, True), **hyper}
    known["decoupled_weight_decay"] = family in DECOUPLED.values() or switches.get("decay") == "decoupled"
    known["maximize"] = bool(switches.get("maximize"))
    pairs = {pair: tuple(known[n] for n in names) for pair, names in PAIRS.items() if names[0] in known}
    return {**known, **pairs, **{theirs: known[ours] for theirs, ours in NAMES.items() if ours in known}}


def SGD(
    params: Any,
    lr: Number = 1e-3,
    momentum: Number = 0,
    dampening: Number = 0,
    weight_decay: Number = 0,
    nesterov: bool = False,
    *,
    maximize: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    fused: bool | None = None,
) -> Optimizer:
    """torch.optim.SGD: lr is outside the velocity, and the first gradient is not dampened."""
    if nesterov and (momentum == 0 or dampening != 0):
        raise ValueError(
            f"nesterov=True needs a momentum, and dampening 0, as in torch; got momentum={momentum!r}, "
            f"dampening={dampening!r}"
        )
    return made("SGD", locals())


def Adagrad(
    params: Any,
    lr: Number = 1e-2,
    lr_decay: Number = 0,
    weight_decay: Number = 0,
    initial_accumulator_value: float = 0,
    eps: Number = 1e-10,
    foreach: bool | None = None,
    *,
    maximize: bool = False,
    differentiable: bool = False,
    fused: bool | None = None,
) -> Optimizer:
    """torch.optim.Adagrad: eps is added to the root."""
    return made("Adagrad", locals())


def RMSprop(
    params: Any,
    lr: Number = 1e-2,
    alpha: Number = 0.99,
    eps: Number = 1e-8,
    weight_decay: Number = 0,
    momentum: Number = 0,
    centered: bool = False,
    capturable: bool = False,
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
) -> Optimizer:
    """torch.optim.RMSprop: eps is added to the root, lr is outside the velocity."""
    return made("RMSprop", locals())


def Adadelta(
    params: Any,
    lr: Number = 1.0,
    rho: Number = 0.9,
    eps: Number = 1e-6,
    weight_decay: Number = 0,
    foreach: bool | None = None,
    *,
    capturable: bool = False,
    maximize: bool = False,
    differentiable: bool = False,
) -> Optimizer:
    """torch.optim.Adadelta."""
    return made("Adadelta", locals())


def Adam(
    params: Any,
    lr: Number = 1e-3,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    weight_decay: Number = 0,
    amsgrad: bool = False,
    *,
    foreach: bool | None = None,
    maximize: bool = False,
    capturable: bool = False,
    differentiable: bool = False,
    fused: bool | None = None,
    decoupled_weight_decay: bool = False,
) -> Optimizer:
    """torch.optim.Adam; with decoupled_weight_decay torch.optim.AdamW."""
    return made("Adam", locals())


def AdamW(
    params: Any,
    lr: Number = 1e-3,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    weight_decay: Number = 1e-2,
    amsgrad: bool = False,
    *,
    maximize: bool = False,
    foreach: bool | None = None,
    capturable: bool = False,
    differentiable: bool = False,
    fused: bool | None = None,
) -> Optimizer:
    """torch.optim.AdamW: the weights are decayed before the step."""
    return made("AdamW", locals())


def Adamax(
    params: Any,
    lr: Number = 2e-3,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    weight_decay: Number = 0,
    foreach: bool | None = None,
    *,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
) -> Optimizer:
    """torch.optim.Adamax: eps is inside the maximum."""
    return made("Adamax", locals())


def NAdam(
    params: Any,
    lr: Number = 2e-3,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    weight_decay: Number = 0,
    momentum_decay: Number = 4e-3,
    decoupled_weight_decay: bool = False,
    *,
    foreach: bool | None = None,
    maximize: bool = False,
    capturable: bool = False,
    differentiable: bool = False,
) -> Optimizer:
    """torch.optim.NAdam, whose momentum warms slowly."""
    return made("NAdam", locals())


def RAdam(
    params: Any,
    lr: Number = 1e-3,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    weight_decay: Number = 0,
    decoupled_weight_decay: bool = False,
    *,
    foreach: bool | None = None,
    maximize: bool = False,
    capturable: bool = False,
    differentiable: bool = False,
) -> Optimizer:
    """torch.optim.RAdam: eps joins the uncorrected root."""
    return made("RAdam", locals())


def Rprop(
    params: Any,
    lr: float = 1e-2,
    etas: tuple[Number, Number] = (0.5, 1.2),
    step_sizes: tuple[Number, Number] = (1e-6, 50),
    *,
    capturable: bool = False,
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
) -> Optimizer:
    """torch.optim.Rprop: lr is the size of the first step, and a weight whose gradient changes its sign rests once."""
    return made("Rprop", locals())


def ASGD(
    params: Any,
    lr: Number = 1e-2,
    lambd: Number = 1e-4,
    alpha: Number = 0.75,
    t0: Number = 1e6,
    weight_decay: Number = 0,
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
) -> Optimizer:
    """torch.optim.ASGD: opt.averaged() reads the mean of the weights, which is the slot `mean` of opt.state.

    A function of the step as lr acts in its own step; in torch the rate of a step is that of the scheduler a step ago.
    """
    return made("ASGD", locals())


def SparseAdam(
    params: Any,
    lr: Number = 1e-3,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    maximize: bool = False,
) -> Optimizer:
    """torch.optim.SparseAdam: eps joins the uncorrected root, and rows that a fastopt.RowSparse leaves out rest.

    A dense gradient, which torch refuses, moves every row.
    """
    return made("SparseAdam", locals())
