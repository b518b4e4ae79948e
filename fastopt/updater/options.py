"""The options of an optimizer that are in use, checked before anything is made from them."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np

from ..kernels import RULES, Rule
from ..kernels.language.hyperparameters import checked, suggestion
from ..kernels.language.values import either, kind_of, short, shown
from ..kernels.riders import BESIDE, BROUGHT, CAUTIOUS, DECAYS, NUMBERS
from ..monitors.known import has_state
from .format_options import FormatOptions, check_formats, of_formats
from .gathering import HOW
from .loss_scale import LossScaler


def rule_of(rule: Any) -> Rule:
    """A rule, or that of a name. Raises TypeError or ValueError for anything else."""
    if isinstance(rule, str):
        if rule not in RULES:
            raise ValueError(f"there is no rule {rule!r}; {suggestion(rule, RULES)}")
        rule = RULES[rule]
    if not isinstance(rule, Rule):
        raise TypeError(f"rule must be a rule made with @rule, or the name of a rule, as 'adam'; got {shown(rule)}")
    return rule


def check_scaler(loss_scaler: Any) -> None:
    """Raise TypeError unless it is a LossScaler or None."""
    if loss_scaler is not None and not isinstance(loss_scaler, LossScaler):
        raise TypeError(f"loss_scaler must be a fastopt.LossScaler or None; got {shown(loss_scaler)}")


def counts_together(count: Any) -> bool:
    """Whether the option `count` names the optimizer. Raises ValueError unless it names that or the parameter."""
    if count not in ("parameter", "optimizer"):
        raise ValueError(f"count must be 'parameter' or 'optimizer'; got {count!r}")
    return bool(count == "optimizer")


def check_accumulate(accumulate: Any) -> None:
    """Raise ValueError unless it says what a step takes of gradients that were added up, or is None."""
    if accumulate is not None and accumulate not in HOW:
        raise ValueError(f"accumulate must be {either(HOW)}, or None; got {short(accumulate)}")


def checked_monitors(monitors: Any) -> tuple[Any, ...]:
    """The objects to save along. Raises TypeError for what has no state."""
    if not isinstance(monitors, Sequence):
        raise TypeError(
            f"monitors must be a list of objects with state_dict and load_state_dict; got {shown(monitors)}"
        )
    for k, monitor in enumerate(monitors):
        if not has_state(monitor):
            raise TypeError(f"monitors[{k}] must have state_dict and load_state_dict; got {shown(monitor)}")
    return tuple(monitors)


def by_pattern(option: str, given: Any) -> Mapping[str, Any]:
    """The values of an option by pattern. Raises TypeError for anything else."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(
            f'{option} must be a dict with the names of parameters, such as {{"layers.0.W": array}}; got '
            f"{kind_of(given)}"
        )
    for pattern in given:
        if not isinstance(pattern, str):
            raise TypeError(
                f"{option} must have strings as keys, names of parameters or patterns; got {shown(pattern)}; the first "
                'parameter of a list has the name "0"'
            )
    return given


def checked_start(rule: Rule, start: Any, hyper: Mapping[str, Any]) -> dict[str, float]:
    """The starts of slots in the place of the rule's own, as Python numbers.

    hyper: the hyperparameters that were given. Raises TypeError or ValueError for what cannot be a start, or would
    leave a hyperparameter without effect.
    """
    if start is None:
        return {}
    if not isinstance(start, Mapping):
        raise TypeError(f"start must be a dict of numbers by slot, such as {{'v': 1.0}}; got {shown(start)}")
    starts = {}
    for slot, value in start.items():
        if slot not in rule.slots:
            raise ValueError(f"start: {rule.name} has no slot {slot!r}; {suggestion(str(slot), rule.slots)}")
        starts[slot] = checked(rule.name, f"start[{slot!r}]", value, 0.0, None)
    for name in hyper:
        if (slots := [slot for slot, own in rule.start.items() if own == name]) and starts.keys() >= {*slots}:
            raise ValueError(
                f"{name} has no effect beside start, which has slot {slots[0]!r} too; pass {name} or start"
            )
    _check_steps(rule, starts, {name: value for name, value in hyper.items() if name in rule.hyper})
    return starts


