"""Operations on both parts of complex numbers, written as operations on real numbers.

A kernel has none of their own: of real arrays they are nothing; of complex arrays the two parts of each array are two
arrays, and a kernel computes both parts of a number together.
"""

from collections.abc import Sequence
from dataclasses import replace

from ..language.graph import Node, walk, with_args, without
from ..language.parts import PAIRWISE

# The arrays of parts, after the name of theirs.
PARTS = (".re", ".im")


def of_real(roots: Sequence[Node]) -> list[Node]:
    """The expressions where arrays are real."""
    return without(roots, (), lambda node: node.op in PAIRWISE)


def of_parts(roots: Sequence[Node]) -> list[tuple[Node, Node]]:
    """The two expressions of each where arrays are complex: of the real and of the imaginary part."""
    made: dict[Node, tuple[Node, Node]] = {}
    for node in walk(roots):
        if not node.varying:
            made[node] = node, node
        elif node.op == "array":
            real, imaginary = (replace(node, value=node.value + part) for part in PARTS)
            made[node] = real, imaginary
        elif node.op == "conjugate":
            real, imaginary = made[node.args[0]]
            made[node] = real, Node("negative", (imaginary,), varying=True, depth=node.depth)
        elif node.op == "over_parts":
            both = Node("add", made[node.args[0]], varying=True, depth=node.depth)
            made[node] = both, both
        else:
            real, imaginary = (with_args(node, tuple(made[arg][part] for arg in node.args)) for part in range(2))
            made[node] = real, imaginary
    return [made[root] for root in roots]
