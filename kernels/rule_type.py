"""`@rule`: a NumPy function becomes a Rule, whose formula is the function and whose kernels follow from it."""

import functools
import inspect
import os
import sys
import traceback
import types
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import is_
from types import NoneType
from typing import Any, overload

from .averages import Average
from .by_value import refused
from .definition import Definition
from .language.hyperparameters import LOSS, Range, bind, parse_ranges, plain_number, suggestion
from .language.meanings import told_apart
from .language.values import shown
from .libraries.library import view_of
from .program.floors import flushed
from .program.stages import Program
from .step.calls import Calls

# Types of numbers that stay what they are: an array of one number may be changed in place.
_CONSTANT = {bool, int, float, str, NoneType}


class Rule(Definition):
    """An update rule: call it on arrays to update them in place; `formula` is the plain NumPy function.

    slots: the names of the state arrays, which follow the parameter and the gradient. average: the formula of the
    average of the weights that the rule keeps, or None.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        require: str = "",
        start: Mapping[str, Any],
        states: Sequence[str],
        average: Callable[..., Any] | None = None,
    ) -> None:
        self.formula = _frozen(function)
        self._options = require, dict(start), tuple(states), average
        self._mark = ""
        functools.update_wrapper(self, function, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
        self.name: str = function.__name__
        self._origin = f'File "{function.__code__.co_filename}", line {function.__code__.co_firstlineno}'
        arrays, numbers = self._read_signature()
        self.arrays = arrays
        self.slots = arrays[2:]
        self.written = (arrays[0], *self.slots)
        self.counters = ("t",) if "t" in numbers else ()
        self.takes_loss = LOSS in numbers
        for name in states:
            if name not in numbers or name in self.of_step:
                raise self.error(f"states names {name!r}, which is not a keyword-only argument with a start value")
        self.states: dict[str, float] = {name: float(numbers[name]) for name in states}
        self.hyper: dict[str, Any] = {n: v for n, v in numbers.items() if n not in (*self.of_step, *states)}
        ranges = parse_ranges(require, (*self.hyper, *self.slots))
        self.ranges = {name: own for name, own in ranges.items() if name in self.hyper}
        self.declared = frozenset(ranges).difference(self.hyper)
        for slot in self.declared:
            if ranges[slot] != Range(ranges[slot].text, 0):
                raise self.error(f"of slot {slot!r} only {slot} >= 0 can be said; got {ranges[slot].text!r}")
        bind(self.name, self.hyper, self.hyper, self.ranges)
        self.start: dict[str, Any] = dict.fromkeys(self.slots, 0.0)
        for slot, value in start.items():
            if slot not in self.slots:
                raise self.error(f"start names {slot!r}, which is not a slot; {suggestion(str(slot), self.slots)}")
            if isinstance(value, str) and value not in (arrays[0], *self.hyper):
                known = suggestion(value, (arrays[0], *self.hyper))
                raise self.error(
                    f"slot {slot!r} starts at {value!r}, which is neither the parameter nor a hyperparameter; {known}"
                )
            if not isinstance(value, str):
                value = plain_number(value)
                if (
                    isinstance(value, bool)
                    or not isinstance(value, int | float)
                    or not abs(value) <= sys.float_info.max
                ):
                    raise self.error(
                        f"slot {slot!r} must start at a finite number, at the parameter or at a hyperparameter, by its "
                        f"name; got {shown(value)}"
                    )
            self.start[slot] = value
        super().__init__()
        if average is not None:
            if not isinstance(average, types.FunctionType):
                raise self.error(f"average must be a function of {arrays[0]} and of slots; got {shown(average)}")
            self.average = Average(self.name, _frozen(average), arrays, self.hyper, self.ranges, self.error)
        self._check_use()
        self._calls = Calls()
        # The names and values of the latest call's hyperparameters, and what _given said of them.
        self._latest: tuple[tuple[str, ...], tuple[Any, ...], Any] = (), (), self._given({})

    @functools.cached_property
    def _told_apart(self) -> tuple[str, dict[str, str]]:
        return told_apart(self.__doc__, self.hyper)

    @property
    def source(self) -> str:
        """Its docstring without what that says of hyperparameters: the formula's source."""
        return self._told_apart[0]

    @property
    def meanings(self) -> dict[str, str]:
        """What its docstring says of hyperparameters, by name."""
        return self._told_apart[1]

    def error(self, message: str) -> TypeError:
        """The error for a mistake in the definition, which says where the rule stands."""
        return TypeError(f"rule {self.name}: {message}\n  {self._origin}, in {self.name}")

    def explain(self, error: Exception) -> None:
        line = _line_in(error, self.formula.__code__)
        error.add_note(f"in the rule {self.name}, defined at {self._origin}" + (f", at line {line}" if line else ""))

    def _read_signature(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        """The names of the arrays, and the keyword-only arguments with their defaults."""
        signature = inspect.signature(self.formula)
        arrays: list[str] = []
        numbers: dict[str, Any] = {}
        for name, parameter in signature.parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise self.error(f"*{name}: a rule names its slots and hyperparameters one by one")
            if parameter.kind is not parameter.KEYWORD_ONLY:
                if parameter.default is not parameter.empty:
                    raise self.error(
                        f"{name} stands before the * and so is an array, which has no default; "
                        "hyperparameters come after the *"
                    )
                arrays.append(name)
                continue
            default = plain_number(parameter.default)
            if name == LOSS and parameter.default is not parameter.empty:
                raise self.error(
                    "loss is the loss of a step, which has no default; write `loss` alone, or give the hyperparameter "
                    "another name"
                )
            if name == "t":
                default = None
            elif parameter.default is parameter.empty and name != LOSS:
                raise self.error(f"hyperparameter {name!r} needs a default")
            numbers[name] = default
        if len(arrays) < 2:
            raise self.error("a rule takes the parameter and its gradient first, as in def sgd(p, g, *, lr=0.1)")
        if self.formula.__kwdefaults__:
            self.formula.__kwdefaults__ = {k: plain_number(v) for k, v in self.formula.__kwdefaults__.items()}
        return tuple(arrays), numbers

    def _check_use(self) -> None:
        nodes = [node for program in self.variants() for node in program.nodes]
        used = {node.value for node in nodes if node.op in ("array", "scalar")}
        for name in self.slots:
            if name not in used:
                raise self.error(f"slot {name!r} is never used; leave {name} out of the signature")
        for name in self.of_step:
            if name not in used:
                raise self.error(f"{name} is never used; leave {name} out of the signature")
        for name in (*self.hyper, *self.states):
            if name not in used and name not in self.statics and name not in self.starts_from:
                raise self.error(f"{name!r} is never used; leave {name} out of the signature")

    def __call__(self, *arrays: Any, t: int | None = None, loss: Any = None, **hyper: Any) -> tuple[float, ...] | None:
        """Update the parameter and the slots in place; the gradient is only read.

        arrays: the parameter, its gradient, the slots: of one shape, one library and one device; float16, bfloat16,
        float32 (computed in float32) or all float64. t: the number of the step, from 1. loss: of the step, a number,
        for a rule that takes it. hyper: Python numbers.
        Returns the new uniform states if the rule has any, else None. On a GPU it does not wait, unless the rule
        takes a norm.
        Raises TypeError or ValueError naming the argument; nothing has then been changed.
        """
        if len(arrays) != len(self.arrays):
            raise TypeError(f"{self.name} takes {len(self.arrays)} arrays: {', '.join(self.arrays)}; got {len(arrays)}")
        names, values, found = self._latest
        # By identity: True == 1 == 1.0, and 0.0 == -0.0.
        if tuple(hyper) != names or not all(map(is_, hyper.values(), values)):
            names, values = tuple(hyper), tuple(hyper.values())
            found = self._given(hyper)
            if _CONSTANT.issuperset(map(type, values)):
                self._latest = names, values, found
        program, numbers, flushed = found
        if flushed and view_of(arrays[0], self.arrays[0])[1].compute == "float32":
            raise ValueError(f"{self.name}: {flushed}")
        numbers = numbers | {"t": self._checked_t(t, numbers)}
        if loss is not None or self.takes_loss:
            numbers[LOSS] = self._checked_loss(loss)
        new = self._calls.update(program, arrays, numbers)
        return tuple(new[0]) or None if new else None

    def _given(self, hyper: dict[str, Any]) -> tuple[Program, dict[str, Any], str]:
        """The program that the hyperparameters of a call choose, its numbers but for t, and why float32 arrays cannot
        be updated with these, or ""."""
        for name in self.starts_from:
            if name in hyper:
                slot = next(slot for slot, value in self.start.items() if value == name)
                raise TypeError(
                    f"{self.name}: {name} only sets the start of slot {slot!r}; a direct call is given the array "
                    f"{slot}: fill that, and leave {name} out"
                )
        states = self.take_states(hyper)
        bound = self.bind(hyper)
        program = self.program(bound)
        return program, bound | states, flushed(program, bound)

    def __reduce__(self) -> str | tuple[Any, ...]:
        name: str = self.__qualname__  # type: ignore[attr-defined]
        if self.__module__ != "__main__" and _found(self.__module__, name) is self:
            return name  # As functions are pickled: by its name in its module.
        # Another process may not have the module. Whatever pickles functions by value, as joblib does, so pickles the
        # formula; pickle itself finds it by its name.
        if not self._mark:
            self._mark = os.urandom(16).hex()
            _MARKED[self._mark] = self
        if _found(self.formula.__module__, self.formula.__qualname__) is self.formula:
            return _unpickled, (self.formula, self._options, self._mark)
        why = f"{self.name} is a rule that no module has by its name; make it by @rule at the top level of a module"
        return _unpickled_by_value, (refused(why), self.formula, self._options, self._mark)

    def __copy__(self) -> "Rule":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Rule":
        return self

    def __repr__(self) -> str:
        return f"<rule {self.name}{inspect.signature(self.formula)}>"


@overload
def rule(function: Callable[..., Any]) -> Rule: ...
@overload
def rule(
    *,
    require: str = "",
    start: Mapping[str, Any] | None = None,
    states: Sequence[str] = (),
    average: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., Any]], Rule]: ...
