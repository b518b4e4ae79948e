"""The monitors behind a hyperparameter make themselves known, whenever a function of the step calls them."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

# While a function of the step is evaluated: the monitors that it has called.
_CALLED: ContextVar[list[Any] | None] = ContextVar("CALLED", default=None)


def evaluated(function: Callable[[int], Any], t: int, called: list[Any]) -> Any:
    """The value of a function of the step. Monitors that it calls are appended to `called`, each once, in order."""
    token = _CALLED.set(called)
    try:
        return value_at(function, t)
    finally:
        _CALLED.reset(token)


def value_at(function: Callable[[int], Any], t: int) -> Any:
    """The value of a function of the step, which is itself known if it has a state to save."""
    if has_state(function):
        known(function)
    return function(t)


def known(monitor: Any) -> None:
    """Tell the optimizer that is evaluating its functions of a monitor that they have called."""
    called = _CALLED.get()
    if called is not None and not any(other is monitor for other in called):
        called.append(monitor)


def has_state(value: Any) -> bool:
    """Whether a value can be saved and loaded as a monitor is."""
    return hasattr(value, "state_dict") and hasattr(value, "load_state_dict")
