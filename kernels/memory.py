"""What an error says where memory is short: for what, and what helps."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def memory_for(what: str, remedy: str) -> Iterator[None]:
    """Within it, a MemoryError names what there was no memory for, and the remedy."""
    try:
        yield
    except MemoryError as error:
        raise MemoryError(f"there is no memory for {what}: {error}; nothing has been changed. {remedy}") from error
