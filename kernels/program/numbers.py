"""Functions for the numbers beside the arrays, in float64: those known beforehand, and those that follow from norms.

Numbers known beforehand are computed by Python, a row of hyperparameters at a time. A number that follows from a norm
may differ from array to array. It is made of operations whose every bit IEEE 754 fixes, so NumPy, on one array for all,
gives the bits that Python would for each.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..language.graph import Node, walk
from ..language.operations import OPERATIONS
from .spelling import FUNCTIONS, INFIX, Spelling, as_written, identifiers, plain_constant

Numbers = Callable[..., list[Any]]


def _divide(a: Any, b: Any) -> Any:
    if np.count_nonzero(b) < np.size(b):  # a third of the time of np.all
        raise ZeroDivisionError("division by zero")
    return np.true_divide(a, b)


_PYTHON = Spelling({**FUNCTIONS, **INFIX, "power": "power({0}, {1})"}, plain_constant)
_PYTHON_NAMES = {name: operation.host for name, operation in OPERATIONS.items()}
_NUMPY = Spelling(FUNCTIONS, plain_constant)
_NUMPY_NAMES = {name: operation.array for name, operation in OPERATIONS.items()} | {"divide": _divide}


def beforehand(wanted: Sequence[Node]) -> Numbers:
    """A function of a mapping, from names to hyperparameters, that evaluates nodes which follow from no norm."""
    scalars = [node for node in walk(wanted) if node.op == "scalar"]
    own = identifiers(node.value for node in scalars)
    reading = [f"{own[node.value]} = row[{node.value!r}]" for node in scalars]
    return _function(wanted, {node: own[node.value] for node in scalars}, ["row"], _PYTHON, _PYTHON_NAMES, reading)


def following(known: Sequence[Node], reductions: Sequence[Node], wanted: Sequence[Node], apart: bool) -> Numbers:
    """A function of the values of `known` and then of reductions that evaluates the wanted nodes.

    apart: the values are NumPy arrays, with a number for each set of arrays; else they are Python's. Reductions that
    are not needed may be left out.
    """
    depth = max((node.depth for node in wanted), default=0)
    names = {node: f"k{position}" for position, node in enumerate(known)}
    names |= {node: f"r{position}" for position, node in enumerate(reductions) if node.depth <= depth}
    spelling, meanings = (_NUMPY, _NUMPY_NAMES) if apart else (_PYTHON, _PYTHON_NAMES)
    return _function(wanted, names, [*names.values(), "*later"], spelling, meanings)


def _function(
    wanted: Sequence[Node],
    leaves: Mapping[Node, str],
    arguments: Sequence[str],
    spelling: Spelling,
    meanings: Mapping[str, Any],
    first: Sequence[str] = (),
) -> Numbers:
    lines, results = spelling.statements(wanted, leaves)
    body = "".join(f"    {line}\n" for line in [*first, *lines, f"return [{', '.join(results)}]"])
    comments = "".join(f"# {result}: {as_written(node)}\n" for result, node in zip(results, wanted, strict=True))
    namespace: dict[str, Any] = {**meanings, "inf": float("inf"), "nan": float("nan")}
    text = f"{comments}def uniform({', '.join(arguments)}):\n{body}"
    exec(compile(text, "<fastopt uniform>", "exec"), namespace)
    function: Numbers = namespace["uniform"]
    return function
