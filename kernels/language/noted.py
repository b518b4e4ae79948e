"""Numbers of a step that a formula gives a name, so that whoever takes the step can read them afterwards."""

from typing import Any

from .trace import Symbol


def noted(name: str, value: Any) -> Any:
    """The value. name: by which it is found among those that the program has noted; it must be a reduction."""
    if isinstance(value, Symbol):
        value.trace.noted[name] = value.node
    return value
