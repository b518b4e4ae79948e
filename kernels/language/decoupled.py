"""Decoupled weight decay within a formula, from which the rest of the step can be told apart."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

# While a formula is called whose step is looked at: the parameters after its decays.
_DECAYED: ContextVar[list[Any] | None] = ContextVar("DECAYED", default=None)


def decayed(p: Any, lr: Any, weight_decay: Any) -> Any:
    """The parameter after decoupled weight decay, before the step."""
    result = p * (1 - lr * weight_decay)
    if (noted := _DECAYED.get()) is not None:
        noted.append(result)
    return result


@contextlib.contextmanager
def decays() -> Iterator[list[Any]]:
    """A context that gives the list of the parameters after the decays of a formula that is called in it."""
    noted: list[Any] = []
    token = _DECAYED.set(noted)
    try:
        yield noted
    finally:
        _DECAYED.reset(token)
