"""A graph cut into stages: each goes over the arrays once, with the numbers that it needs beforehand."""

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from ..language.graph import ALL_RULES, Node, walk, with_args, without
from ..language.operations import OPERATIONS
from ..language.parts import PAIRWISE
from ..language.reductions import REDUCTIONS
from ..language.storages import ABSENT
from .numbers import Numbers, beforehand, following
from .pairs import PARTS, of_parts, of_real


def as_stored(node: Node, storage: str) -> Node:
    """The new value of an array that is stored in a type, without operations that are of other types."""
    kept_in = OPERATIONS[node.op].kept_in if node.op in OPERATIONS else ()
    if not kept_in or is_beside(node):
        return node
    value, *others = node.args
    value = as_stored(value, storage)
    return with_args(node, (value, *others)) if storage in kept_in else value


def of_block(node: Node) -> str:
    """As Operation has it; empty for a node that is no operation."""
    return OPERATIONS[node.op].of_block if node.op in OPERATIONS else ""


def is_beside(node: Node) -> bool:
    """Whether a node reads an array with one beside it, which a set may lack."""
    return node.op in OPERATIONS and OPERATIONS[node.op].beside


@functools.cache
def _columns(reductions: tuple[str, ...], compute: str) -> tuple[tuple[int, int], ...]:
    parts = [len(REDUCTIONS[name].parts(compute)) for name in reductions]
    return tuple((k, part) for part in range(max(parts, default=0)) for k, n in enumerate(parts) if part < n)


@dataclass(frozen=True, eq=False)
class Stage:
    """One pass: it either computes reductions or writes the new values of arrays.

    arrays: those that it reads or writes, in the order of the rule's signature.
    scalars: the uniform numbers that it is given.
    """

    arrays: tuple[str, ...]
    scalars: tuple[Node, ...]
    stores: tuple[tuple[str, Node], ...] = ()
    reductions: tuple[Node, ...] = ()

    def kept_in(self, storages: Sequence[str]) -> "Stage":
        """The stage on arrays that are stored so: without the operations that are of other stored types, and without
        the arrays that are absent.

        storages: the stored types of the arrays, as their names in `arrays` come.
        """
        kinds = dict(zip(self.arrays, storages, strict=True))
        there = tuple(name for name, kind in kinds.items() if kind != ABSENT)
        stores = [(name, as_stored(node, kinds[name])) for name, node in self.stores if name in there]
        if len(there) == len(self.arrays):
            return replace(self, stores=tuple(stores))

        def left_out(node: Node) -> bool:
            return is_beside(node) and kinds[node.args[0].value] not in OPERATIONS[node.op].kept_in

        roots = without([node for _, node in stores], self.scalars, left_out)
        reduced = without([node.args[0] for node in self.reductions], self.scalars, left_out)
        reductions = [with_args(node, (arg,)) for node, arg in zip(self.reductions, reduced, strict=True)]
        names = (name for name, _ in stores)
        return Stage(there, self.scalars, tuple(zip(names, roots, strict=True)), tuple(reductions))

    @cached_property
    def numbered(self) -> bool:
        """Whether elements are computed by their number in the array."""
        return any(node.op in OPERATIONS and OPERATIONS[node.op].numbered for node in walk(self.roots))

    @cached_property
    def blocks(self) -> dict[str, str]:
        """The arrays of codes that the stage writes, each with that of its scales."""
        found: dict[Node, dict[str, list[str]]] = {}
        for name, node in self.stores:
            if part := of_block(node):
                found.setdefault(node.args[0], {"codes": [], "scales": []})[part].append(name)
        # Several slots may be of one number.
        return {codes: own for parts in found.values() for codes, own in zip(*parts.values(), strict=True)}

    @cached_property
    def on_elements(self) -> "Stage":
        """The stage with the numbers of codes in the place of the codes that it writes, and without their scales: what
        is computed of each element by itself."""
        stores = [(name, node.args[0] if of_block(node) else node) for name, node in self.stores]
        scales = self.blocks.values()
        return replace(self, stores=tuple(store for store in stores if store[0] not in scales)) if scales else self

    @cached_property
    def codes(self) -> frozenset[str]:
        """The arrays of codes that the stage reads."""
        scaled = [node for node in walk(self.roots) if node.op in OPERATIONS and OPERATIONS[node.op].scaled]
        return frozenset(node.args[0].value for node in scaled)

    @cached_property
    def in_blocks(self) -> bool:
        """Whether it reads or writes codes, whose blocks are in the order of memory."""
        return bool(self.codes) or any(map(of_block, walk(self.roots)))

    @cached_property
    def in_order(self) -> bool:
        """Whether more than the values of an element counts: where it is among the others."""
        return bool(self.reductions) or self.numbered or self.in_blocks

    @cached_property
    def roots(self) -> tuple[Node, ...]:
        """The expressions that the stage computes for each element."""
        return tuple(node for _, node in self.stores) or tuple(node.args[0] for node in self.reductions)

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """The arrays that the stage reads."""
        used = {node.value for node in walk(self.roots, self.scalars) if node.op == "array"}
        return tuple(name for name in self.arrays if name in used)

    def columns(self, compute: str) -> tuple[tuple[int, int], ...]:
        """The columns of its partial results on arrays that compute in a type: the number of a reduction and of a part.

        The first parts come first, so that every type has the same columns, and float64 perhaps more.
        """
        return _columns(tuple(node.op for node in self.reductions), compute)

    @cached_property
    def pairwise(self) -> bool:
        """Whether it has operations on both parts of complex numbers."""
        return any(node.op in PAIRWISE for node in walk(self.roots, self.scalars))

    def spelled(self, pairs: bool) -> "Stage":
        """The stage in operations on real numbers. pairs: on complex arrays, as a stage on the parts of each."""
        if pairs:
            return self._of_parts
        return self._of_real if self.pairwise else self

    @cached_property
    def _of_real(self) -> "Stage":
        stores = zip(self.writes, of_real(self.roots), strict=True)
        return Stage(self.arrays, self.scalars, tuple(stores))

    @cached_property
    def _of_parts(self) -> "Stage":
        both = zip(self.writes, of_parts(self.roots), strict=True)
        stores = [(name + part, node) for name, nodes in both for part, node in zip(PARTS, nodes, strict=True)]
        return Stage(tuple(name + part for name in self.arrays for part in PARTS), self.scalars, tuple(stores))

    @property
    def writes(self) -> tuple[str, ...]:
        """The arrays that the stage writes."""
        return tuple(name for name, _ in self.stores)

    @cached_property
    def operations(self) -> tuple[str, ...]:
        """The operations on each element, with repeats."""
        return tuple(node.op for node in walk(self.roots, self.scalars) if node.varying and node.args)


