"""Numbers that keep a divisor of arrays from zero, such as eps: in float32 they must not be flushed to zero themselves.

Which numbers these are is read off the graph, so that no rule has to say it. Others may be flushed: with a rate of
1e-40 a step in float32 is 0, as near as float32 comes. But without a floor a gradient of zero is divided by zero.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from ..language.graph import Node, walk
from .numbers import Numbers, beforehand
from .spelling import as_written
from .stages import Program

LEAST = 2.0**-126  # the least normal number of float32
_FAR = 2**53  # a step at which all corrections of a bias are over
_SMALL = 1e-20  # a bias correction cannot bring a number above this below LEAST
FLUSHED = f"0 in float32, where numbers below {LEAST:.2g} are flushed to 0"
REMEDY = "pass a larger number, or 0 if 0 is meant, or use float64 parameters"
# The operations that any operand keeps from zero, and others with the operands that do.
_JOINS = ("add", "subtract", "maximum")
_OPERANDS = {"sqrt": [0], "absolute": [0], "divide": [0], "power": [0], "where": [1, 2]}


@functools.cache
def floors(program: Program) -> dict[str, tuple[tuple[Node, ...], Numbers]]:
    """The hyperparameters that floors follow from; of each the floors, and a function that gives them."""
    of_arrays: set[Node] = set()
    found: dict[Node, None] = {}
    for node in program.nodes:
        carried = node.op == "scalar" and node.value in program.states
        if node.varying or node.depth or carried or not of_arrays.isdisjoint(node.args):
            of_arrays.add(node)
        # A division of numbers is the host's, which flushes nothing.
        if node.op == "divide" and node.varying:
            found.update(dict.fromkeys(_floors(node.args[1], of_arrays)))
    by_name: dict[str, list[Node]] = {}
    for floor in found:
        for name in {part.value for part in walk([floor]) if part.op == "scalar"}:
            by_name.setdefault(name, []).append(floor)
    return {name: (tuple(own), beforehand(own)) for name, own in by_name.items()}


def _floors(divisor: Node, of_arrays: Set[Node]) -> Iterator[Node]:
    """The numbers that are added in a divisor to what follows from arrays, or that it is at least."""
    if divisor.op in _JOINS:
        yield from (arg for arg in divisor.args if arg not in of_arrays and arg.op != "constant")
    for arg in _kept_by(divisor, of_arrays):
        if arg in of_arrays:
            yield from _floors(arg, of_arrays)


def _kept_by(node: Node, of_arrays: Set[Node]) -> Sequence[Node]:
    """The operands that keep the result from zero."""
    if node.op == "multiply":
        # A product of arrays is zero wherever one is.
        return () if of_arrays >= set(node.args) else node.args
    if node.op in _JOINS:
        return node.args
    return [node.args[k] for k in _OPERANDS.get(node.op, ())]


def flushed(program: Program, numbers: Mapping[str, Any], names: Iterable[str] | None = None) -> str:
    """Why float32 arrays cannot be updated with these numbers; empty if they can.

    numbers: by name; what is not there counts steps. names: the hyperparameters whose floors are looked at; None for
    those that are small.
    """
    if names is None:
        names = [name for name in floors(program) if is_small(numbers.get(name))]
    for name in names:
        if name not in floors(program):
            continue
        nodes, function = floors(program)[name]
        for t in (1, _FAR):
            row = dict.fromkeys(program.numbers, t) | dict(numbers)
            try:
                values = function(row)
            except (ArithmeticError, ValueError):
                continue  # The step will say so.
            for node, value in zip(nodes, values, strict=True):
                if is_flushed(value):
                    given = ", ".join(f"{n.value}={row[n.value]!r}" for n in walk([node]) if n.op == "scalar")
                    what = f"{given} is" if node.op == "scalar" else f"with {given}, {as_written(node)} is {value:.2g},"
                    return f"{what} {FLUSHED}, and a gradient of 0 would be divided by it; {REMEDY}"
    return ""


def is_small(value: Any) -> bool:
    """Whether a floor that follows from a number may be flushed. value: a number, a function of the step, or None."""
    # As of most numbers: neither the type nor the sign need then be looked at.
    if type(value) is float and value > _SMALL:
        return False
    return isinstance(value, int | float) and 0 < abs(value) < _SMALL


def is_flushed(value: Any) -> bool:
    """Whether a number is not 0, but is 0 in float32."""
    return bool(0 < abs(value) < LEAST)
