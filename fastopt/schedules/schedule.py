"""A schedule: a function of the step that carries nothing from call to call, and arithmetic on such functions."""

import copy
import math
import operator
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from ..kernels.language.hyperparameters import plain_number
from .functions import divide, power

Formula = Callable[[Any], Any]

# For each sign: its public function, its function for values, and how firmly it binds when printed; a call binds most.
OPERATIONS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any], int]] = {
    "+": (operator.add, operator.add, 1),
    "-": (operator.sub, operator.sub, 1),
    "*": (operator.mul, operator.mul, 2),
    "/": (operator.truediv, divide, 2),
    "**": (operator.pow, power, 4),
}
NEGATIVE, CALL = 3, 5


class Schedule:
    """The value of a hyperparameter at each step, counted from 1: schedule(1) is what the first update uses.

    Called with an int it gives a float; with an array of ints an array of floats, with the bits of single calls. Its
    value is finite and not negative, or the call raises ValueError. +, -, *, / and ** make schedules of schedules and
    numbers. It prints as the call that makes it, and can be pickled.

    formula: the value as a function of t, the number of updates before (step - 1), a float or an array of floats.
    steps: after how many updates the value no longer changes, if it ever does. horizon: how many to draw.
    """

    # NumPy's numbers leave arithmetic with a schedule to the schedule.
    __array_ufunc__ = None

    def __init__(self, formula: Formula, *, steps: float | None = None, horizon: float | None = None) -> None:
        self.formula, self.steps = formula, steps
        self.horizon = horizon or steps or 1000
        self._text, self._binds = "Schedule(...)", CALL
        self._made: tuple[Any, ...] | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        self._refuse_change(name)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        self._refuse_change(name)
        super().__delattr__(name)

    def _refuse_change(self, name: str) -> None:
        # A class of a user's own may have attributes of its own.
        ours = type(self).__module__.startswith(__name__.split(".")[0] + ".")
        if not name.startswith("_") and "_made" in self.__dict__ and (ours or name in self.__dict__):
            raise AttributeError(f"{name} of {self!r} cannot be set: a schedule does not change; make another")

    def __call__(self, step: Any) -> Any:
        if type(step) is int and step >= 1:
            value = self.formula(step - 1.0)
            if 0.0 <= value < math.inf:
                return value
            raise self._invalid(value, step)
        return self._at(step)

    def _at(self, step: Any) -> Any:
        step = plain_number(step)
        if isinstance(step, int) and not isinstance(step, bool):
            if step < 1:
                raise ValueError(f"step must be at least 1, the number of the first update; got {step}")
            return self(int(step))
        if not isinstance(step, np.ndarray) or step.dtype.kind not in "iu":
            kind = f"an array of {step.dtype}" if isinstance(step, np.ndarray) else f"{step!r}, a {type(step).__name__}"
            raise TypeError(f"step must be an int or an array of ints; got {kind}")
        if step.size and step.min() < 1:
            raise ValueError(f"step must be at least 1, the number of the first update; got {step.min()} in an array")
        values = np.empty(step.shape)
        with np.errstate(all="ignore"):
            values[...] = self.formula(step - 1.0)
            bad = np.flatnonzero(~((values >= 0) & (values < math.inf)))
        if bad.size:
            raise self._invalid(values.flat[bad[0]], step.flat[bad[0]])
        return values

    def _invalid(self, value: float, step: int) -> ValueError:
        return ValueError(f"{self!r} is {value:.6g} at step {step}; a hyperparameter must be finite and not negative")

    def __repr__(self) -> str:
        return self._text

    def __reduce__(self) -> Any:
        if self._made is None:
            raise TypeError("a Schedule made from a bare formula cannot be pickled; fastopt.schedules.function can")
        return self._made

    def __deepcopy__(self, memo: dict[int, Any]) -> "Schedule":
        if self._made is None:
            return self  # As Python has it with functions.
        function, arguments = copy.deepcopy(self._made, memo)
        copied: Schedule = function(*arguments)
        return copied

    def called(self, text: str, made: tuple[Callable[..., Any], tuple[Any, ...]]) -> Self:
        """This schedule as the result of a call: its text, and for pickle the function with its arguments."""
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__, _text=text, _binds=CALL, _made=made)
        return new

    def __add__(self, other: Any) -> "Schedule":
        return _combined("+", self, other)

    def __radd__(self, other: Any) -> "Schedule":
        return _combined("+", other, self)

    def __sub__(self, other: Any) -> "Schedule":
        return _combined("-", self, other)

    def __rsub__(self, other: Any) -> "Schedule":
        return _combined("-", other, self)

    def __mul__(self, other: Any) -> "Schedule":
        return _combined("*", self, other)

    def __rmul__(self, other: Any) -> "Schedule":
        return _combined("*", other, self)

    def __truediv__(self, other: Any) -> "Schedule":
        return _combined("/", self, other)

    def __rtruediv__(self, other: Any) -> "Schedule":
        return _combined("/", other, self)

    def __pow__(self, other: Any) -> "Schedule":
        return _combined("**", self, other)

    def __rpow__(self, other: Any) -> "Schedule":
        return _combined("**", other, self)

    def __neg__(self) -> "Schedule":
        formula = self.formula
        new = Schedule(lambda t: -formula(t), steps=self.steps, horizon=self.horizon)
        new._text, new._binds, new._made = f"-{_inside(self, NEGATIVE)}", NEGATIVE, (operator.neg, (self,))
        return new


