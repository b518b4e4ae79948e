"""Writes expressions of a graph in some language; what differs between languages is a Spelling."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..language.graph import Node, walk
from ..language.operations import OPERATIONS
from ..language.parts import PAIRWISE
from ..language.reductions import REDUCTIONS, Reduction
from ..language.trace import Trace

INFIX = {
    "add": "({0} + {1})",
    "subtract": "({0} - {1})",
    "multiply": "({0} * {1})",
    "divide": "({0} / {1})",
    "negative": "(-{0})",
    "less": "({0} < {1})",
    "less_equal": "({0} <= {1})",
    "greater": "({0} > {1})",
    "greater_equal": "({0} >= {1})",
    "equal": "({0} == {1})",
    "not_equal": "({0} != {1})",
}


def called(number: str) -> dict[str, str]:
    """Each operation as a call of its function. number: what a function takes too that needs the element's number."""
    return {
        name: f"{name}({', '.join([*(f'{{{i}}}' for i in range(o.arity)), *([number] if o.numbered else [])])})"
        for name, o in OPERATIONS.items()
    }


# With the mark of the array, and the number of the element in two parts, which a kernel has.
FUNCTIONS = called("mark, begin, i")

# How tightly an author's notation binds; functions are written with their parentheses.
_PLAIN = {
    **{name: (1, INFIX[name][1:-1]) for name, operation in OPERATIONS.items() if operation.boolean and name in INFIX},
    "logical_or": (2, "{0} | {1}"),
    "logical_and": (3, "{0} & {1}"),
    "add": (4, "{0} + {1}"),
    "subtract": (4, "{0} - {1}"),
    "multiply": (5, "{0} * {1}"),
    "divide": (5, "{0} / {1}"),
    "negative": (6, "-{0}"),
    "logical_not": (6, "~{0}"),
    "power": (7, "{0}**{1}"),
}
_CALLED = {**FUNCTIONS, "absolute": "abs({0})", **{name: f"{name}({{0}})" for name in (*REDUCTIONS, *PAIRWISE)}}


@dataclass(frozen=True)
class Spelling:
    """How one language writes a graph.

    operations: a template for each operation, with {0}, {1}, {2} for its operands.
    constant: a number as the language writes it; assign: a template with {name} and {value}.
    """

    operations: Mapping[str, str]
    constant: Callable[[bool | int | float], str]
    assign: str = "{name} = {value}"

    def expression(self, node: Node, names: Mapping[Node, str]) -> str:
        """`node` in this language; names gives the nodes that already have one."""
        if node in names:
            return names[node]
        if node.op == "constant":
            return self.constant(node.value)
        return self.operations[node.op].format(*(self.expression(arg, names) for arg in node.args))

    def statements(
        self, roots: Sequence[Node], names: Mapping[Node, str], prefix: str = "x"
    ) -> tuple[list[str], list[str]]:
        """Statements that compute every expression used twice once, and an expression for each root."""
        names = dict(names)
        lines: list[str] = []
        for node in shared(roots, names):
            value = self.expression(node, names)
            names[node] = f"{prefix}{len(lines)}"
            lines.append(self.assign.format(name=names[node], value=value))
        return lines, [self.expression(root, names) for root in roots]


def element_text(reduction: Reduction, x: str, operations: Mapping[str, str]) -> str:
    """The contribution of the element x to a reduction. operations: a template for each."""
    return operations[reduction.element].format(x, x) if reduction.element else x


def finished_text(reduction: Reduction, totals: Sequence[str], spelling: Spelling) -> str:
    """The value of a reduction from the total of each part. spelling: that of float64."""
    total, factor = totals[0], None
    if reduction.scales and len(totals) > 1:
        trace = Trace()
        symbols = [trace.scalar(name) for name in totals]
        joined = [trace.node(result) for result in reduction.scales.join(*symbols)]
        total, factor = (spelling.expression(node, {s.node: s.node.value for s in symbols}) for node in joined)
    if reduction.finish:
        total = spelling.operations[reduction.finish].format(total)
    return spelling.operations["multiply"].format(total, factor) if factor else total


_DEEPEST = 40
_LONGEST_NORM = 30


