"""A graph cut into stages: each is one pass over the arrays, with the numbers that it needs beforehand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .emit import FUNCTIONS, INFIX, Spelling, identifiers, plain, plain_constant, walk
from .operations import OPERATIONS
from .reductions import REDUCTIONS
from .trace import Node

_HOST = Spelling({**FUNCTIONS, **INFIX, "power": "power({0}, {1})"}, plain_constant)
_HOST_NAMES = {name: operation.host for name, operation in OPERATIONS.items()} | {
    "inf": float("inf"),
    "nan": float("nan"),
}


@dataclass(frozen=True, eq=False)
class Stage:
    """One pass: it either computes reductions or writes the new values of arrays.

    arrays: what it reads or writes, in the order of the rule's signature.
    scalars: the uniform numbers that it is given.
    """

    arrays: tuple[str, ...]
    scalars: tuple[Node, ...]
    stores: tuple[tuple[str, Node], ...] = ()
    reductions: tuple[Node, ...] = ()

    @cached_property
    def roots(self) -> tuple[Node, ...]:
        """What it computes of each element."""
        return tuple(node for _, node in self.stores) or tuple(node.args[0] for node in self.reductions)

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """The arrays that it reads."""
        used = {node.value for node in walk(self.roots, self.scalars) if node.op == "array"}
        return tuple(name for name in self.arrays if name in used)

    @property
    def writes(self) -> tuple[str, ...]:
        """The arrays that it writes."""
        return tuple(name for name, _ in self.stores)

    @cached_property
    def operations(self) -> tuple[str, ...]:
        """The operations on each element, with repeats."""
        return tuple(node.op for node in walk(self.roots, self.scalars) if node.varying and node.args)


@dataclass(frozen=True, eq=False)
class Program:
    """What a rule does, for one choice of its static hyperparameters.

    arrays: the parameter, the gradient, the slots. numbers: the hyperparameters, `t` and the uniform states.
    outputs: the new value of each array that has one. states: the new value of each uniform state. guard: whether the
    step counts; if not, nothing is written.
    """

    name: str
    arrays: tuple[str, ...]
    numbers: tuple[str, ...]
    outputs: Mapping[str, Node]
    states: Mapping[str, Node]
    guard: Node | None = None

    @cached_property
    def nodes(self) -> list[Node]:
        return walk([*self.outputs.values(), *self.states.values(), *([self.guard] if self.guard else [])])

    @property
    def exact(self) -> bool:
        """Whether every backend gives the bits of NumPy: no exp, log or general power of an array."""
        return all(OPERATIONS[node.op].exact for node in self.nodes if node.varying and node.op in OPERATIONS)

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        reductions = [node for node in self.nodes if node.op in REDUCTIONS]
        depth = max((node.stage for node in reductions), default=0)
        waves = [[node for node in reductions if node.stage == level] for level in range(1, depth + 1)]
        passes = [self._stage((), tuple(wave)) for wave in waves]
        stores = tuple((name, node) for name, node in self.outputs.items() if node.op != "array" or node.value != name)
        return (*passes, self._stage(stores, ()))

    def _stage(self, stores: tuple[tuple[str, Node], ...], reductions: tuple[Node, ...]) -> Stage:
        roots = [node for _, node in stores] or [node.args[0] for node in reductions]
        scalars: dict[Node, None] = {}
        used = {name for name, _ in stores}
        for node in walk(roots, [node for node in self.nodes if not node.varying]):
            if node.op == "array":
                used.add(node.value)
            elif not node.varying:
                # Constants too: a compiler that saw their values would fold them as if denormals were kept.
                scalars[node] = None
        return Stage(tuple(name for name in self.arrays if name in used), tuple(scalars), stores, reductions)

    def host(self, wanted: Sequence[Node]) -> Callable[..., list[Any]]:
        """A function of the numbers, and of the reductions known by then, that evaluates uniform nodes in float64.

        Its arguments are the values of `numbers` and then of `self.reductions`, in order, as far as they are known.
        """
        reductions = self.reductions[: self._known(wanted)]
        leaves = {node: node.value for node in self.nodes if node.op == "scalar"}
        named = identifiers(self.numbers)
        names = {node: named[name] for node, name in leaves.items()} | {r: f"r{i}" for i, r in enumerate(reductions)}
        lines, results = _HOST.statements(wanted, names)
        arguments = ", ".join([*named.values(), *(names[r] for r in reductions), "*later"])
        body = "".join(f"    {line}\n" for line in [*lines, f"return [{', '.join(results)}]"])
        comments = "".join(f"# {result}: {plain(node)}\n" for result, node in zip(results, wanted, strict=True))
        namespace: dict[str, Any] = dict(_HOST_NAMES)
        exec(compile(f"{comments}def uniform({arguments}):\n{body}", "<fastopt uniform>", "exec"), namespace)
        function: Callable[..., list[Any]] = namespace["uniform"]
        return function

    def _known(self, wanted: Sequence[Node]) -> int:
        last = max((node.stage for node in wanted), default=0)
        return sum(node.stage <= last for node in self.reductions)

    @cached_property
    def reductions(self) -> tuple[Node, ...]:
        """Every reduction, in the order in which the stages compute them."""
        return tuple(node for stage in self.stages for node in stage.reductions)

    @cached_property
    def scalar_functions(self) -> tuple[Callable[..., list[Any]], ...]:
        """For each stage, the function that gives its scalars."""
        return tuple(self.host(stage.scalars) for stage in self.stages)

    @cached_property
    def guard_function(self) -> Callable[..., list[Any]]:
        return self.host([self.guard] if self.guard else [])

    @cached_property
    def state_function(self) -> Callable[..., list[Any]]:
        return self.host(list(self.states.values()))
