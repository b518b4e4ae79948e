"""A rule's formula, its scalars, its bytes and operations for an element, and its sources."""

import inspect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ..kernels import Rule
from ..kernels.arrays.view import ITEM_SIZES
from ..kernels.backends import source
from ..kernels.program.spelling import as_written
from ..kernels.program.stages import Stage
from .names import named


@dataclass(frozen=True)
class StageCost:
    """One pass over the arrays.

    scalars: the expressions that the host computes beforehand, each with its value in the first step with the rule's
    defaults; None for those that follow from a norm. bytes: read and written for an element. operations: how many of
    each kind, for an element.
    """

    reads: tuple[str, ...]
    writes: tuple[str, ...]
    scalars: dict[str, float | None]
    norms: tuple[str, ...]
    bytes: int
    operations: dict[str, int]


@dataclass(frozen=True)
class Inspection:
    """A rule, for parameters and gradients of one stored type; state is float32, or float64 for float64."""

    rule: Rule
    storage: str
    formula: str
    new_values: dict[str, str]
    passes: tuple[StageCost, ...]

    @property
    def bytes(self) -> int:
        """The bytes that an element moves in all passes."""
        return sum(cost.bytes for cost in self.passes)

    @property
    def stages(self) -> list[tuple[Stage, tuple[str, ...]]]:
        """Each stage, and the stored types of its arrays."""
        stages = self.rule.program(self.rule.hyper).stages
        return [(stage, _storages(self.rule, stage, self.storage)) for stage in stages]

    def sources(self, name: str) -> list[tuple[str, str, str]]:
        """A title, the language and the text of each kernel of a backend: "cpu", "cupy" or "cuda"."""
        written = source(name)
        kernels = [written.sources(self.rule.name, stage, storages) for stage, storages in self.stages]
        return [*chain(*kernels), *written.number_sources(self.rule.program(self.rule.hyper))]


def inspected(rule: Rule | str, storage: str = "float32") -> Inspection:
    """Inspect a rule. rule: a Rule, its name, or "module:name". storage: the type of parameters and gradients.

    Raises ValueError for an unknown name or type.
    """
    subject = rule if isinstance(rule, Rule) else named(rule)
    if storage not in ITEM_SIZES:
        raise ValueError(f"dtype must be one of {', '.join(ITEM_SIZES)}; got {storage!r}")
    program = subject.program(subject.hyper)
    first = {**subject.step_numbers(1, 1.0), **subject.hyper, **subject.states}
    known = dict(zip(program.known, program.known_function(first), strict=True))
    passes = []
    for stage in program.stages:
        numbers = {as_written(node): known.get(node) for node in stage.scalars if node.op != "constant"}
        sizes = dict(zip(stage.arrays, map(ITEM_SIZES.__getitem__, _storages(subject, stage, storage)), strict=True))
        passes.append(
            StageCost(
                stage.reads,
                stage.writes,
                numbers,
                tuple(map(as_written, stage.reductions)),
                sum(sizes[name] for name in (*stage.reads, *stage.writes)),
                dict(Counter(stage.operations)),
            )
        )
    new_values = {name: as_written(node) for name, node in {**program.outputs, **program.states}.items()}
    return Inspection(subject, storage, _text(subject), new_values, tuple(passes))


def _storages(rule: Rule, stage: Stage, storage: str) -> tuple[str, ...]:
    state = "float64" if storage == "float64" else "float32"
    return tuple(state if name in rule.slots else storage for name in stage.arrays)


def _text(rule: Rule) -> str:
    """The author's text, or the signature alone where there is no file, as in a bare interpreter."""
    try:
        return inspect.getsource(rule.formula)
    except (OSError, TypeError):
        return f"def {rule.name}{inspect.signature(rule.formula)}: ...  # defined without a file\n"


def as_record(found: Inspection, backends: Sequence[str]) -> dict[str, Any]:
    """The record that --json prints."""
    return {
        "rule": found.rule.name,
        "dtype": found.storage,
        "exact": found.rule.exact,
        "state": {name: found.rule.start[name] for name in found.rule.slots},
        "uniform_states": found.rule.states,
        "hyper": found.rule.hyper,
        "bytes_per_element": found.bytes,
        "passes": [vars(cost) for cost in found.passes],
        "sources": {name: [text for _, _, text in found.sources(name)] for name in backends},
    }