def rule(
    function: Callable[..., Any] | None = None,
    *,
    require: str = "",
    start: Mapping[str, Any] | None = None,
    states: Sequence[str] = (),
    average: Callable[..., Any] | None = None,
) -> Any:
    """Make an update rule of a NumPy function: `def sgd(p, g, *, lr=0.1): return p - lr * g`.

    Before the *: the parameter, its gradient, the state slots. After it: hyperparameters with their defaults, `t` if
    the rule needs the number of the step, from 1, and `loss`, without a default, if it needs the loss. Returned: the
    new parameter, every slot, every uniform state.
    The formula may use + - * / ** abs, comparisons, & | ~ and the functions of fastopt.kernels. The names that it takes
    from outside keep the values that they have now; what those in turn look up should not change either.
    A hyperparameter whose default is a bool, a string or None selects between formulas.

    require: valid ranges, as in a paper: "lr >= 0, 0 <= beta1 < 1"; of a slot that it is never negative, "v >= 0", if
    that does not show in the formula.
    start: the value of a slot before the first step, a number, the name of a hyperparameter, or that of the parameter,
    whose value the slot then takes at the parameter's first step; 0 if not given.
    states: the keyword-only arguments that are uniform states; the default is the start value.
    average: for a rule that keeps an average of the weights, the function that gives it, of the parameter, then of
    slots, and by keyword of hyperparameters: `def x(p, z, *, beta1): ...`. `opt.averaged()` reads it.
    A line of the docstring that begins with the name of a hyperparameter and a colon says what that means.
    Raises TypeError if the formula cannot be compiled, pointing at its line.
    """

    if start is not None and not isinstance(start, Mapping):
        raise TypeError(f"start must be a dict of values by slot, such as {{'z': 'p'}}; got {shown(start)}")

    def make(function: Callable[..., Any]) -> Rule:
        return Rule(function, require=require, start=start or {}, states=states, average=average)

    return make if function is None else make(function)


