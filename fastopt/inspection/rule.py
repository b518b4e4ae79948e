"""A rule's formula, its scalars, its bytes and operations for an element, and its sources."""

import inspect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Any

import numpy as np

from ..kernels import Rule
from ..kernels.arrays.view import ITEM_SIZES, compute_type
from ..kernels.backends import source
from ..kernels.libraries.library import view_of
from ..kernels.program.spelling import as_written
from ..kernels.program.stages import Program, Stage
from ..kernels.riders import WithRiders
from ..optimizer.optimizer import updater_of
from .formats import Formats, formats
from .names import named

# Of the parameter whose state is looked at, if not given: one that no format is too small for.
ELEMENTS = 1 << 16


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
    bytes: float
    operations: dict[str, int]


@dataclass(frozen=True)
class Inspection:
    """A rule with formats, for parameters and gradients of one stored type.

    definition: the rule and what rides along. stored: the types in which the arrays are stored. held: the bytes of an
    element in parameter, gradient and state.
    """

    rule: Rule
    storage: str
    formats: Formats
    definition: WithRiders
    stored: dict[str, str]
    held: float
    formula: str
    new_values: dict[str, str]
    passes: tuple[StageCost, ...]

    @property
    def bytes(self) -> float:
        """The bytes that an element moves in all passes; a fraction where a slot has fewer elements than others."""
        return sum(cost.bytes for cost in self.passes)

    @property
    def operations(self) -> int:
        """How many operations an element takes in all passes."""
        return sum(count for cost in self.passes for count in cost.operations.values())

    @property
    def program(self) -> Program:
        """The traced formula with the defaults of the rule."""
        return self.definition.program(self.definition.hyper)

    @property
    def stages(self) -> list[tuple[Stage, tuple[str, ...]]]:
        """Each stage, and the stored types of its arrays."""
        return [(stage, tuple(self.stored[name] for name in stage.arrays)) for stage in self.program.stages]

    def sources(self, name: str) -> list[tuple[str, str, str]]:
        """A title, the language and the text of each kernel of a backend: "cpu", "cupy" or "cuda"."""
        written = source(name)
        kernels = [written.sources(self.rule.name, stage, storages) for stage, storages in self.stages]
        return [*chain(*kernels), *written.number_sources(self.program)]


def inspected(rule: Rule | str, storage: str = "float32", *, elements: int = ELEMENTS, **options: Any) -> Inspection:
    """Inspect a rule. rule: a Rule, its name, or "module:name". storage: the type of parameters and gradients.

    elements: of the parameter. options: those of `Formats`, as `Optimizer` takes them, such as
    state_format="bfloat16".
    Raises ValueError for an unknown name or type, and TypeError or ValueError as `Optimizer` does for options.
    """
    import ml_dtypes  # noqa: F401  (NumPy then knows bfloat16 by its name)

    subject, chosen = rule if isinstance(rule, Rule) else named(rule), formats(options)
    if storage not in ITEM_SIZES:
        raise ValueError(f"dtype must be one of {', '.join(ITEM_SIZES)}; got {storage!r}")
    updater = updater_of(chosen.optimizer(np.zeros(elements, storage), subject))
    definition, (state,) = updater.definition, updater.state
    parameter, gradient = definition.arrays[:2]
    stored = {parameter: storage, gradient: storage}
    view = view_of(updater.params, parameter)[1]
    kinds = {slot: definition.stored_as(slot, view, chosen.state_format) for slot in definition.slots}
    stored |= {slot: kind or compute_type([storage]) for slot, kind in kinds.items()}
    # An array may be smaller than its parameter.
    sizes = {name: Fraction(ITEM_SIZES[storage]) for name in (parameter, gradient)}
    sizes |= {slot: Fraction(array.nbytes, elements) for slot, array in state.items()}
    program = definition.program(definition.hyper)
    first = {**definition.step_numbers(1, 1.0), **definition.counted(1, definition.hyper)}
    first |= {**definition.hyper, **definition.states}
    known = dict(zip(program.known, program.known_function(first), strict=True))
    passes = []
    stages = [stage.kept_in([stored[name] for name in stage.arrays]) for stage in program.stages]
    for stage in stages:
        numbers = {as_written(node): known.get(node) for node in stage.scalars if node.op != "constant"}
        passes.append(
            StageCost(
                stage.reads,
                stage.writes,
                numbers,
                tuple(map(as_written, stage.reductions)),
                _number(sum((sizes[name] for name in (*stage.reads, *stage.writes)), Fraction())),
                dict(Counter(stage.operations)),
            )
        )
    outputs = {**program.outputs, **dict(stages[-1].stores), **program.states}
    new_values = {name: as_written(node) for name, node in outputs.items()}
    held = _number(sum(sizes.values(), Fraction()))
    return Inspection(subject, storage, chosen, definition, stored, held, _text(subject), new_values, tuple(passes))


def _number(amount: Fraction) -> float:
    return amount.numerator if amount.denominator == 1 else float(amount)


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
        **vars(found.formats),
        "exact": found.definition.exact,
        "state": {name: found.definition.start[name] for name in found.definition.slots},
        "stored_as": found.stored,
        "uniform_states": found.rule.states,
        "hyper": found.rule.hyper,
        "bytes_per_element": found.bytes,
        "new_values": found.new_values,
        "passes": [vars(cost) for cost in found.passes],
        "sources": {name: [text for _, _, text in found.sources(name)] for name in backends},
    }
