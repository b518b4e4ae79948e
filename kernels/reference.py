"""The reference that every backend is held to: plain NumPy's evaluation of a formula."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Protocol

import numpy as np

from .arrays.view import as_complex, axes_along, is_flat
from .language.parts import seen_as
from .language.reductions import OVER_MODEL, REDUCTIONS
from .language.root8 import STEPS
from .language.rounding import MARK, STORED
from .language.storages import BLOCK
from .libraries.library import view_in
from .program.stages import Program

# Whether an array over a number is the array times the number's reciprocal while a reference is evaluated.
RECIPROCALS: ContextVar[bool] = ContextVar("RECIPROCALS", default=False)


# Among the numbers of a reference the mark of the array, 0 if it is not there.
MARKED = "mark of the array"


class Evaluated(Protocol):
    """The attributes of a definition that `evaluate` needs."""

    formula: Callable[..., Any]
    arrays: tuple[str, ...]
    written: tuple[str, ...]
    states: dict[str, float]
    guarded: bool
    one_moment: bool
    reciprocals: bool

    def program(self, hyper: Mapping[str, Any]) -> Program:
        """The traced formula for the static choices among `hyper`."""


@contextlib.contextmanager
def arithmetic_of(compute: str) -> Iterator[None]:
    """A context in which this thread has the floating-point state of every kernel that computes in a type.

    It rounds to nearest, and takes denormals for zeros if `compute` is "float32", whatever the caller's state.
    """
    from .jit.compiler import control_functions

    begin, end = control_functions(compute)
    saved = None
    try:
        saved = begin()
        yield
    finally:
        if saved is not None:
            end(saved)


class Computed(np.ndarray):
    """An array whose every operation is done in the floating-point state of kernels that compute in float64.

    Numbers that a formula computes beside the arrays stay Python's own.
    """

    compute = "float64"

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if ufunc is np.divide and RECIPROCALS.get() and not isinstance(inputs[1], np.ndarray):
            ufunc, inputs = np.multiply, (inputs[0], 1.0 / inputs[1])
        plain = [x.view(np.ndarray) if isinstance(x, Computed) else x for x in inputs]
        with arithmetic_of(self.compute):
            result = getattr(ufunc, method)(*plain, **options)
        return result.view(type(self)) if isinstance(result, np.ndarray) else result

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        # np.where and its kin forget the class.
        result = super().__array_function__(function, types, args, kwargs)
        return result.view(type(self)) if isinstance(result, np.ndarray) else result

    def astype(self, dtype: Any, **options: Any) -> Any:  # type: ignore[override]
        """Converted to another type, after denormals were flushed if this type flushes them."""
        with arithmetic_of("float64"):
            return np.asarray(self * 1).astype(dtype, **options)


class Flushed(Computed):
    """The same for float32."""

    compute = "float32"


def evaluate(definition: Evaluated, arrays: Sequence[Any], numbers: Mapping[str, Any]) -> tuple[Any, ...]:
    """The new arrays and states, as `Definition.reference` documents; an array that is not stored keeps its values."""
    program = definition.program(numbers)
    # An array that a set lacks is None to the formula too.
    views = {
        name: view_in(program, name, array, name)[1]
        for name, array in zip(definition.arrays, arrays, strict=True)
        if array is not None or name not in program.beside
    }
    stored = program.stages[-1].writes
    every = [view for name, view in views.items() if name not in program.scales]
    # Of the parameter: a gradient may be of another type, and is cast first.
    compute = np.dtype(every[0].compute)
    # Norms add up in the order in which the kernels walk, which is that of codes in blocks.
    axes = every[0].walk if is_flat(every) else None
    codes = [views[name] for name in program.scales.values() if name in views]
    axes = next((view.walk for view in codes if view.storage in STEPS), axes)
    order = axes_along(axes or (), len(every[0].shape))
    with np.errstate(all="ignore"), arithmetic_of("float64"):
        values = {
            name: np.repeat(view.array, BLOCK)[: every[0].size]
            if name in program.scales
            else view.array.transpose(order).reshape(-1).astype(compute)
            for name, view in views.items()
        }
    single = compute == np.float32
    kind, shape = Flushed if single else Computed, values[definition.arrays[0]].shape
    inputs = [values[name].view(kind) if name in values else None for name in definition.arrays]
    with np.errstate(all="ignore"), seen_as(every[0].complex, definition.one_moment):
        given = {name: number for name, number in numbers.items() if name != MARKED}
        kinds = {name: view.storage for name, view in views.items()}
        tokens = RECIPROCALS.set(definition.reciprocals), MARK.set(numbers.get(MARKED, 0)), STORED.set(kinds)
        try:
            results = definition.formula(*inputs, **given)
        finally:
            RECIPROCALS.reset(tokens[0])
            MARK.reset(tokens[1])
            STORED.reset(tokens[2])
        results = list(results) if isinstance(results, tuple | list) else [results]
        counts = results.pop() if definition.guarded else True
        if single:
            # Arithmetic flushes by itself; where(), abs() and their kin may pass a denormal on.
            for k in range(len(definition.written)):
                results[k] = np.where(abs(results[k]) < 2.0**-126, results[k] * 0, results[k])
    for k, name in enumerate(definition.written):
        if name not in views:
            results[k] = None
            continue
        new = views[name].array.copy(order="K")  # of codes the order of memory counts
        if name in program.scales:
            new[...] = np.asarray(results[k]) if counts else new
        elif name in stored and (counts or name == definition.arrays[1]):
            flat = np.broadcast_to(np.asarray(results[k]), shape)
            with np.errstate(all="ignore"), arithmetic_of("float64"):
                new.transpose(order)[...] = flat.astype(new.dtype).reshape([new.shape[axis] for axis in order])
        results[k] = as_complex(new) if views[name].complex else new
    if not counts:
        results[len(definition.written) :] = [numbers[name] for name in definition.states]
    return tuple(results)


class _Wanted(Exception):
    """Raised for a reduction over the model that is not known yet. operand: its array in one set."""

    def __init__(self, name: str, operand: Any) -> None:
        self.name, self.operand = name, operand


def evaluate_all(
    definition: Evaluated, sets: Sequence[Sequence[Any]], numbers: Sequence[Mapping[str, Any]]
) -> list[tuple[Any, ...]]:
    """`evaluate` for each set of arrays of a model; a reduction over the model takes all sets in turn.

    Each formula runs up to the first such reduction. When all have come there, each runs again from its beginning, with
    the value of that reduction, up to the next.
    """
    known: list[float] = []
    while True:
        results: list[tuple[Any, ...]] = []
        wanted: list[_Wanted] = []
        for arrays, given in zip(sets, numbers, strict=True):
            token = OVER_MODEL.set(functools.partial(_next, iter(known)))
            try:
                results.append(evaluate(definition, arrays, given))
            except _Wanted as reduction:
                wanted.append(reduction)
            finally:
                OVER_MODEL.reset(token)
        if not wanted:
            return results
        known.append(REDUCTIONS[wanted[0].name].array([reduction.operand for reduction in wanted]))


def _next(known: Iterator[float], name: str, operand: Any) -> float:
    for value in known:
        return value
    raise _Wanted(name, operand)