@dataclass(frozen=True, eq=False)
class Program:
    """The stages and numbers of a rule, for one choice of its static hyperparameters.

    arrays: the parameter, the gradient, the slots. numbers: the hyperparameters, `t` and the uniform states.
    outputs: the new value of each array that has one. states: the new value of each uniform state. guard: whether the
    step counts; if not, nothing is written. rates: the real arrays that have an element for each part of a complex
    parameter. noted: the reductions that the formula gives names.
    """

    name: str
    arrays: tuple[str, ...]
    numbers: tuple[str, ...]
    outputs: Mapping[str, Node]
    states: Mapping[str, Node]
    guard: Node | None = None
    rates: tuple[str, ...] = ()
    noted: Mapping[str, Node] = field(default_factory=dict)

    @cached_property
    def nodes(self) -> list[Node]:
        return walk([*self.outputs.values(), *self.states.values(), *([self.guard] if self.guard else [])])

    @cached_property
    def beside(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """The arrays that a set may lack: for each the array beside which it is, and the stored types with which that
        one has it."""
        nodes = [node for node in self.nodes if is_beside(node)]
        return {node.args[-1].value: (node.args[0].value, OPERATIONS[node.op].kept_in) for node in nodes}

    @cached_property
    def scales(self) -> dict[str, str]:
        """The arrays of scales, each with that of its codes."""
        scaled = [node for node in self.nodes if node.op in OPERATIONS and OPERATIONS[node.op].scaled]
        return {node.args[-1].value: node.args[0].value for node in scaled}

    @cached_property
    def may_be_integers(self) -> frozenset[str]:
        """The arrays that may be stored in integers: those that a set may lack, and slots that have such an array."""
        return frozenset([*self.beside, *(first for first, _ in self.beside.values())]).difference(self.arrays[:1])

    def reads(self, numbers: Collection[str]) -> bool:
        """Whether any of these numbers, by name, is in the formula that was chosen."""
        return any(node.op == "scalar" and node.value in numbers for node in self.nodes)

    @property
    def exact(self) -> bool:
        """Whether every backend gives the bits of NumPy: no exp, log or general power of an array."""
        return all(OPERATIONS[node.op].exact for node in self.nodes if node.varying and node.op in OPERATIONS)

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        reductions = [node for node in self.nodes if node.op in REDUCTIONS]
        depth = max((node.depth for node in reductions), default=0)
        waves = [[node for node in reductions if node.depth == level] for level in range(1, depth + 1)]
        before = [self._stage((), tuple(wave)) for wave in waves]
        stores = tuple((name, node) for name, node in self.outputs.items() if node.op != "array" or node.value != name)
        return (*before, self._stage(stores, ()))

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

    @cached_property
    def reductions(self) -> tuple[Node, ...]:
        """Every reduction, in the order in which the stages compute them."""
        return tuple(node for stage in self.stages for node in stage.reductions)

    @cached_property
    def of_real(self) -> Node | None:
        """A number in the formula that is only defined for real arrays: a maximum, which would be one of parts."""
        wanted = walk([*self.outputs.values(), *self.states.values()])
        return next((node for node in wanted if node.op == "max_norm"), None)

    @cached_property
    def of_model(self) -> frozenset[str]:
        """The numbers from which uniform states follow that also follow from reductions over the model."""
        states = [node for node in self.states.values() if node.depth]
        # A norm of the model within that of an array, as that of a clip, leaves a number of the array.
        every = [node for node in walk(states) if node.op in REDUCTIONS]
        if all(node.value == "array" for node in walk(states, every) if node.op in REDUCTIONS):
            return frozenset()
        return frozenset(node.value for node in walk(states) if node.op == "scalar")

    @property
    def one_moment(self) -> bool:
        """Whether both parts of a complex number share a second moment."""
        return any(node.op == "over_parts" for node in self.nodes)

    @property
    def divides_by_numbers(self) -> bool:
        """Whether an array is divided by a number."""
        return any(node.op == "divide" and node.args[0].varying and not node.args[1].varying for node in self.nodes)

    @cached_property
    def shared(self) -> bool:
        """Whether numbers follow from all arrays of the optimizer, those of other rules too."""
        return any(node.value == ALL_RULES for node in self.reductions)

    @cached_property
    def apart(self) -> bool:
        """Whether numbers follow from norms of single arrays, and so differ from array to array."""
        return any(node.value == "array" for node in self.reductions)

    @cached_property
    def last(self) -> tuple[Node, ...]:
        """The numbers that are wanted for themselves: the new uniform states, then the guard if there is one."""
        return (*self.states.values(), *([self.guard] if self.guard else []))

    @cached_property
    def known(self) -> tuple[Node, ...]:
        """The numbers that the stages or later numbers need and that follow from no norm.

        Without norms these are the scalars of the one stage, then `last`.
        """
        wanted = (*(node for stage in self.stages for node in stage.scalars), *self.last)
        if not self.reductions:
            return wanted
        leaves = [node for node in self.nodes if not node.varying and (node.op in REDUCTIONS or not node.depth)]
        return tuple(node for node in walk(wanted, leaves) if not node.depth)

    @cached_property
    def known_function(self) -> Numbers:
        """The function that gives `known` from the values of `numbers` by their names."""
        return beforehand(self.known)

    @cached_property
    def stage_functions(self) -> tuple[Numbers, ...]:
        """For each stage, the function that gives its scalars from `known` and the reductions before it."""
        return tuple(following(self.known, self.reductions, stage.scalars, self.apart) for stage in self.stages)

    @cached_property
    def resting_function(self) -> Numbers | None:
        """The function that gives the new uniform states of a step without gradients; None if they follow from
        arrays."""
        states = tuple(self.states.values())
        return None if any(node.depth for node in states) else beforehand(states)

    @cached_property
    def last_function(self) -> Numbers:
        """The function that gives `last` from `known` and all reductions."""
        return following(self.known, self.reductions, self.last, self.apart)
