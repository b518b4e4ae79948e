"""The names of an optimizer's attributes: what is read and set by another name, and what is refused, with what was
meant."""

import functools
import inspect
import reprlib
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from ..kernels import FAMILIES, RULES
from ..kernels.language.spellings import SPELLINGS, nearest
from ..kernels.language.values import shown
from ..kernels.riders import NUMBERS

# What is set when an optimizer is made, and stays.
FIXED = ("rule", "hyper", "groups")
# The trees that an optimizer has with an option, and that option.
_TREES = {"ema": "ema", "cast": "cast_to"}
# What to do about attributes that are only read.
_INSTEAD = {
    "grads": "; write into the arrays of opt.grads, or pass the gradients, as in opt.step(grads)",
    "state": "; write into the arrays of opt.state, or call load_state_dict",
    "t": "; load_state_dict sets the count of steps",
    "skipped": "; load_state_dict sets the count of skipped steps",
}


@dataclass(frozen=True)
class Spelled:
    """A peer's names. ours: by names of hyperparameters ours. taken: what a value that is set is taken for. others: by
    the names of other attributes functions of the optimizer. All are picklable if their functions are of modules."""

    ours: Mapping[str, tuple[str, ...]]
    taken: Callable[[Any], Any]
    others: Mapping[str, Callable[[Any], Any]]


def as_it_is(value: Any) -> Any:
    """The value."""
    return value


def spell(
    optimizer: Any,
    ours: Mapping[str, str | tuple[str, ...]],
    taken: Callable[[Any], Any] = as_it_is,
    others: Mapping[str, Callable[[Any], Any]] | None = None,
) -> None:
    """Let an optimizer be read and set by a peer's names too, as Spelled has them."""
    each = {theirs: (names,) if isinstance(names, str) else names for theirs, names in ours.items()}
    vars(optimizer)["_spelled"] = Spelled(each, taken, others or {})


def read(optimizer: Any, base: type, name: str) -> Any:
    """The value that an optimizer has by a peer's name. Raises AttributeError, with what was meant, for others."""
    if names := _by_spelling(optimizer, name):
        numbers = tuple(optimizer.hyper[one] for one in names)
        return numbers if len(numbers) > 1 else numbers[0]
    if (spelled := vars(optimizer).get("_spelled")) and name in spelled.others:
        return spelled.others[name](optimizer)
    raise AttributeError(_lacking(optimizer, base, name))


def taken(optimizer: Any, base: type, name: str, value: Any) -> bool:
    """Whether a value was set by a peer's name; False for an attribute that is the user's own.

    base: fastopt.Optimizer, of which classes may have attributes of any name that they define. Raises AttributeError
    for a name of a hyperparameter or an option that the optimizer does not have, or one that seems to be meant so.
    """
    if name.startswith("_") or _defined(type(optimizer), base, name):
        return False
    if names := _by_spelling(optimizer, name):
        put(optimizer.hyper, names, value, vars(optimizer)["_spelled"].taken, name)
        return True
    if (spelled := vars(optimizer).get("_spelled")) and name in spelled.others:
        raise AttributeError(f"{name} cannot be replaced; set numbers in {name}, as opt.{name}[0]['lr'] = 0.1")
    if name in FIXED:
        if "_updater" in vars(optimizer):
            raise AttributeError(_lacking(optimizer, base, name, value))
        return False
    settable = hasattr(base, name) and (name not in _option_names(base) or getattr(base, name).fset is not None)
    if not settable and names_meant(base, name, tuple(vars(optimizer).get("hyper", ())))[0]:
        raise AttributeError(_lacking(optimizer, base, name, value))
    if isinstance(own := getattr(base, name, None), property) and own.fset is None:
        raise AttributeError(f"{name} cannot be set to {reprlib.repr(value)}{_INSTEAD.get(name, '')}")
    return False


def check_removed(optimizer: Any, base: type, name: str) -> None:
    """Raise AttributeError for what an optimizer cannot be without, and for a name that it does not have."""
    if name in vars(optimizer).get("hyper", ()) or name in FIXED or _by_spelling(optimizer, name):
        raise AttributeError(f"{name} cannot be removed from an optimizer; set {name} to another value")
    if name not in vars(optimizer) and not hasattr(type(optimizer), name):
        raise AttributeError(_lacking(optimizer, base, name))


def _by_spelling(optimizer: Any, name: str) -> tuple[str, ...]:
    """Our names for a peer's, if the optimizer has these."""
    spelled, hyper = vars(optimizer).get("_spelled"), vars(optimizer).get("hyper", ())
    names: tuple[str, ...] = spelled.ours.get(name, ()) if spelled else ()
    return names if all(one in hyper for one in names) else ()


