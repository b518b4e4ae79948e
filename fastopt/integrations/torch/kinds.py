"""What torch's optimizers are here: by their names, which rule they follow and what torch calls its state."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...kernels import FAMILIES
from ...kernels.fusion import Fused
from ...like.torch.rules import LIKE

# What a group may ask for that the kernels cannot do.
REFUSED = ("capturable", "differentiable")


@dataclass(frozen=True)
class Options:
    """The options of a parameter group: those that choose the formula, and the numbers.

    family: the class of ours that they amount to. chosen: its arguments that choose a variant or ride along.
    refused: the first option that the kernels cannot honour, or None. fixed: no number is a tensor.
    """

    family: str
    chosen: tuple[tuple[str, Any], ...]
    numbers: Mapping[str, Any]
    refused: str | None
    fixed: bool

    @property
    def decays(self) -> bool:
        return bool(self.numbers.get("weight_decay"))

    @cached_property
    def structure(self) -> Any:
        """What groups have in common that one program updates; a weight decay may be 0 in some of them."""
        return self.family, self.chosen, frozenset(self.numbers)

    def step(self, decays: bool) -> Fused:
        """The rule with what rides along; decays: whether any of the groups that share it has a weight decay."""
        family, chosen = FAMILIES[self.family], dict(self.chosen)
        given = {name: value for name, value in {**self.numbers, **chosen}.items() if name in family.hyper}
        rule, _ = family.select(given)
        on: dict[str, Any] = {"maximize": True} if chosen.get("maximize") else {}
        if decays and "weight_decay" not in rule.hyper:
            on |= {"weight_decay": True, "decay": chosen["decay"]}
        return Fused(rule, on)


def read(name: str, group: Mapping[str, Any]) -> Options:
    """The options of a group of torch's optimizer of that name, as they are now."""
    family, given = LIKE[name](group)
    # A number may be a tensor, or NumPy's.
    plain = {key: value.item() if hasattr(value, "item") else value for key, value in given.items()}
    chosen = tuple((key, value) for key, value in plain.items() if isinstance(value, bool | str))
    numbers = {key: value for key, value in plain.items() if not isinstance(value, bool | str)}
    refused = next((f"{option}=True" for option in REFUSED if group.get(option)), None)
    fixed = not any(hasattr(value, "item") for value in given.values())
    return Options(family, chosen, numbers, refused, fixed)


@dataclass(frozen=True)
class Kind:
    """names: what torch calls each state array and uniform state of ours; counted: whether "step" counts the steps."""

    names: Mapping[str, str]
    counted: bool = True

    @property
    def known(self) -> set[str]:
        return {*self.names.values(), *(["step"] if self.counted else [])}

    def needed(self, carried: Iterable[str]) -> set[str]:
        """What the state of a parameter must have, once it has begun, for these state arrays and uniform states."""
        return {"step", *(self.names[name] for name in carried)} if self.counted else set()


_ADAM = Kind({"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sq"})
KINDS = {
    # The buffer comes with the first step that has a momentum: that it is there stands for the count.
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
