"""Names what pickle cannot find in a module, and leaves it to picklers that take functions by value, as cloudpickle."""

from types import FunctionType


def refused(message: str) -> FunctionType:
    """A function that stands first in a state which pickle cannot take: pickle's error then has the message.

    cloudpickle takes it by value, as all that comes after it.
    """
    made = FunctionType(_nothing.__code__, {}, message)
    made.__module__, made.__qualname__ = __name__, f"<locals>.{message}"
    return made


def _nothing() -> None: ...
