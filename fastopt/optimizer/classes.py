"""The optimizer classes: one for each family of rules, with the signature and the sources of its rules."""

import inspect
from collections.abc import Mapping
from typing import Any

from ..kernels import FAMILIES, Family, Rule
from ..kernels.riders import NUMBERS
from .optimizer import Optimizer


def optimizer_class(family: Family) -> type[Optimizer]:
    """The optimizer class of a family, with the signature and the sources of its rules."""

    def __init__(self: Any, params: Any, **hyper: Any) -> None:
        options = {name: hyper.pop(name) for name in _OPTIONS if name in hyper}
        own = {name: hyper.pop(name) for name in NUMBERS if name in hyper and name not in family.hyper}
        rule, kept = family.select(hyper)
        Optimizer.__init__(self, params, rule, **kept, **own, **options)

    __init__.__signature__ = _signature(family.hyper)  # type: ignore[attr-defined]
    return type(family.name, (Optimizer,), {"__init__": __init__, "__doc__": _doc(family), "__module__": "fastopt"})


_KINDS = inspect.Parameter
_OPTIONS = {
    name: parameter
    for name, parameter in inspect.signature(Optimizer).parameters.items()
    if parameter.kind is _KINDS.KEYWORD_ONLY
}


def _signature(hyper: Mapping[str, Any]) -> inspect.Signature:
    ordinary = [_KINDS(name, _KINDS.POSITIONAL_OR_KEYWORD) for name in ("self", "params")]
    numbers = {**hyper, **{name: None for name in NUMBERS if name not in hyper}}
    keywords = [_KINDS(name, _KINDS.KEYWORD_ONLY, default=value) for name, value in numbers.items()]
    return inspect.Signature([*ordinary, *keywords, *_OPTIONS.values()])


def _doc(family: Family) -> str:
    lines = [f"{family.name}: updates the arrays of `params` in place, all in one pass.", ""]
    chosen: dict[Rule, list[str]] = {}
    for options, rule in family.variants.items():
        chosen.setdefault(rule, []).append(f"with {' and '.join(options.split())}" if options else "by default")
    for rule, ways in chosen.items():
        lines += [f"{rule.name} ({' or '.join(ways)}): {rule.source}", ""]
    lines += ["Its own choices, with their defaults; a number may be a function of the step, which counts from 1:", ""]
    lines += [f"{choice.name} = {choice.default!r}: {choice.text}" for choice in family.choices()]
    return "\n".join(
        [*lines, "", "The options that ride along, grad_scale and others, are described at fastopt.Optimizer."]
    )


CLASSES: dict[str, type[Optimizer]] = {name: optimizer_class(family) for name, family in FAMILIES.items()}
