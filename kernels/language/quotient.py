"""A division that is 0 where nothing can be divided by."""

from typing import Any

from .elementary import where


def quotient(a: Any, b: Any) -> Any:
    """a / b; 0 where b is 0."""
    return where(b > 0, a / where(b > 0, b, 1.0), 0.0)
