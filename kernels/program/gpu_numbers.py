"""The numbers that a GPU is told of steps to come, and those that it works out itself from norms.

A number that follows from no norm does not depend on the arrays: the host evaluates it beforehand, for any number of
steps. A number that follows from a norm is made of operations whose every bit IEEE 754 fixes (trace.py sees to that
within a step), so the GPU gets the bits of the host.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..language.graph import Node, walk
from ..language.operations import OPERATIONS
from .numbers import Numbers, beforehand
from .spelling import as_written
from .stages import Program


@dataclass(frozen=True, eq=False)
class GpuNumbers:
    """A program's numbers, split by who works them out.

    carried: the uniform states that follow from norms, in this step or in steps before; the GPU keeps them.
    """

    program: Program

    @cached_property
    def carried(self) -> tuple[str, ...]:
        states = self.program.states
        carried = {name for name, node in states.items() if node.depth}
        while more := {name for name, node in states.items() if name not in carried and _uses([node], carried)}:
            carried |= more
        return tuple(name for name in states if name in carried)

    @cached_property
    def told(self) -> tuple[Node, ...]:
        """The numbers that the GPU is told of each step: all that it needs and that can be worked out beforehand."""
        told: dict[Node, None] = {}
        wanted = [*(node for stage in self.program.stages for node in stage.scalars), *self._besides]
        for node in walk(wanted, self.program.reductions):
            if self.on_gpu(node):
                told.update({arg: None for arg in node.args if not arg.varying and not self.on_gpu(arg)})
        told.update({node: None for node in wanted if not self.on_gpu(node)})
        return tuple(node for node in told if node.op != "constant")

    @cached_property
    def _besides(self) -> list[Node]:
        """The numbers that the GPU needs besides the scalars of stages."""
        guard = [self.program.guard] if self.program.guard else []
        return [*(self.program.states[name] for name in self.carried), *guard]

    def on_gpu(self, node: Node) -> bool:
        """Whether a number follows from a norm, of this step or of a step before."""
        return bool(node.depth) or _uses([node], self.carried)

    @cached_property
    def unfit(self) -> str | None:
        """An expression that a GPU cannot work out with the bits of the host, as written; None if there is none."""
        wanted = [*(node for stage in self.program.stages for node in stage.scalars), *self._besides]
        inner = [node for node in walk(wanted, self.program.reductions) if node.op in OPERATIONS and self.on_gpu(node)]
        return next((as_written(node) for node in inner if not OPERATIONS[node.op].exact), None)

    @cached_property
    def _function(self) -> Numbers:
        host = [node for name, node in self.program.states.items() if name not in self.carried]
        return beforehand([*self.told, *host])

    def next(self, row: Mapping[str, Any]) -> tuple[list[Any], dict[str, float]]:
        """The values of `told` in a step, and the uniform states after it that the host works out.

        row: the hyperparameters, the step and the uniform states before it, by name.
        """
        values = self._function(row)
        count = len(self.told)
        names = [name for name in self.program.states if name not in self.carried]
        return values[:count], dict(zip(names, map(float, values[count:]), strict=True))


def _uses(nodes: Sequence[Node], names: Collection[str]) -> bool:
    return any(node.op == "scalar" and node.value in names for node in walk(nodes))
