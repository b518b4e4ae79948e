"""The options of an optimizer that are in use, checked before anything is made from them."""

from collections.abc import Collection, Mapping
from typing import Any

from ..kernels import Rule
from ..kernels.riders import DECAYS, NUMBERS


def in_use(
    rule: Rule,
    used: Collection[str],
    switches: Mapping[str, bool],
    decay: str | None,
    cast_to: str | None,
) -> dict[str, Any]:
    """The options in use and their values, as riders.WithRiders takes them.

    used: the names of all numbers that were given. switches: the options
    that are on or off. Raises ValueError for an option that is invalid or would have no effect.
    """
    if cast_to is not None and cast_to not in ("float16", "bfloat16"):
        raise ValueError(f"cast_to must be float16 or bfloat16; got {cast_to!r}")
    if switches["ema_uncorrected"] and "ema" not in used:
        raise ValueError("ema_uncorrected has no effect without ema")
    on: dict[str, Any] = {name: True for name, value in switches.items() if value}
    on |= {name: True for name in NUMBERS if name in used} | ({"cast_to": cast_to} if cast_to else {})
    on["decay"] = _decay(rule, decay, "weight_decay" in used)
    return on


def _decay(rule: Rule, decay: str | None, used: bool) -> str:
    if decay is None:
        return "l2"
    if decay not in DECAYS:
        raise ValueError(f"decay must be {', '.join(DECAYS)}; got {decay!r}")
    if "weight_decay" in rule.hyper:
        raise ValueError(f"{rule.name} has a weight decay of its own; decay would have no effect")
    if not used:
        raise ValueError("decay has no effect without weight_decay")
    return decay