# What names a formula in its module, where the rule stands under the function's name.
_FORMULA = ".formula"
# The rules that were pickled with their formula, by a mark that goes along: in each process such a rule is made once.
_MARKED: "weakref.WeakValueDictionary[str, Rule]" = weakref.WeakValueDictionary()


def _unpickled(formula: Any, options: Sequence[Any], mark: str) -> Rule:
    """The rule with this formula: that of this process if it is there, else a new one.

    options: of `rule`, in its order; pickles of before rules had averages have three.
    """
    known = _MARKED.get(mark)
    if known is not None:
        return known
    name = formula.__qualname__.removesuffix(_FORMULA)
    rule = _found(formula.__module__, name)
    if not isinstance(rule, Rule) or rule.formula is not formula:
        formula.__qualname__ = name  # It came by value, and is nobody else's.
        rule = Rule(formula, **dict(zip(("require", "start", "states", "average"), options, strict=False)))
        rule._mark = mark
    _MARKED[mark] = rule
    return rule


def _unpickled_by_value(_: Any, *made: Any) -> Rule:
    return _unpickled(*made)


def _found(module: str, qualname: str) -> Any:
    """What has this name in a module, or None."""
    try:
        return functools.reduce(getattr, qualname.split("."), sys.modules[module])
    except (KeyError, AttributeError):
        return None


def _frozen(function: Callable[..., Any]) -> Any:
    """A copy of the function that keeps the present values of the names that it takes from outside."""
    if not isinstance(function, types.FunctionType):
        raise TypeError(f"@rule takes a function; got {shown(function)}")
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    outside = {name: function.__globals__[name] for name in names if name in function.__globals__}
    outside |= {"__builtins__": function.__globals__.get("__builtins__"), "__name__": function.__module__}
    closure = []
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            closure.append(types.CellType(cell.cell_contents))
        except ValueError:
            raise TypeError(
                f"rule {function.__name__}: {name!r} has no value yet; define it above the rule\n"
                f'  File "{function.__code__.co_filename}", line {function.__code__.co_firstlineno}'
            ) from None
    copy = types.FunctionType(function.__code__, outside, function.__name__, function.__defaults__, tuple(closure))
    copy.__kwdefaults__ = dict(function.__kwdefaults__ or {})
    functools.update_wrapper(copy, function)
    copy.__qualname__ = function.__qualname__ + _FORMULA
    return copy


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _line_in(error: BaseException, code: types.CodeType) -> int | None:
    """The line of the author's function at which an error came up."""
    frames = traceback.walk_tb(error.__traceback__)
    return next((line for frame, line in frames if frame.f_code is code), None)
