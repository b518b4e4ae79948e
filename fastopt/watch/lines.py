"""The file of a watch: lines of JSON, written and read."""

import json
import os
import time
from pathlib import Path
from typing import Any

from .look import Look

FORMAT = 1


EACH = 1.0  # Seconds from one writing to the next.


class Lines:
    """The file of a watch. Measurements become text when they are written, many at once.

    Bytes that cannot be written are kept for the next time.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        # The file may end in the middle of a line.
        self._waiting = b"\n" if self._file.tell() else b""
        self._process = os.getpid()
        self._look: Look | None = None

    def make_room(self, look: Look) -> None:
        """Empty a look that is full, since it was interrupted, for another step."""
        self._leave_to_parent()
        if look.full:
            self._waiting += look.text()

    def note(self, look: Look) -> None:
        """Note that a look has seen a step, and write the waiting measurements if it is time."""
        if look is not self._look:
            before, self._look = self._look, look
            self._waiting += before.text() if before else b""
        if look.full or time.monotonic() - self._written >= EACH:
            self.flush()

    def flush(self) -> None:
        """Write the waiting measurements."""
        self._leave_to_parent()
        if self._look:
            self._waiting += self._look.text()
        self._written = time.monotonic()
        while self._waiting:
            self._waiting = self._waiting[self._file.write(self._waiting) :]

    def write(self, line: str) -> None:
        """Write a line."""
        self._waiting += f"{line}\n".encode()
        self.flush()

    def close(self) -> None:
        """Write the waiting measurements and close the file."""
        try:
            self.flush()
        finally:
            self._file.close()

    def _leave_to_parent(self) -> None:
        """In a forked child, forget the measurements that wait: the parent writes them."""
        if self._process != os.getpid():
            self._process, self._waiting = os.getpid(), b""
            if self._look:
                self._look.text()  # This empties the look.


def read(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The lines on steps, in their order, of a file that one watch wrote, or several in turn.

    Lines that were cut off are left out. Raises OSError, and ValueError for a file that no watch wrote.
    """
    records: list[dict[str, Any]] = []
    head = False
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line) if line else {}
        except ValueError:
            record = {}
        head = head or record.get("watch") == FORMAT
        records += [record] * ("arrays" in record)
    if not head:
        raise ValueError(f"{os.fspath(path)!r} is not a file that Optimizer.watch wrote")
    return records
