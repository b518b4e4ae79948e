"""What was meant by a name that an optimizer does not have, and the message that says so."""

import functools
import inspect
import reprlib
from typing import Any

from ..kernels import FAMILIES, RULES
from ..kernels.language.spellings import SPELLINGS, nearest
from ..kernels.riders import NUMBERS

# What is set when an optimizer is made, and stays.
FIXED = ("rule", "hyper", "groups")


@functools.cache
def _options(base: type) -> frozenset[str]:
    parameters = inspect.signature(base).parameters.values()
    return frozenset(one.name for one in parameters if one.kind is one.KEYWORD_ONLY)


@functools.cache
def option_names(base: type) -> tuple[str, ...]:
    """The names of all hyperparameters and options."""
    rules = {name for rule in RULES.values() for name in rule.hyper}
    rules |= {name for family in FAMILIES.values() for name in family.hyper}
    return tuple(sorted(_options(base) | rules | set(NUMBERS) | set(FIXED)))


def names_meant(base: type, name: str, own: tuple[str, ...] = ()) -> tuple[tuple[str, ...], bool]:
    """Our names that a name stands for, none if it means nothing; and whether that is sure. own: those that are near
    first. Of others short names, and plurals, are too likely to be the user's own words: counts, delay."""
    known = option_names(base)
    if name in known or name in SPELLINGS:
        return (name,) if name in known else SPELLINGS[name], True
    near = nearest(name, own)
    if near is None and name.removesuffix("s") not in (*known, *SPELLINGS):
        near = nearest(name, (*known, *SPELLINGS), 6)
    return () if near is None else (near,) if near in known else SPELLINGS[near], False


def lacking(optimizer: Any, base: type, name: str, *value: Any) -> str:
    """The message on a name that an optimizer does not have. value: what it was to be set to, if it was."""
    own, kind = vars(optimizer).get("hyper", {}), type(optimizer)
    said = f"{name} cannot be set to {reprlib.repr(value[0])}" if value else f"{kind.__name__} has no {name}"
    if name == "_updater":
        return f"{said} before Optimizer.__init__ was called"
    ours, sure = ((), False) if name.startswith("_") else names_meant(base, name, tuple(own))
    if not ours:
        return said + (" and no hyperparameter of that name" if own else "")
    written = " and ".join(ours)
    if all(one in own for one in ours):
        # The tree of the averages has the name of their decay.
        places = [f"opt.hyper.{one}" if hasattr(kind, one) else f"opt.{one}" for one in ours]
        remedy = ", ".join(places) + "".join(f" = {reprlib.repr(one)}" for one in value)
        verb = "write" if value else "read"
        why = f"fastopt calls it {written}; {verb} {remedy}" if sure else f"did you mean {remedy}?"
    else:
        spelled = vars(optimizer).get("_spelled")
        called = name if sure and spelled and name in spelled.arguments else ours[0]
        why = f"fastopt calls it {written}; " if sure else f"did you mean {written}? "
        why = "" if name in (*ours, called) else why
        why += _elsewhere(optimizer, base, ours[0], f"{called}={reprlib.repr(value[0]) if value else '...'}")
    return f"{said}: {why}" + (f"; this {kind.__name__} has {', '.join(own)}" if own else "")


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
    have = "has" if len(whose) == 1 else "have"
    return f"the rule {optimizer.rule.name} has no {name}; {', '.join(whose)} {have} {name}"
