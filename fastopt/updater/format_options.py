"""The options that say how state and weights are stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..kernels import Rule
from ..kernels.language.storages import CORRECTIONS
from ..kernels.language.values import either, short, shown
from ..kernels.riders import MIN_8BIT_SIZE, ROUNDINGS, STATE_FORMATS


@dataclass(frozen=True)
class FormatOptions:
    """What an optimizer was given by the options of these names. of_groups: the state_format of each group that has
    one."""

    state_format: str | None
    state_rounding: str
    min_8bit_size: int
    param_rounding: str
    master_weight_bits: int | None
    seed: int
    of_groups: tuple[str | None, ...]

    @property
    def of_state(self) -> set[str]:
        """All formats that state may have, beside that of the computation."""
        return {name for name in (self.state_format, *self.of_groups) if name is not None}


def check_formats(given: FormatOptions) -> None:
    """Raise ValueError for an option that is invalid or would have no effect."""
    for name in (given.state_format, *given.of_groups):
        if name is not None and not (isinstance(name, str) and name in STATE_FORMATS):
            raise ValueError(f"state_format must be {either(STATE_FORMATS)}, or None; got {short(name)}")
    for option, rounding in (("state_rounding", given.state_rounding), ("param_rounding", given.param_rounding)):
        if rounding not in ROUNDINGS:
            raise ValueError(f"{option} must be {either(ROUNDINGS)}; got {short(rounding)}")
    least, bits, seed = given.min_8bit_size, given.master_weight_bits, given.seed
    if type(least) is not int or least < 0:
        raise ValueError(f"min_8bit_size must be a whole number of elements, 0 or more; got {shown(least)}")
    usual: dict[str, tuple[str, Any, Any]] = {
        "bfloat16": ("state_rounding", given.state_rounding, "stochastic"),
        "8bit": ("min_8bit_size", least, MIN_8BIT_SIZE),
    }
    for name, (option, value, default) in usual.items():
        if name not in given.of_state and value != default:
            raise ValueError(f"{option} has no effect without state_format={name!r}; pass that, or leave {option} out")
    if type(seed) is not int or not 0 <= seed < 2**64:
        raise ValueError(f"seed must be a whole number from 0 to 2**64 - 1; got {shown(seed)}")
    if seed and "stochastic" not in ("bfloat16" in given.of_state and given.state_rounding, given.param_rounding):
        raise ValueError("seed has no effect, since nothing is rounded at random; leave seed out")
    if bits is not None and (type(bits) is not int or bits not in CORRECTIONS):
        raise ValueError(f"master_weight_bits must be {either(CORRECTIONS)}, or None; got {short(bits)}")
    if bits is not None and given.param_rounding != "nearest":
        raise ValueError(
            "with master_weight_bits nothing of a weight is rounded away that param_rounding could round at random; "
            "leave one of them out"
        )


def of_formats(rule: Rule, given: FormatOptions) -> dict[str, Any]:
    """These options as riders.WithRiders takes them, those that have an effect on a rule."""
    on: dict[str, Any] = {}
    if rule.slots:
        on |= {"state_format": given.state_format} if given.state_format is not None else {}
        if given.of_groups:
            on["group_formats"] = ",".join(sorted({name for name in given.of_groups if name is not None}))
        on |= {"state_rounding": given.state_rounding} if "bfloat16" in given.of_state else {}
        on |= {"min_8bit_size": given.min_8bit_size} if "8bit" in given.of_state else {}
    if given.param_rounding != "nearest":
        on["param_rounding"] = given.param_rounding
    if given.master_weight_bits is not None:
        on["master_weight_bits"] = given.master_weight_bits
    if "stochastic" in (on.get("state_rounding"), given.param_rounding):
        on["seed"] = given.seed
    return on


def without_formats(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options in use without those that say how state is stored."""
    of_state = {"state_format", "group_formats", "state_rounding", "min_8bit_size"}
    # The seed is of parameters too that are rounded at random.
    of_state |= set() if options.get("param_rounding") == "stochastic" else {"seed"}
    return {name: value for name, value in options.items() if name not in of_state}