def _combined(sign: str, a: Any, b: Any) -> Schedule:
    operands = tuple(_operand(value) for value in (a, b))
    if None in operands:
        _refuse_function(sign, a, b)
        return NotImplemented  # type: ignore[no-any-return]
    public, apply, binds = OPERATIONS[sign]
    left, right = operands
    if isinstance(left, Schedule) and isinstance(right, Schedule):
        of_left, of_right = left.formula, right.formula

        def formula(t: Any) -> Any:
            return apply(of_left(t), of_right(t))
    elif isinstance(left, Schedule):
        of_left = left.formula

        def formula(t: Any) -> Any:
            return apply(of_left(t), right)
    else:
        of_right = right.formula

        def formula(t: Any) -> Any:
            return apply(left, of_right(t))

    parts = [operand for operand in operands if isinstance(operand, Schedule)]
    ends = [math.inf if part.steps is None else part.steps for part in parts]
    steps = None if math.inf in ends else max(ends)
    new = Schedule(formula, steps=steps, horizon=max(part.horizon for part in parts))
    # Powers bind from the right; the others from the left, and their order is kept, since sums of floats depend on it.
    tighter = (binds + 1, binds + 1) if sign == "**" else (binds, binds + 1)
    texts = [_inside(operand, least) for operand, least in zip(operands, tighter, strict=True)]
    new._text, new._binds, new._made = f" {sign} ".join(texts), binds, (public, operands)
    return new


def _refuse_function(sign: str, a: Any, b: Any) -> None:
    """Raise TypeError where an operand is a function that no other arithmetic than a schedule's could combine."""
    reflected = f"__r{OPERATIONS[sign][0].__name__}__"
    for operand in (a, b):
        if callable(operand) and not isinstance(operand, Schedule) and not hasattr(type(operand), reflected):
            raise TypeError(
                f"{sign} takes schedules and numbers; got {operand!r}. Make a schedule of a function of the step, as "
                "in schedule * fastopt.schedules.function(own)"
            )


def _operand(value: Any) -> Any:
    """A schedule, or a number as a float; None if it is neither."""
    if isinstance(value, Schedule):
        return value
    value = plain_number(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not math.isfinite(value):
        raise ValueError(f"a schedule cannot be combined with {value!r}; it takes finite numbers")
    return float(value)


def _inside(operand: Any, least: int) -> str:
    """The operand's text, in brackets if it binds less firmly than its surroundings."""
    binds = operand._binds if isinstance(operand, Schedule) else NEGATIVE if operand < 0 else CALL
    return f"({operand!r})" if binds < least else repr(operand)