def shared(roots: Sequence[Node], leaves: Iterable[Node]) -> list[Node]:
    """The inner nodes that are used more than once or lie deep, operands first."""
    leaves = set(leaves)
    uses: dict[Node, int] = dict.fromkeys(roots, 0)
    order = walk(roots, leaves)
    for node in order:
        if node not in leaves:
            for arg in node.args:
                uses[arg] = uses.get(arg, 0) + 1
    for root in roots:
        uses[root] += 1
    depth: dict[Node, int] = {}
    chosen = []
    for node in order:
        inner = node not in leaves and node.args
        depth[node] = 1 + max((depth[arg] for arg in node.args), default=0) if inner else 0
        # Parsers nest only so far, and so do the functions here.
        if inner and (uses[node] > 1 or depth[node] >= _DEEPEST):
            chosen.append(node)
            depth[node] = 0
    return chosen


def identifiers(names: Iterable[str]) -> dict[str, str]:
    """A name for each of the author's names that is legal in every language and never one of our own.

    Each ends in an underscore, as no keyword and no name of the generated code does, and none begins with one:
    `__shared__` is a word of CUDA.
    """
    result: dict[str, str] = {}
    for name in names:
        # No name of an author has a dot; that of a part has.
        plain = re.sub(r"[^0-9A-Za-z_]|^_", lambda match: f"u{ord(match[0]):x}", name.replace(".", "_")) + "_"
        while plain in result.values():
            plain += "_"
        result[name] = plain
    return result


def scalar_names(
    scalars: Sequence[Node], own: Mapping[str, str], is_true: str = "({0} != 0)"
) -> tuple[dict[Node, str], list[str]]:
    """An expression for each of a stage's scalars, and the variable that it is read from.

    is_true: a template of how the language asks whether variable {0} is not zero.
    """
    variables = [own[node.value] if node.op == "scalar" else f"s{k}" for k, node in enumerate(scalars)]
    pairs = zip(scalars, variables, strict=True)
    return {node: is_true.format(variable) if node.boolean else variable for node, variable in pairs}, variables


def stored(node: Node, expression: str, compute: str) -> str:
    """The expression as it is stored: a float32 denormal becomes zero.

    Arithmetic has flushed it already; where, abs and their kin pass a denormal on. Compilers drop x * 1, but the only
    constants that they see are those of sign.
    """
    while node.op in OPERATIONS and OPERATIONS[node.op].flushed is None:
        node = node.args[0]
    flushed = node.op in OPERATIONS and OPERATIONS[node.op].flushed
    exact = flushed and all(arg.op != "sign" for arg in node.args)
    return expression if exact or compute != "float32" else f"flush({expression})"


def comment(node: Node) -> str:
    """The expression as an author would write it, fit for a comment in any language."""
    return as_written(node).encode("ascii", "backslashreplace").decode()


def indented(lines: Sequence[str], depth: int = 1) -> list[str]:
    return ["    " * depth + line for line in lines]


def plain_constant(value: bool | int | float) -> str:
    return repr(value)


def finite_or(value: float, infinite: str, nan: str) -> str | None:
    """The spelling of a constant that has no literal, else None."""
    if math.isnan(value):
        return nan
    if math.isinf(value):
        return infinite if value > 0 else f"(-{infinite})"
    return None


def as_written(node: Node, tighter: int = 0, depth: int = 0) -> str:
    """The expression as an author would write it, to some depth; in parentheses if it binds less than `tighter`."""
    if depth > _DEEPEST:
        return "..."
    if not node.args:
        return repr(node.value) if node.op == "constant" else str(node.value)
    if node.op in _CALLED and node.op not in _PLAIN:
        inner = [as_written(arg, 0, depth + 1) for arg in node.args]
        if node.op in REDUCTIONS and depth and len(inner[0]) > _LONGEST_NORM:
            inner = ["..."]  # shown in full where it is computed
        return _CALLED[node.op].format(*inner)
    binds, template = _PLAIN[node.op]
    # a - (b - c) is not (a - b) - c; only powers group from the right.
    sides = [binds + (k == 0 if node.op == "power" else k == 1) for k in range(len(node.args))]
    text = template.format(*(as_written(arg, side, depth + 1) for arg, side in zip(node.args, sides, strict=True)))
    return f"({text})" if binds < tighter else text
