"""Update rules written once, as NumPy functions, and the kernels made of them.

`@rule` makes a rule; a rule called on arrays updates them in place. `RULES` has the rules of the library by name, each
also an attribute (`fastopt.kernels.adam`); `FAMILIES` says which rule an optimizer's options select.
"""

if __name__ == "kernels":
    raise ImportError("this folder is imported as fastopt.kernels; `kernels` is the name of another project")

from typing import TYPE_CHECKING

from .families import Family
from .language.functions import (
    conjugate,
    exp,
    log,
    max_norm,
    maximum,
    mean,
    minimum,
    norm,
    over_parts,
    scaled,
    sign,
    size,
    sqrt,
    total,
    where,
)
from .rule_type import Rule, rule
from .rules import FAMILIES, RULES

globals().update(RULES)

if TYPE_CHECKING:

    def __getattr__(name: str) -> Rule: ...


__all__ = [
    "FAMILIES",
    "RULES",
    "Family",
    "Rule",
    "conjugate",
    "exp",
    "log",
    "max_norm",
    "maximum",
    "mean",
    "minimum",
    "norm",
    "over_parts",
    "rule",
    "scaled",
    "sign",
    "size",
    "sqrt",
    "total",
    "where",
]
