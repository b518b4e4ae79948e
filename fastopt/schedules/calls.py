"""A decorator by which a schedule prints, and is pickled, as the call that made it."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import numpy as np

from ..kernels.language.hyperparameters import suggestion
from .schedule import Schedule

P = ParamSpec("P")
S = TypeVar("S", bound=Schedule)


def named(function: Callable[P, S]) -> Callable[P, S]:
    """Make the schedules that a function returns print as its call; its errors begin with its name."""
    name = function.__name__

    @functools.wraps(function)
    def make(*args: P.args, **kwargs: P.kwargs) -> S:
        signature = _signature(function)
        for keyword in kwargs:
            if keyword not in signature.parameters:
                raise TypeError(f"{name} has no argument {keyword!r}; {suggestion(keyword, signature.parameters)}")
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{name}: {error}; call {name}{signature}") from None
        for argument, value in bound.arguments.items():
            bound.arguments[argument] = _kept(value)
        try:
            schedule = function(*bound.args, **bound.kwargs)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from error
        return schedule.called(_call_text(name, bound), (functools.partial(make, *bound.args, **bound.kwargs), ()))

    return make


# Not when the function is defined: sixty signatures would make `import fastopt` slower.
@functools.cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """The function's signature, without annotations."""
    parameters = inspect.signature(function).parameters.values()
    return inspect.Signature([parameter.replace(annotation=parameter.empty) for parameter in parameters])


def _kept(value: Any) -> Any:
    """A copy of a value that the caller may still change or use up; other values as they are."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | range) or hasattr(value, "__next__"):
        return tuple(value)
    return dict(value) if isinstance(value, Mapping) else value


def _call_text(name: str, bound: inspect.BoundArguments) -> str:
    texts = []
    for argument, value in bound.arguments.items():
        parameter = bound.signature.parameters[argument]
        default = parameter.default
        if type(value) is type(default) and value == default:
            continue
        keyword = parameter.kind is parameter.KEYWORD_ONLY or default is not parameter.empty
        texts.append(f"{argument}={_text(value)}" if keyword else _text(value))
    return f"{name}({', '.join(texts)})"


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_text, value))}]"
    if callable(value) and not isinstance(value, Schedule):
        return str(getattr(value, "__name__", value))
    return repr(value)
