"""Which arrays a step leaves as they are where the gradient, and perhaps the state, is zero.

This is read off the graph, so that no rule has to say it. It holds for finite numbers, since 0 * inf is NaN, and for
denominators that are not zero; -0.0 may become 0.0.
"""

from collections.abc import Collection
from typing import Any

from ..language.graph import Node
from ..language.operations import OPERATIONS
from ..language.parts import PAIRWISE
from ..language.reductions import REDUCTIONS
from .stages import Program

_ZERO = object()
_OF_ZERO_IS_ZERO = ("negative", "sqrt", "absolute", "sign", *PAIRWISE, *REDUCTIONS)


def stays(program: Program, zero: Collection[str]) -> bool:
    """Whether a step changes nothing but the gradient where the arrays in `zero` are zero.

    What is written with the new parameter, as a copy is, counts as unchanged if the parameter is.
    """
    known = _simplified(program, zero)
    parameter, gradient, *_ = program.arrays
    for name, node in program.outputs.items():
        value = known[node]
        if name == gradient or (value is _ZERO and name in zero) or _is_array(value, name):
            continue
        if not (_is_array(value, parameter) and _is_array(known[program.outputs[parameter]], parameter)):
            return False
    return True


def ignores_zeros(program: Program) -> bool:
    """Whether no norm or total depends on elements whose gradient is zero."""
    known = _simplified(program, program.arrays[1:2])
    return all(known[node.args[0]] is _ZERO for node in program.reductions)


def _is_array(value: Any, name: str) -> bool:
    return isinstance(value, Node) and value.op == "array" and value.value == name


def _simplified(program: Program, zero: Collection[str]) -> dict[Node, Any]:
    """For each node: _ZERO, or the node that it equals, or a tuple that distinguishes it from others."""
    known: dict[Node, Any] = {}
    for node in program.nodes:
        known[node] = _simple(node, [known[arg] for arg in node.args], zero)
    return known


def _simple(node: Node, args: list[Any], zero: Collection[str]) -> Any:
    if (node.op == "array" and node.value in zero) or (node.op == "constant" and not node.boolean and node.value == 0):
        return _ZERO
    is_zero = [arg is _ZERO for arg in args]
    if any(is_zero):
        if node.op in ("maximum", "minimum") and all(is_zero):
            return _ZERO
        if node.op == "multiply" or (node.op == "divide" and is_zero[0]) or node.op in _OF_ZERO_IS_ZERO:
            return _ZERO
        if node.op == "add":
            return args[0] if is_zero[1] else args[1]
        if node.op == "subtract" and is_zero[1]:
            return args[0]
        if node.op == "subtract" and is_zero[0]:
            return ("negative", None, (args[1],))
    if node.op == "where" and args[1] == args[2]:
        return args[1]
    whole, operand = OPERATIONS[node.op].undoes if node.op in OPERATIONS else ("", 0)
    if whole and isinstance(args[0], tuple) and args[0][0] == whole:
        return args[0][2][operand]
    return (node.op, node.value, tuple(args)) if args else node
