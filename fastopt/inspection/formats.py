"""The options of an optimizer that say in which types state and weights are kept, and how numbers come into them."""

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

from ..kernels import Rule
from ..kernels.language.hyperparameters import suggestion
from ..kernels.language.storages import CORRECTIONS
from ..kernels.riders import ROUNDINGS, STATE_FORMATS
from ..optimizer.optimizer import Optimizer


def _option(default: Any, title: str, meaning: str, none: str = "", beside: Mapping[str, Any] | None = None) -> Any:
    """A field with what commands say of it.

    title: of a column. none: the word for None. beside: options with the values without which it has no effect.
    """
    return field(default=default, metadata={"title": title, "help": meaning, "none": none, "beside": beside or {}})


@dataclass(frozen=True)
class Formats:
    """Options of `Optimizer`, with its names and defaults; commands have an option for each field."""

    state_format: str | None = _option(
        None,
        "state",
        f"How the rule's state is stored: float32 (the default), {', '.join(STATE_FORMATS)}.",
        none="float32",
    )
    state_rounding: str = _option(
        ROUNDINGS[0],
        "rounded",
        f"How state is rounded to bfloat16: {ROUNDINGS[0]} (the default), {ROUNDINGS[1]}.",
        beside={"state_format": "bfloat16"},
    )
    param_rounding: str = _option(
        ROUNDINGS[1],
        "weights",
        f"How parameters are rounded to bfloat16: {ROUNDINGS[1]} (the default), {ROUNDINGS[0]}.",
    )
    master_weight_bits: int | None = _option(
        None,
        "bits",
        "Of a weight, where parameters are in bfloat16: 16 (the default), "
        f"{', '.join(map(str, CORRECTIONS))}; a correction beside the parameter has the rest.",
        none="16",
    )
    reciprocals: bool = _option(False, "recip.", "Multiply by reciprocals where arrays are divided by numbers.")

    def __str__(self) -> str:
        return formats_text(vars(self))

    def optimizer(self, params: Any, rule: Rule) -> Optimizer:
        """An optimizer with these options. Raises as `Optimizer` does for options that cannot be, or have no effect."""
        return Optimizer(params, rule, **vars(self))

    @property
    def bare(self) -> "Formats":
        """The same stored types, rounded to nearest and without reciprocals."""
        rounded = OPTIONS["state_rounding"].metadata["beside"]["state_format"] == self.state_format
        rounding = "nearest" if rounded else DEFAULTS["state_rounding"]
        return replace(self, state_rounding=rounding, param_rounding="nearest", reciprocals=False)


OPTIONS: dict[str, Field[Any]] = {option.name: option for option in fields(Formats)}
PLAIN = Formats()
DEFAULTS: dict[str, Any] = vars(PLAIN)


def formats(options: Mapping[str, Any]) -> Formats:
    """Formats of options by name. Raises TypeError for a name that is none of them."""
    for name in options:
        if name not in OPTIONS:
            raise TypeError(f"there is no option {name!r} of formats; {suggestion(name, OPTIONS)}")
    return Formats(**options)


def read(name: str, text: str) -> Any:
    """The value of an option that is given as a text, which of a flag is empty."""
    if OPTIONS[name].type is bool:
        return True
    if text == OPTIONS[name].metadata["none"]:
        return None
    return int(text) if text.isdecimal() else text


def formats_text(options: Mapping[str, Any]) -> str:
    """The options that are not at their defaults, as a call has them, each after a comma. options: others are left
    out."""
    said = {name: options[name] for name in OPTIONS if options[name] != DEFAULTS[name]}
    return "".join(f", {name}" if value is True else f", {name}={value}" for name, value in said.items())
