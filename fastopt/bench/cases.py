"""What is measured: rules, sizes, types and backends, each with each."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..inspection import named
from ..kernels import RULES, Rule
from ..kernels.arrays import ITEM_SIZES, compute_type
from ..kernels.dispatch import BACKENDS
from .sizes import counts


@dataclass(frozen=True)
class Case:
    """One array of so many elements, updated by a rule. dtype: of parameter and gradient, as they are stored."""

    rule: Rule
    elements: int
    dtype: str
    backend: str

    @property
    def bytes(self) -> int:
        """The size of the parameter, the gradient and the state together."""
        state = ITEM_SIZES[compute_type([self.dtype])]
        return self.elements * (2 * ITEM_SIZES[self.dtype] + len(self.rule.slots) * state)

    def __str__(self) -> str:
        return f"{self.rule.name} on {self.backend}, {self.dtype}, {self.elements:,} elements"


def cases(
    rules: Sequence[Rule | str],
    sizes: Sequence[int | str],
    dtypes: Sequence[str] = ("float32",),
    backends: Sequence[str] = ("cpu",),
) -> list[Case]:
    """Every combination.

    rules: themselves, by name, or as "module:name"; "all" is every rule of the library. sizes: numbers of elements, or
    texts for `counts`. backends: "cpu", "cupy", "cuda".
    Raises ValueError for what there is not.
    """
    found: list[Rule] = []
    for rule in rules:
        found += RULES.values() if rule == "all" else [rule if isinstance(rule, Rule) else named(rule)]
    for dtype in dtypes:
        if dtype not in ITEM_SIZES:
            raise ValueError(f"dtype must be one of {', '.join(ITEM_SIZES)}; got {dtype!r}")
    for backend in backends:
        if backend not in BACKENDS:
            raise ValueError(f"backend must be one of {', '.join(BACKENDS)}; got {backend!r}")
    elements: list[int] = []
    for size in sizes:
        elements += counts(size) if isinstance(size, str) else [size]
    if any(number < 1 for number in elements):
        raise ValueError(f"size must be 1 element or more; got {min(elements)}")
    return [
        Case(rule, number, dtype, backend)
        for backend in dict.fromkeys(backends)
        for dtype in dict.fromkeys(dtypes)
        for rule in dict.fromkeys(found)
        for number in dict.fromkeys(elements)
    ]
