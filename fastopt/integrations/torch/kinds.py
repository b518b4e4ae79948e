"""torch's optimizers, by name: the rule that each follows, and torch's names of its state."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...kernels import FAMILIES, Rule
from ...kernels.program.floors import flushed
from ...kernels.riders import WithRiders
from ...like.torch.optimizers import translated
from .centered import ON_ITS_STATE

# Options of a group that the kernels cannot honour.
REFUSED = ("capturable", "differentiable")


@dataclass(frozen=True)
class Options:
    """The options of a parameter group: those that choose the formula, and the numbers.

    structure: equal in groups that one program updates; a weight decay may be 0 in some of them. decay: the kind of
    weight decay, or None where it is 0 or the rule's own. refused: the first option that the kernels cannot honour, or
    None. flushed: why float32 arrays cannot be updated with the numbers, or "". fixed: no number is a tensor.
    """

    structure: tuple[Rule, bool, bool]
    decay: str | None
    numbers: Mapping[str, Any]
    refused: str | None
    flushed: str
    fixed: bool


def read(name: str, group: Mapping[str, Any], arguments: Iterable[str]) -> Options:
    """The present options of a group of torch's optimizer `name`, which has these arguments."""
    given = {argument: group[argument] for argument in arguments if argument in group and argument not in REFUSED}
    family, ours = translated(name, given)
    variants = FAMILIES[family]
    rule, _ = variants.select({option: True for option in variants.options if ours.get(option)})
    rule = ON_ITS_STATE.get(rule.name, rule)
    structure = rule, bool(ours.get("maximize")), bool(given.get("decoupled_weight_decay"))
    named = {key: value for key, value in ours.items() if key in rule.hyper or key == "weight_decay"}
    # A number may be a tensor, or NumPy's.
    numbers = {key: value.item() if hasattr(value, "item") else value for key, value in named.items()}
    refused = next((f"{option}=True" for option in REFUSED if group.get(option)), None)
    fixed = not any(hasattr(v, "item") for v in named.values())
    small = flushed(rule.program(rule.hyper), {**rule.hyper, **numbers})
    return Options(structure, ours.get("decay"), numbers, refused, small, fixed)


def definition_of(options: Sequence[Options]) -> WithRiders:
    """The rule of groups of one structure, with what rides along."""
    rule, maximize, _ = options[0].structure
    on: dict[str, Any] = {"maximize": True} if maximize else {}
    if decay := next((group.decay for group in options if group.decay), None):
        on |= {"weight_decay": True, "decay": decay}
    return WithRiders(rule, on)


@dataclass(frozen=True)
class Kind:
    """names: torch's name of each state array and uniform state of ours; counted: whether "step" counts the steps."""

    names: Mapping[str, str]
    counted: bool = True

    @property
    def known(self) -> set[str]:
        return {*self.names.values(), *(["step"] if self.counted else [])}

    def needed(self, carried: Iterable[str]) -> set[str]:
        """The names that a parameter's state must have, once begun, for these state arrays and uniform states."""
        return {"step", *(self.names[name] for name in carried)} if self.counted else set()


_ADAM = Kind({"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sq"})
KINDS = {
    # The buffer comes with the first step that has a momentum: its presence stands for the count.
    "SGD": Kind({"b": "momentum_buffer"}, counted=False),
    "Adagrad": Kind({"h": "sum"}),
    "RMSprop": Kind({"v": "square_avg", "a": "grad_avg", "b": "momentum_buffer"}),
    "Adadelta": Kind({"v": "square_avg", "u": "acc_delta"}),
    "Adam": _ADAM,
    "AdamW": _ADAM,
    "Adamax": Kind({"m": "exp_avg", "u": "exp_inf"}),
    "NAdam": Kind({"m": "exp_avg", "v": "exp_avg_sq", "mu_product": "mu_product"}),
    "RAdam": Kind({"m": "exp_avg", "v": "exp_avg_sq"}),
}
