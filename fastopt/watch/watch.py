"""`Optimizer.watch`: a file with what a run does every so many steps."""

import functools
import json
import os
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .look import QUANTILES, Look
from .samples import Samples

if TYPE_CHECKING:
    from ..optimizer.optimizer import Optimizer

FORMAT = 1
# Of a larger array so many elements stand for all where its parameter is looked at before and after a step.
SAMPLE = 256
EACH = 1.0  # Seconds from one writing to the next.


class Watch:
    """Writes a line of JSON for the next step of an optimizer and for every `every`-th after it, until it is closed.

    The first line describes the watch. In the others t is the count of steps after the step, applied whether it was,
    or was skipped, and arrays has, for each array that was given a gradient:

    rate: quantiles of the effective learning rate, |change| / |gradient| element by element, where the gradient is not
    0; change is what the step did to the stored parameter, whatever the rule and its options, and the gradient is the
    one that was passed. update_ratio: the norm of the change over the norm of the parameter before. Both are of SAMPLE
    elements, drawn once, of a larger array. grad_norm, zeros: the norm of the gradient and its share of exact zeros,
    of all elements, by the kernels, for which a float32 denormal is 0. null stands for what has no finite value.

    A row-sparse gradient is looked at as a whole. A watched step of a large model takes some two steps' time; of six
    small arrays, a tenth of a millisecond more.
    Lines wait for each other: they are written with the first watched step that ends EACH seconds after the last
    writing, earlier where there are many, by `flush`, by `close`, and when Python ends. A process that is killed loses
    those that wait. If the file cannot be written, the step raises OSError after it was made. It is also a context
    manager, which closes it.
    """

    def __init__(self, optimizer: "Optimizer", path: str | os.PathLike[str], every: int) -> None:
        if isinstance(every, bool) or not isinstance(every, int):
            raise TypeError(f"every must be a whole number of steps; got {every!r}")
        if every < 1:
            raise ValueError(f"every must be 1 or more; got {every}")
        self.path, self.every = Path(path), every
        self._optimizer, self._left = optimizer, 1
        keys, shapes = optimizer._parameters.keys, [tuple(array.shape) for array in optimizer._arrays]
        self._looks: dict[tuple[int, ...], Look] = {}
        self._looked = functools.partial(Look, keys, optimizer._parameters.paths, shapes, Samples(shapes, SAMPLE))
        self._lines = _Lines(self.path)
        head = {"watch": FORMAT, "rule": optimizer.rule.name, "every": every, "quantiles": QUANTILES, "sample": SAMPLE}
        # Also when Python ends.
        self._closed = weakref.finalize(self, self._lines.close)
        try:
            self._lines.write(json.dumps({**head, "shapes": dict(zip(keys, shapes, strict=True))}))
        except OSError:
            self._closed()
            raise

    def due(self) -> bool:
        """Whether the step that begins is to be looked at."""
        self._left -= 1
        return self._left <= 0

    def around(self, parameters: list[Any], gradients: list[Any]) -> None:
        """Make the step, which is due, and note its line. Raises what the step raises, and then notes nothing."""
        optimizer = self._optimizer
        active = tuple([k for k, gradient in enumerate(gradients) if gradient is not None])
        if not active:
            optimizer._update(parameters, gradients)
            return
        look = self._looks.get(active) or self._looked(active)
        self._looks = {active: look}
        self._lines.make_room(look)
        look.before(parameters, gradients)
        skipped = optimizer.skipped
        optimizer._update(parameters, gradients)
        self._left = self.every
        look.after(optimizer.t, optimizer.skipped == skipped)
        self._lines.note(look)

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw what the file has so far into another, .png or .svg; needs matplotlib: pip install 'fastopt[plot]'."""
        from .plot import draw

        self.flush()
        draw(self.path, Path(path))

    def flush(self) -> None:
        """Write the lines that are not in the file yet."""
        with self._optimizer._lock:
            self._lines.flush()

    def close(self) -> None:
        """Stop watching; a second call does nothing."""
        with self._optimizer._lock:
            if self._optimizer._watch is self:
                self._optimizer._watch = None
            self._closed()

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


class _Lines:
    """The file of a watch. What was seen becomes text when it is written, much of it at once.

    What cannot be written is kept, from where the file ends, for the next time.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        # What is there may end in the middle of a line.
        self._waiting = b"\n" if self._file.tell() else b""
        self._process = os.getpid()
        self._look: Look | None = None

    def make_room(self, look: Look) -> None:
        """Have a look that is full, since it was interrupted, see another step."""
        self._leave_to_parent()
        if look.full:
            self._waiting += look.text()

    def note(self, look: Look) -> None:
        """Note that a look has seen a step, and write what was seen if it is time."""
        if look is not self._look:
            before, self._look = self._look, look
            self._waiting += before.text() if before else b""
        if look.full or time.monotonic() - self._written >= EACH:
            self.flush()

    def flush(self) -> None:
        """Write what was noted."""
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
        """Write what was noted and close the file."""
        try:
            self.flush()
        finally:
            self._file.close()

    def _leave_to_parent(self) -> None:
        """What a process noted before it split into two is its own to write."""
        if self._process != os.getpid():
            self._process, self._waiting = os.getpid(), b""
            if self._look:
                self._look.text()  # It is then forgotten.


def read(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The lines on steps of a file that a watch wrote, or several one after the other, in their order.

    Lines that were cut off are left out. Raises OSError, and ValueError for a file of something else.
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
