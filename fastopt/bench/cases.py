"""The cases to measure: all combinations of rules, sizes, types, formats, backends, numbers of arrays and launches."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any

from ..inspection.formats import DEFAULTS, OPTIONS, PLAIN, Formats, formats, formats_text
from ..inspection.names import named
from ..inspection.rule import ELEMENTS, Inspection, inspected
from ..kernels import RULES, Rule
from ..kernels.arrays.view import ITEM_SIZES
from ..kernels.backends import BACKENDS
from ..kernels.cuda.launch_size import check_launch
from .sizes import counts


@dataclass(frozen=True)
class Case:
    """A number of elements, in one array or in several of about equal length, and the rule that updates them.

    dtype: of parameters and gradients, as they are stored. threads, rounds_per_thread: how the kernel for several CuPy
    arrays is launched, as in cuda_launch.Launch; None for the library's own choice. formats: the optimizer's options
    that say how state and weights are stored and rounded.
    """

    rule: Rule
    elements: int
    dtype: str
    backend: str
    arrays: int = 1
    threads: int | None = None
    rounds_per_thread: int | None = None
    formats: Formats = PLAIN

    @property
    def lengths(self) -> list[int]:
        """The length of each array; the lengths differ by one element at most."""
        length, longer = divmod(self.elements, self.arrays)
        return [length + 1] * longer + [length] * (self.arrays - longer)

    @property
    def facts(self) -> dict[str, Any]:
        """The fields that tell the case from others, as plain data."""
        own = {name: value for name, value in vars(self).items() if name != "formats"}
        return {**own, "rule": self.rule.name, **vars(self.formats)}

    @property
    def costs(self) -> Inspection:
        """What an element costs. Raises as `inspected` does where the rule cannot be stepped so."""
        elements = min(self.lengths[0], ELEMENTS)
        return inspected(self.rule, self.dtype, elements=elements, **vars(self.formats))

    @property
    def bytes(self) -> int:
        """The size of parameters, gradients and state together."""
        return math.ceil(self.elements * self.costs.held)

    def __str__(self) -> str:
        return f"{self.rule.name} on {self.backend}, {self.dtype}, {self.elements:,} elements{unusual(self.facts)}"


# The defaults of a case's facts; they also hold for records of older versions, which lack some.
USUAL: dict[str, Any] = {
    field.name: field.default for field in fields(Case) if field.default is not MISSING and field.name != "formats"
}
USUAL |= DEFAULTS


def unusual(facts: Mapping[str, Any]) -> str:
    """The number of arrays, the launch and the formats of a case, where they differ from the defaults, each after a
    comma."""
    rounds = facts["rounds_per_thread"]
    said = {
        f"{facts['arrays']:,} arrays": facts["arrays"] > 1,
        f"{facts['threads']} threads a block": facts["threads"],
        f"{rounds} round{'s' * (rounds != 1)} a thread": rounds,
    }
    return "".join(f", {text}" for text, there in said.items() if there) + formats_text(facts)


def cases(
    rules: Sequence[Rule | str],
    sizes: Sequence[int | str],
    dtypes: Sequence[str] = ("float32",),
    backends: Sequence[str] = ("cpu",),
    arrays: Sequence[int | str] = (1,),
    threads: Sequence[int | str] = (),
    rounds_per_thread: Sequence[int | str] = (),
    **options: Sequence[Any],
) -> list[Case]:
    """Every combination.

    rules: themselves, by name, or as "module:name"; "all" is every rule of the library. sizes: numbers of elements, or
    texts for `counts`. backends: "cpu", "cupy", "cuda". arrays: how many hold these elements. threads: of a block,
    powers of two from 32 to 1024; rounds_per_thread: 1 or more; both are of the kernel for several CuPy arrays.
    options: the values of each option of `Formats`, as state_format=[None, "bfloat16"]; state_rounding is of the cases
    that have state in bfloat16.
    Raises ValueError for unknown names, for more arrays than elements, and for arguments that would have no effect;
    for options as `Optimizer` does.
    """
    chosen: list[Rule] = []
    for rule in rules:
        chosen += RULES.values() if rule == "all" else [rule if isinstance(rule, Rule) else named(rule)]
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
    counted, own = _whole("arrays", arrays), _launches(threads, rounds_per_thread)
    fewest, most, smallest = min(counted, default=1), max(counted, default=1), min(elements, default=1)
    if fewest < 1:
        raise ValueError(f"arrays must be 1 or more; got {fewest}")
    if most > smallest:
        raise ValueError(f"arrays must be as many as the elements at most; got {most} for a size of {smallest}")
    if own != [(None, None)] and (set(backends) != {"cupy"} or fewest < 2):
        raise ValueError(
            "threads and rounds_per_thread are of the kernel for several arrays of backend cupy, as with "
            f"--backend cupy --arrays 100; got {', '.join(backends)} and {fewest} array{'s' * (fewest > 1)}"
        )
    found = [
        Case(rule, size, dtype, backend, number, *launch, kept)
        for backend in dict.fromkeys(backends)
        for dtype in dict.fromkeys(dtypes)
        for rule in dict.fromkeys(chosen)
        for size in dict.fromkeys(elements)
        for number in counted
        for launch in own
        for kept in _formats(options)
    ]
    for case in found:
        if case.formats != PLAIN:
            case.costs  # noqa: B018  (raises for options that the case cannot have, before any is measured)
    return found


def _formats(given: Mapping[str, Sequence[Any]]) -> list[Formats]:
    """Every combination of options once; those that need another are left out where that is not there and elsewhere
    is."""
    found = [dict(zip(given, values, strict=True)) for values in itertools.product(*given.values())]
    for name in given.keys() & OPTIONS.keys():
        beside = OPTIONS[name].metadata["beside"]
        without = [options for options in found if any(options.get(of) != value for of, value in beside.items())]
        for options in without if len(without) < len(found) else ():
            options.pop(name)
    return list(dict.fromkeys(map(formats, found)))


def _launches(threads: Sequence[int | str], rounds: Sequence[int | str]) -> list[tuple[int | None, int | None]]:
    """Every combination of threads and rounds; None where none were given."""
    wide: Sequence[int | None] = _whole("threads", threads) or [None]
    often: Sequence[int | None] = _whole("rounds_per_thread", rounds) or [None]
    for number in wide:
        check_launch(threads=number)
    for number in often:
        check_launch(rounds_per_thread=number)
    return [(number, count) for number in wide for count in often]


def _whole(name: str, given: Sequence[int | str]) -> list[int]:
    """The whole numbers that are given, as numbers or as texts, each once. Raises ValueError for anything else."""
    try:
        return list(dict.fromkeys(map(int, given)))
    except ValueError:
        text = ",".join(map(str, given))
        raise ValueError(f"{name} must be whole numbers, with commas between them; got {text!r}") from None
