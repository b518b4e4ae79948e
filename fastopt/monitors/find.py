"""The monitors behind a hyperparameter: whatever a function of the step reaches that has a state of its own."""

import functools
import inspect
from collections.abc import Iterable
from typing import Any


def monitors_in(values: Iterable[Any]) -> list[Any]:
    """Each callable with `state_dict` and `load_state_dict` that is among the values or within them, once, in order.

    The search goes through the attributes of callable objects, the variables that functions take from outside, the
    arguments of functools.partial, and lists and tuples of these: `plateau * schedule`, `lambda t: plateau(t) / t`.
    """
    monitors: list[Any] = []
    seen: set[int] = set()
    stack = list(values)[::-1]
    while stack:
        value = stack.pop()
        if id(value) in seen or not (callable(value) or isinstance(value, list | tuple)) or isinstance(value, type):
            continue
        seen.add(id(value))
        if hasattr(value, "state_dict") and hasattr(value, "load_state_dict"):
            monitors.append(value)
        else:
            stack += _held(value)[::-1]
    return monitors


def _held(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if inspect.ismethod(value):
        return [value.__self__, value.__func__]
    if inspect.isfunction(value):
        try:
            outside = inspect.getclosurevars(value)
        except ValueError:  # A variable that has no value yet.
            return []
        return [*outside.nonlocals.values(), *outside.globals.values()]
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    return [*getattr(value, "__dict__", {}).values(), *(getattr(value, name, None) for name in slots)]
