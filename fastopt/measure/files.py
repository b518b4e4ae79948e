"""Files that appear whole or not at all, and results as JSON."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from .environment import hardware


@contextlib.contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A file that appears whole when the block ends, and leaves nothing behind if the block fails."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write(path: Path, result: Mapping[str, Any]) -> None:
    """Write a result as JSON, with the hardware and the versions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as file:
        file.write((json.dumps({"machine": hardware(), **result}, indent=1) + "\n").encode())
