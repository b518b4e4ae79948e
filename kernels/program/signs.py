"""Which arrays of state are never negative, as running means of squares are: read off the graph.

A format of few bits gives such a slot all its codes. What does not show in the formula may be declared beside the rule.
"""

import math
from collections.abc import Collection, Mapping, Sequence

from ..language.graph import Node
from ..language.hyperparameters import Range
from .stages import Program

Interval = tuple[float, float]
_ANY: Interval = (-math.inf, math.inf)
_NOT_NEGATIVE: Interval = (0.0, math.inf)


def never_negative(
    programs: Sequence[Program], ranges: Mapping[str, Range], counters: Collection[str], slots: Collection[str]
) -> frozenset[str]:
    """Those of some slots that stay at 0 or above if they begin so, whatever the gradients and the parameter are.

    programs: of all of which it must hold. ranges: those of hyperparameters. counters: the numbers that count from 1.
    """
    assumed = frozenset(slots)
    while True:
        kept = assumed
        for program in programs:
            bounds = _bounds(program, ranges, counters, assumed)
            kept = kept.intersection(name for name in assumed if bounds[program.outputs[name]][0] >= 0)
        if kept == assumed:
            return kept
        assumed = kept


def _bounds(
    program: Program, ranges: Mapping[str, Range], counters: Collection[str], assumed: Collection[str]
) -> dict[Node, Interval]:
    """The least and the greatest value of each node, as far as they follow from those of its operands."""
    bounds: dict[Node, Interval] = {}
    for node in program.nodes:
        if node.op == "array":
            bounds[node] = _NOT_NEGATIVE if node.value in assumed else _ANY
        elif node.op == "scalar":
            own = ranges.get(node.value)
            bounds[node] = (own.low, own.high) if own else (1.0, math.inf) if node.value in counters else _ANY
        elif node.op == "constant":
            bounds[node] = (float(node.value), float(node.value))
        elif node.op == "multiply":
            bounds[node] = _of_product(node, bounds)
        else:
            bounds[node] = _of(node.op, [bounds[arg] for arg in node.args]) if not node.boolean else (0.0, 1.0)
    return bounds


def _of(operation: str, args: list[Interval]) -> Interval:
    (low, high), *others = args
    match operation:
        case "absolute" | "sqrt" | "norm" | "max_norm" | "exp":
            return _NOT_NEGATIVE
        case "over_parts":
            return _NOT_NEGATIVE if low >= 0 else _ANY
        case "negative":
            return -high, -low
        case "where":
            (low, high), (other_low, other_high) = others
            return min(low, other_low), max(high, other_high)
    if len(args) != 2:
        return _ANY
    ((other_low, other_high),) = others
    match operation:
        case "add":
            return low + other_low, high + other_high
        case "subtract":
            return low - other_high, high - other_low
        case "divide":
            return _NOT_NEGATIVE if min(low, other_low) >= 0 else _ANY
        case "maximum":
            return max(low, other_low), max(high, other_high)
        case "minimum":
            return min(low, other_low), min(high, other_high)
        case "power":
            return (0.0, 1.0 if high <= 1 and other_low >= 0 else math.inf) if low >= 0 else _ANY
    return _ANY


def _of_product(node: Node, bounds: Mapping[Node, Interval]) -> Interval:
    """Of a product, which is never negative where the factors that it has an odd number of times are not."""
    odd: set[Node] = set()
    for factor in _factors(node):
        odd ^= {factor}
    if not all(bounds[factor][0] >= 0 for factor in odd):
        return _ANY
    within = all(bounds[arg][0] >= 0 and bounds[arg][1] <= 1 for arg in node.args)
    return 0.0, 1.0 if within else math.inf


def _factors(node: Node) -> list[Node]:
    return [factor for arg in node.args for factor in _factors(arg)] if node.op == "multiply" else [node]
