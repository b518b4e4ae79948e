"""The expression graph: its nodes, and the ways through it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

# Where a reduction of what rides along reaches: over the arrays of all rules of an optimizer, while "model" is those of
# one rule. No author says it: it has a space.
ALL_RULES = "all rules"


@dataclass(frozen=True, eq=False)
class Node:
    """op: an operation's name, a reduction's name, or "array", "scalar", "constant".

    value: the name of an array or scalar, the number of a constant, what a reduction runs over.
    depth: how many reductions must have run, one after the other, before the node can be evaluated.
    """

    op: str
    args: tuple["Node", ...] = ()
    value: Any = None
    varying: bool = False
    boolean: bool = False
    depth: int = 0


def walk(roots: Iterable[Node], leaves: Iterable[Node] = ()) -> list[Node]:
    """Every node under the roots, once, operands first; nothing below a leaf."""
    seen: dict[Node, None] = {}
    stop = set(leaves)
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, ready = stack.pop()
        if ready:
            seen.setdefault(node)
        elif node not in seen:
            stack.append((node, True))
            if node not in stop:
                stack.extend((arg, False) for arg in reversed(node.args))
    return list(seen)


def without(roots: Sequence[Node], leaves: Iterable[Node], left_out: Callable[[Node], bool]) -> list[Node]:
    """The roots with the first operand in the place of each node that is left out; nothing below a leaf changes."""
    stop, made = set(leaves), dict[Node, Node]()
    for node in walk(roots, stop):
        args = node.args if node in stop else tuple(made[arg] for arg in node.args)
        made[node] = args[0] if node not in stop and left_out(node) else with_args(node, args)
    return [made[root] for root in roots]


def with_args(node: Node, args: tuple[Node, ...]) -> Node:
    """The same operation on other operands; the node itself if they are the same."""
    return node if args == node.args else replace(node, args=args)


def array_nodes(roots: Sequence[Node], scalars: Sequence[Node]) -> list[Node]:
    """The arrays that the roots need, where the scalars are given."""
    return [node for node in walk(roots, scalars) if node.op == "array"]