def put(
    hyper: MutableMapping[str, Any],
    names: tuple[str, ...],
    value: Any,
    taken: Callable[[Any], Any] = as_it_is,
    called: str = "",
) -> None:
    """Set a hyperparameter, or each of several to one of the values. Raises TypeError or ValueError, and then sets
    none. called: how messages name several."""
    values = [value] if len(names) == 1 else value
    if not isinstance(values, list | tuple) or len(values) != len(names):
        raise ValueError(f"{called} must be a pair of values, of {' and '.join(names)}; got {shown(value)}")
    before = {name: hyper[name] for name in names}
    try:
        hyper.update(zip(names, map(taken, values), strict=True))
    except Exception:
        hyper.update(before)
        raise


def _defined(kind: type, base: type, name: str) -> bool:
    """Whether a subclass, or a class that it inherits from, has an attribute in its body, or annotates it there."""
    own = kind.__mro__[: kind.__mro__.index(base)]
    return any(name in vars(one) or name in inspect.get_annotations(one) for one in own)


@functools.cache
def _options(base: type) -> frozenset[str]:
    parameters = inspect.signature(base).parameters.values()
    return frozenset(one.name for one in parameters if one.kind is one.KEYWORD_ONLY)


@functools.cache
def _option_names(base: type) -> tuple[str, ...]:
    """The names of all hyperparameters and options."""
    rules = {name for rule in RULES.values() for name in rule.hyper}
    rules |= {name for family in FAMILIES.values() for name in family.hyper}
    return tuple(sorted(_options(base) | rules | set(NUMBERS) | set(FIXED)))


def names_meant(base: type, name: str, own: tuple[str, ...] = ()) -> tuple[tuple[str, ...], bool]:
    """Our names that a name stands for, none if it means nothing; and whether that is sure. own: those that are near
    first."""
    known = _option_names(base)
    if name in known or name in SPELLINGS:
        return (name,) if name in known else SPELLINGS[name], True
    near = nearest(name, own) or nearest(name, (*known, *SPELLINGS))
    return SPELLINGS.get(near, (near,)) if near else (), False


def _lacking(optimizer: Any, base: type, name: str, *value: Any) -> str:
    """The message on a name that an optimizer does not have. value: what it was to be set to, if it was."""
    own, kind = vars(optimizer).get("hyper", {}), type(optimizer).__name__
    if name in _TREES and own and not value:
        return f"this optimizer was made without {_TREES[name]}; make another with {_TREES[name]}=..."
    ours, sure = ((), False) if name.startswith("_") else names_meant(base, name, tuple(own))
    said = f"{name} cannot be set to {reprlib.repr(value[0])}" if value else f"{kind} has no {name}"
    if not ours:
        return said + (f" and no hyperparameter of that name; this {kind} has {', '.join(own)}" if own else "")
    written = " and ".join(ours)
    if all(one in own for one in ours):
        remedy = ", ".join(f"opt.{one}" for one in ours) + "".join(f" = {reprlib.repr(one)}" for one in value)
        why = (
            f"fastopt calls it {written}; {'write' if value else 'read'} {remedy}"
            if sure
            else f"did you mean {remedy}?"
        )
    else:
        spelled = vars(optimizer).get("_spelled")
        called = name if sure and spelled and name in spelled.ours else ours[0]
        why = "" if ours == (name,) else f"fastopt calls it {written}; " if sure else f"did you mean {written}? "
        why += _elsewhere(optimizer, base, ours[0], f"{called}={reprlib.repr(value[0]) if value else '...'}")
    return f"{said}: {why}" + (f"; this {kind} has {', '.join(own)}" if own else "")


def _elsewhere(optimizer: Any, base: type, name: str, given: str) -> str:
    """What to do about a hyperparameter or an option that an optimizer does not have. given: it as an argument."""
    if "_updater" not in vars(optimizer):
        return f"Optimizer.__init__ sets {name}; call that before, with {given}"
    if name == "hyper":
        return "hyper stays the same object; write its numbers, as opt.hyper.lr = 0.1, or opt.lr = 0.1"
    if name == "rule":
        return "rule is fixed when an optimizer is made; make another, as fastopt.Optimizer(params, rule)"
    if name == "groups":
        return "groups are fixed when an optimizer is made; opt.groups['b'].lr = ... sets a number of a group"
    if name in _options(base) or name in FIXED:
        return f"{name} is fixed when an optimizer is made; make another with {given}"
    of = [family for family in FAMILIES.values() if name in family.hyper]
    if name in NUMBERS or any(optimizer.rule in one.variants.values() for one in of if type(optimizer) is not base):
        return f"this optimizer was made without {name}; make another with {given}"
    whose = [*(one.name for one in of[:4]), *["others"] * (len(of) > 4)]
    return (
        f"the rule {optimizer.rule.name} has no {name}; {', '.join(whose)} {'has' if len(whose) == 1 else 'have'} "
        f"{name}"
    )
