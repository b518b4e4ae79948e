"""A step of several rules in one optimizer: taken, decided and written together."""

import itertools
import operator
from collections.abc import Sequence
from typing import Any

from ..kernels.step.executors import Joint
from .apart import Apart
from .section import Applied, Part, Section, Told

# The arrays of a step of several rules that were taken: its executor, and the rules with a gradient.
BegunTogether = tuple[Joint, list[Part]]


class SideBySide:
    """The sections of several rules, which take a step as one section does; its methods are those of Section.

    apart: the arrays of all parameters.
    """

    def __init__(self, sections: Sequence[Section], apart: Apart) -> None:
        self._sections, self._apart = sections, apart
        # Of the latest step the executors, the parameters with a gradient, and what joined them.
        self._latest: tuple[Any, Any, Joint | None] = [], [], None

    def begin(self, parameters: list[Any], gradients: list[Any]) -> BegunTogether | None:
        """As Section.begin. Raises ValueError too if arrays of different rules share memory."""
        self._apart.parameters = parameters
        parts: list[Part] = []
        executors, chosen = [], []
        for section in self._sections:
            if (begun := section.begin(parameters, gradients)) is not None:
                parts.append((section, begun))
                executors.append(begun[0])
                chosen.append(begun[2])
        self._keep_apart(parts, gradients)
        if not parts:
            return None
        before, chosen_before, joint = self._latest
        if joint is None or executors != before or not all(map(operator.is_, chosen, chosen_before)):
            joint = Joint(executors, [section.numbers_of_all for section, *_ in parts], chosen)
            self._latest = executors, chosen, joint
        return joint, parts

    def held(self, parameters: list[Any], gradients: list[Any]) -> list[Part]:
        """As Section.held. Raises ValueError too if arrays of different rules share memory."""
        self._apart.parameters = parameters
        each = [section.held(parameters, gradients) for section in self._sections]
        parts = [*itertools.chain.from_iterable(each)]
        self._keep_apart(parts, gradients)
        return parts

    def _keep_apart(self, parts: Sequence[Part], gradients: list[Any]) -> None:
        # Each plan keeps the gradients that its own step sets to zero apart, and knows nothing of those of others.
        zeroes = self._sections[0].zeroes if self._sections else False
        lie = self._apart.lie([begun[1:3] for *_, begun in parts]) if zeroes and len(parts) > 1 else ()
        if self._apart.due(lie) and self._apart.check(gradients, zeroes, lie):
            for section in self._sections:
                section.plans.look_anew()

    def numbers(self, begun: BegunTogether, told: Told) -> list[list[dict[str, Any]]]:
        """As Section.numbers, for each rule."""
        return [section.numbers(part, told) for section, part in begun[1]]

    def prepare(self, begun: BegunTogether, parameters: list[Any]) -> None:
        """As Section.prepare."""
        for section, part in begun[1]:
            section.prepare(part, parameters)

    def skipped(self, begun: BegunTogether) -> list[Any]:
        """As Section.skipped."""
        return [array for section, part in begun[1] for array in section.skipped(part)]

    def applied(self, begun: BegunTogether, states: Sequence[Any], numbers: Sequence[Any], told: Told) -> Applied:
        """As Section.applied."""
        counted: list[Any] = []
        zeroed: list[Any] = []
        notes: list[Any] = []
        used: list[Any] = []
        for (section, part), new, rows in zip(begun[1], states, numbers, strict=True):
            rows_after, to_zero, noted, record = section.applied(part, new, rows, told)
            counted += rows_after
            zeroed += to_zero
            notes += noted
            used += record
        if len(begun[1]) < len(self._sections):
            stepping = [section for section, *_ in begun[1]]
            for section in self._sections:
                if section not in stepping:
                    counted += section.resting(told)
        return counted, zeroed, notes, used