def _check_steps(rule: Rule, starts: Mapping[str, float], hyper: Mapping[str, Any]) -> None:
    """Raise ValueError for starts from which a step leads to no finite number, as from a negative second moment, while
    one from the rule's own does."""
    numbers = {**rule.hyper, **{name: value for name, value in hyper.items() if not callable(value)}}
    parameter, step = np.ones(1), rule.step_numbers(1, 1.0)
    own = dict(zip(rule.slots, rule.state_of(parameter, numbers), strict=True))
    changed = own | {slot: np.full(1, value, float) for slot, value in starts.items()}

    def finite(slots: Mapping[str, Any], gradient: float) -> bool:
        results = rule.reference(parameter, np.full(1, gradient), *slots.values(), **step, **numbers)
        return bool(np.isfinite(np.concatenate(results[: len(rule.written)])).all())

    slots = {slot: float(array[0]) for slot, array in changed.items()}
    for gradient in (1e-3, 1.0):
        if not finite(changed, gradient) and finite(own, gradient):
            raise ValueError(f"start={dict(starts)!r}: a step of {rule.name} from there is not finite; got {slots!r}")


def in_use(
    rule: Rule,
    used: Set[str],
    switches: Mapping[str, bool],
    decay: str | None,
    cast_to: str | None,
    second_moment: str,
    cautious: str | None,
    formats: FormatOptions,
) -> dict[str, Any]:
    """The options in use and their values, as riders.WithRiders takes them.

    used: the names of all numbers that were given. switches: the options that are on or off. formats: those of state
    and weights. Raises ValueError for an option that is invalid or would have no effect.
    """
    if cast_to is not None and cast_to not in ("float16", "bfloat16"):
        raise ValueError(f"cast_to must be 'float16', 'bfloat16' or None; got {short(cast_to)}")
    if second_moment not in ("parts", "modulus"):
        raise ValueError(f"second_moment must be 'parts' or 'modulus'; got {second_moment!r}")
    if cautious is not None and cautious not in CAUTIOUS:
        raise ValueError(f"cautious must be {either(CAUTIOUS)}, or None; got {short(cautious)}")
    check_formats(formats)
    if formats.param_rounding != "nearest" and cast_to is not None:
        raise ValueError(
            "param_rounding is for parameters in bfloat16, which need no copy by cast_to; leave one of them out"
        )
    if switches["ema_uncorrected"] and "ema" not in used:
        raise ValueError("ema_uncorrected has no effect without ema; pass ema too, as ema=0.999")
    for name, others in BESIDE.items():
        if name in used and used.isdisjoint(others):
            raise ValueError(f"{name} has no effect without {' or '.join(others)}; pass {others[0]} too")
    for name in {"clip_update"} & used | ({"cautious"} if cautious else set()) if rule.average else ():
        raise ValueError(
            f"{rule.name} keeps an average of its own, which {name} would not leave the average of its steps; leave "
            f"{name} out"
        )
    if "ema" in used and rule.average is not None:
        raise ValueError(f"{rule.name} keeps an average of its own, which averaged() reads; leave ema out")
    if "lookahead" in used and rule.average is not None:
        raise ValueError(
            f"{rule.name} keeps an average of its own, which lookahead would not move along; leave lookahead out"
        )
    used = used | {brought for name, brought in BROUGHT.items() if name in used}
    on: dict[str, Any] = {name: True for name, value in switches.items() if value}
    on |= {name: True for name in NUMBERS if name in used} | ({"cast_to": cast_to} if cast_to else {})
    if second_moment != "parts":
        on["second_moment"] = second_moment
    if cautious is not None:
        on["cautious"] = cautious
    on |= of_formats(rule, formats)
    on["decay"] = _decay(rule, decay, "weight_decay" in used)
    return on


def _decay(rule: Rule, decay: str | None, used: bool) -> str:
    if decay is None:
        return "l2"
    if decay not in DECAYS:
        raise ValueError(f"decay must be {either(DECAYS)}; got {decay!r}")
    if "weight_decay" in rule.hyper:
        raise ValueError(f"{rule.name} has a weight decay of its own, on which decay has no effect; leave decay out")
    if not used:
        raise ValueError("decay has no effect without weight_decay; pass weight_decay too, or leave decay out")
    return decay
