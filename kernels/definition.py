"""Definitions: formulas on a parameter, a gradient and state, traced and bound. A rule is a definition."""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import reference
from .language.graph import Node, walk
from .language.hyperparameters import LOSS, Range, bind, checked_loss, is_static, plain_number, step_number
from .language.parts import PAIRWISE
from .language.reductions import REDUCTIONS
from .language.trace import Symbol, Trace
from .language.values import shown
from .program.signs import never_negative
from .program.stages import Program


class Definition:
    """A formula and what it needs. A Rule is a definition, and so is a rule with its riders.

    formula: a NumPy function of the arrays and, by keyword, the numbers; it returns new arrays and changes nothing.
    arrays: the names of the parameter, the gradient, then others. written: the names of the arrays that the formula
    returns, in order.
    hyper: the hyperparameters and their defaults. ranges: the valid range of each that has one. states: the names and
    start values of uniform states, numbers that are carried from step to step; they are returned after the arrays.
    start: for each state array its value before the first step: a number, the name of a hyperparameter, or that of the
    parameter, which it then equals.
    counters: the numbers that follow from the count of steps, from 1.
    takes_loss: whether the formula needs the loss of the step.
    rates: the names of arrays that multiply a rate, real ones for complex parameters too.
    guarded: the formula returns last a truth value that says whether the step counts.
    one_moment: whether both parts of a complex number share what the formula takes `over_parts`.
    reciprocals: whether an array over a number is the array times the number's reciprocal.
    declared: the arrays that are never negative, as the author says.
    average: the kernels.averages.Average that gives the average of the parameter that the state has, or None.
    """

    name: str
    formula: Callable[..., Any]
    arrays: tuple[str, ...]
    written: tuple[str, ...]
    hyper: dict[str, Any]
    ranges: dict[str, Range]
    states: dict[str, float]
    start: dict[str, Any]
    counters: tuple[str, ...]
    takes_loss: bool = False
    rates: tuple[str, ...] = ()
    guarded: bool = False
    one_moment: bool = False
    reciprocals: bool = False
    average: Any = None
    declared: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._programs: dict[Any, Program] = {}

    @property
    def uses_t(self) -> bool:
        """Whether the formula needs the number of the step."""
        return bool(self.counters)

    @property
    def starts_from(self) -> tuple[str, ...]:
        """The hyperparameters that are the start value of a slot."""
        return tuple(value for value in self.start.values() if isinstance(value, str) and value in self.hyper)

    @functools.cached_property
    def constants(self) -> dict[str, str]:
        """The hyperparameters that keep one number for a whole run, and why."""
        used = {node.value for program in self.variants() for node in program.nodes if node.op == "scalar"}
        why = {name: "acts once, before the first step" for name in self.starts_from if name not in used}
        averaged = self.average.hyper if self.average else ()
        return why | dict.fromkeys(averaged, "is one for the whole run, as the average follows from it")

    @property
    def from_parameter(self) -> tuple[str, ...]:
        """The slots that start as the parameter."""
        return tuple(slot for slot, value in self.start.items() if value == self.arrays[0])

    @property
    def of_step(self) -> tuple[str, ...]:
        """The numbers that each step is given anew: those that count steps, and the loss."""
        return (*self.counters, *([LOSS] if self.takes_loss else []))

    def told(self, loss: float) -> dict[str, Any]:
        """The loss as a keyword argument of a step, if the formula needs it; else nothing."""
        return {LOSS: loss} if self.takes_loss else {}

    def step_numbers(self, t: int, loss: float) -> dict[str, Any]:
        """The numbers `of_step`, by name, in a step."""
        return {**dict.fromkeys(self.counters, t), **self.told(loss)}

    def counted(self, t: int, hyper: Mapping[str, Any]) -> dict[str, Any]:
        """What `counters` are in step t of a parameter that has had each step with these hyperparameters."""
        return dict.fromkeys(self.counters, t)

    def state_of(self, parameter: Any, hyper: Mapping[str, Any]) -> list[Any]:
        """The state arrays of a NumPy array before its first step, in its type. hyper: the numbers that a start may
        name; what is not there has its default."""
        numbers = {**self.hyper, **hyper, self.arrays[0]: parameter}
        values = (numbers[value] if isinstance(value, str) else value for value in self.start.values())
        return [np.full_like(parameter, value) for value in values]

    @property
    def exact(self) -> bool:
        """Whether every backend gives NumPy's bits: the formula takes no exp, log or general power of an array."""
        return all(program.exact for program in self.variants())

    @property
    def statics(self) -> tuple[str, ...]:
        """The hyperparameters that select between formulas."""
        return tuple(name for name, default in self.hyper.items() if is_static(default))

    def variants(self) -> list[Program]:
        """The programs for every choice of the switches, other static hyperparameters at their defaults."""
        switches = [name for name in self.statics if isinstance(self.hyper[name], bool)]
        choices = itertools.product((True, False), repeat=len(switches))
        return [self.program({**self.hyper, **dict(zip(switches, choice, strict=True))}) for choice in choices]

    @functools.cached_property
    def never_negative(self) -> frozenset[str]:
        """The state arrays that are never negative, as the formula shows for all its choices or the author says."""
        begin = [slot for slot in self.arrays[2:] if self._begins_so(self.start[slot])]
        return self.declared.union(never_negative(self.variants(), self.ranges, self.counters, begin))

    @functools.cached_property
    def why_not_8_bits(self) -> str:
        """Why 8 bits are too few for the state, which has the weights; empty if it has not.

        Of a rule that works out the weights from its state this is told by a step with the defaults: without a gradient
        and with state of zeros most of a weight is lost.
        """
        for slot in self.from_parameter:
            return f"{self.name} keeps {slot}, which starts as the weights"
        nothing = np.zeros(1)
        numbers = {name: value for name, value in self.hyper.items() if name not in self.starts_from}
        arrays = [np.ones(1), *[nothing] * (len(self.arrays) - 1)]
        (new,) = self.reference(*arrays, **self.step_numbers(1, 1.0), **numbers)[0]
        return f"{self.name} works out the weights from {', '.join(self.arrays[2:])}" if abs(new) < 0.5 else ""

    def _begins_so(self, start: Any) -> bool:
        """Whether the start of a slot is a number that is not negative."""
        if isinstance(start, str):
            return start in self.ranges and self.ranges[start].low >= 0
        return bool(start >= 0)

    def explain(self, error: Exception) -> None:
        """Say where an error in the formula comes from."""

    def error(self, message: str) -> TypeError:
        """The error for a mistake in the definition."""
        return TypeError(f"{self.name}: {message}")

    def bind(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All hyperparameters as Python numbers: those given, checked, and the defaults of the others.

        Raises TypeError for a name that the rule does not have or a value that is not a number, ValueError for a value
        that is NaN or out of its range.
        """
        return bind(self.name, given, self.hyper, self.ranges)

    def take_states(self, given: dict[str, Any]) -> dict[str, float]:
        """The uniform states among `given`, which are taken out of it, as Python numbers; else their start values."""
        states = {}
        for name, start in self.states.items():
            value = plain_number(given.pop(name, start))
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{self.name}: {name} must be a number; got {shown(value)}")
            states[name] = float(value)
        return states

    def program(self, hyper: Mapping[str, Any]) -> Program:
        """The traced formula for the static choices among `hyper`; traced once for each."""
        key = tuple((type(hyper[name]), hyper[name]) for name in self.statics)
        if key not in self._programs:
            self._programs[key] = self._trace({name: hyper[name] for name in self.statics})
        return self._programs[key]

    def _trace(self, statics: Mapping[str, Any]) -> Program:
        trace = Trace(self.one_moment, self.reciprocals)
        numbers = (*self.of_step, *(n for n in self.hyper if n not in statics), *self.states)
        arrays = [trace.array(name) for name in self.arrays]
        try:
            result = self.formula(*arrays, **{name: trace.scalar(name) for name in numbers}, **statics)
        except Exception as error:
            self.explain(error)
            raise
        if isinstance(result, Symbol):
            result = (result,)
        wanted = [*self.written, *self.states, *(["whether the step counts"] if self.guarded else [])]
        if not isinstance(result, tuple | list) or len(result) != len(wanted):
            came = f"{len(result)} values" if isinstance(result, tuple | list) else repr(result)
            raise self.error(
                f"it must return {', '.join(wanted)}: {len(wanted)} value{'s' * (len(wanted) > 1)}; it returned {came}"
            )
        nodes = [trace.node(value) for value in result]
        guard = nodes.pop() if self.guarded else None
        for name, node in zip(wanted, nodes, strict=False):
            if node.boolean:
                raise self.error(f"the new value of {name} is a truth value, not a number")
            # A gradient may be set to zero.
            if node.varying is (name in self.states) and not (node.op == "constant" and name == self.arrays[1]):
                kind = "an array" if node.varying else "one number"
                raise self.error(f"the new value of {name} is {kind}, the same kind as the old one is expected")
        if all(node.op == "array" and node.value == name for name, node in zip(self.written, nodes, strict=False)):
            raise self.error("it changes nothing: what it returns is what it was given")
        self._check_parts(nodes)
        count = len(self.written)
        outputs = dict(zip(self.written, nodes, strict=False))
        states = dict(zip(self.states, nodes[count:], strict=True))
        return Program(self.name, self.arrays, numbers, outputs, states, guard, self.rates, trace.noted)

    def _check_parts(self, nodes: Sequence[Node]) -> None:
        """Raise TypeError for operations on both parts of complex numbers that the kernels do not have."""
        every = walk(nodes)
        for node in every:
            if node.op in REDUCTIONS and any(inner.op in PAIRWISE for inner in walk(node.args)):
                remedy = (
                    'make the optimizer without second_moment="modulus"'
                    if any(inner.op == "over_parts" for inner in walk(node.args))
                    else "make the optimizer without conjugate_grads, and pass numpy.conj of the gradients"
                )
                raise self.error(
                    f"no kernel has a {node.op} of an expression that needs both parts of a complex number; {remedy}"
                )

    def _checked_t(self, t: Any, hyper: Mapping[str, Any]) -> int | None:
        if t is None and self.program(hyper).reads(self.counters):
            raise TypeError(f"{self.name} needs t, the number of the step, from 1")
        return None if t is None else step_number(self.name, t)

    def _checked_loss(self, loss: Any) -> float | None:
        """The loss of a step as a Python float. Raises TypeError or ValueError if it is missing, unwanted or no finite
        number."""
        return checked_loss(self.name, loss, self.takes_loss, self.guarded)

    def reference(self, *arrays: Any, t: int | None = None, loss: Any = None, **hyper: Any) -> tuple[Any, ...]:
        """The values that a call must give, bit for bit: the formula evaluated by plain NumPy; nothing is changed.

        arrays, t, loss: as for a call. Returns the new values of `written`, then those of the uniform states.
        The formula runs on arrays of at least one dimension, in float64 for a float64 parameter and else in float32
        with denormals flushed to zero; results are rounded once to the type in which they are stored.
        """
        return reference.evaluate(self, arrays, self._numbers(t, loss, hyper))

    def references(
        self,
        sets: Sequence[Sequence[Any]],
        *,
        t: int | None = None,
        loss: Any = None,
        given: Sequence[Mapping[str, Any]],
    ) -> list[tuple[Any, ...]]:
        """`reference` for every parameter of a model; a reduction over the model takes all of them.

        sets: the arrays of each parameter. given: hyperparameters and uniform states of each, by name.
        """
        return reference.evaluate_all(self, sets, [self._numbers(t, loss, dict(own)) for own in given])

    def _numbers(self, t: int | None, loss: Any, hyper: dict[str, Any]) -> dict[str, Any]:
        states = self.take_states(hyper)
        bound = self.bind(hyper)
        step = self._checked_t(t, bound)
        counts = dict.fromkeys(self.counters) if step is None else self.counted(step, bound)
        own = self._checked_loss(loss)
        return {**bound, **states, **counts, **({} if own is None else {LOSS: own})}
