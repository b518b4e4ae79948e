"""The average of the parameter that a rule keeps in its state, as a formula that gives it from what is kept."""

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .definition import Definition
from .language.hyperparameters import Range
from .language.masters import joined
from .libraries.library import views_of
from .step.executors import Attended
from .step.plan import stage_runs

_KINDS = inspect.Parameter


class Average(Definition):
    """A formula of the parameter, slots and, by keyword, hyperparameters of a rule: the average of the weights.

    arrays: the parameter, then the slots that it reads. Raises TypeError, as `mistake` makes it, for a function with
    other arguments.
    """

    def __init__(
        self,
        name: str,
        formula: Callable[..., Any],
        arrays: Sequence[str],
        hyper: Mapping[str, Any],
        ranges: Mapping[str, Range],
        mistake: Callable[[str], TypeError],
    ) -> None:
        super().__init__()
        self.name, self.formula, self._mistake = name, formula, mistake
        read: list[str] = []
        numbers: list[str] = []
        plain = True
        for argument in inspect.signature(formula).parameters.values():
            variadic = argument.kind in (_KINDS.VAR_POSITIONAL, _KINDS.VAR_KEYWORD)
            plain &= not variadic and argument.default is argument.empty
            (numbers if argument.kind is _KINDS.KEYWORD_ONLY else read).append(argument.name)
        known = (arrays[0], *arrays[2:])
        if not plain or read[:1] != [arrays[0]] or not set(read) <= set(known) or not set(numbers) <= set(hyper):
            raise mistake(
                f"average must be a function of {arrays[0]}, then of slots of the rule ({', '.join(known[1:])}), and "
                f"after a * of its hyperparameters ({', '.join(hyper)}), without defaults; got "
                f"{inspect.signature(formula)}"
            )
        self.arrays, self.written = tuple(read), (arrays[0],)
        self.hyper = {name: hyper[name] for name in numbers}
        self.ranges = {name: ranges[name] for name in numbers if name in ranges}
        self.states, self.start, self.counters = {}, {}, ()
        self.program(self.hyper)

    def corrected(self, correction: str, bits: int) -> "Average":
        """The average of weights in two parts. correction: the slot of the lower part. bits: how many a weight has."""
        other, formula = copy.copy(self), self.formula
        Definition.__init__(other)
        other.arrays = (*self.arrays, correction)
        other.formula = lambda p, *slots, **numbers: formula(joined(p, slots[-1], bits), *slots[:-1], **numbers)
        return other

    def error(self, message: str) -> TypeError:
        return self._mistake(f"average: {message}")

    def explain(self, error: Exception) -> None:
        code = self.formula.__code__
        error.add_note(f'in the average of the rule {self.name}, File "{code.co_filename}", line {code.co_firstlineno}')

    def decided(
        self,
        sets: Sequence[Sequence[Any]],
        numbers: Sequence[Mapping[str, Any]],
        row_of: Sequence[int],
        label: Callable[[int, str], str],
    ) -> Attended:
        """What gives parameters the values of their averages, in place, once its `write` is called.

        sets: for each parameter the arrays that `arrays` names. numbers: rows of hyperparameters; row_of: for each
        parameter the number of its row. label: how messages name an array of a parameter. Raises what a step raises.
        """
        program = self.program(numbers[0])
        which, views = views_of(program, sets, label)
        executor = Attended(program, stage_runs(program, which, views, row_of), row_of, row_of)
        executor.decide(numbers)
        return executor
