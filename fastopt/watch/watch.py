"""`Optimizer.watch`: a file of measurements of a run, of every so many steps."""

import functools
import json
import os
import weakref
from pathlib import Path
from typing import Any

from ..kernels.language.hyperparameters import plain_number
from ..kernels.libraries.library import view_of
from ..updater.updater import Updater
from .lines import FORMAT, Lines, read
from .look import QUANTILES, Look
from .samples import Samples

# This many elements stand for all of a larger array where a parameter is compared before and after a step.
SAMPLE = 256


class Watch:
    """Writes a line of JSON for the next step of an optimizer and for every `every`-th after it, until it is closed.

    The first line describes the watch. In the others t is the count of steps after the step, applied is false for a
    skipped step, and arrays has, for each array that was given a gradient:

    rate: quantiles of the effective learning rate, |change| / |gradient| element by element, where the gradient is not
    0; change is what the step did to the stored parameter, whatever the rule and its options, and the gradient is the
    one that was passed, of accumulated ones their sum. update_ratio: the norm of the change over the norm of the
    parameter before. For a larger array both are of SAMPLE elements, drawn once. grad_norm, zeros: the norm of the
    gradient and its share of exact zeros, of all elements, by the kernels, for which a float32 denormal is 0. null
    stands for a value that does not exist or is not finite.

    A row-sparse gradient is looked at as a whole. A watched step of a large model takes some two steps' time; of six
    small arrays, a tenth of a millisecond more.
    Lines are written together: with the first watched step that ends EACH seconds after the last writing, earlier
    where there are many, by `flush`, by `close`, and when Python ends. A process that is killed loses the waiting
    lines. If the file cannot be written, the step raises OSError after it was made. A Watch is also a context manager,
    which closes it.
    """

    def __init__(self, updater: Updater, path: str | os.PathLike[str], every: int) -> None:
        every = plain_number(every)
        if isinstance(every, bool) or not isinstance(every, int):
            raise TypeError(f"every must be a whole number of steps; got {every!r}")
        if every < 1:
            raise ValueError(f"every must be 1 or more; got {every}")
        self.path, self.every = Path(path), every
        self._updater, self._left = updater, 1
        updater.settle()
        keys, paths = updater.parameters.keys, updater.parameters.paths
        views = [view_of(array, f"params{path}")[1] for array, path in zip(updater.arrays, paths, strict=True)]
        shapes = [view.shape for view in views]
        self._looks: dict[tuple[int, ...], Look] = {}
        self._new_look = functools.partial(
            Look, keys, paths, shapes, Samples(shapes, SAMPLE), casts=updater.choices.casts
        )
        self._lines = Lines(self.path)
        head = {"watch": FORMAT, "rule": updater.rule.name, "every": every, "quantiles": QUANTILES, "sample": SAMPLE}
        # Also when Python ends.
        self._closed = weakref.finalize(self, self._lines.close)
        try:
            self._lines.write(
                json.dumps({**head, "shapes": dict(zip(keys, (view.own_shape for view in views), strict=True))})
            )
        except OSError:
            self._closed()
            raise
        updater.watch = self

    def due(self) -> bool:
        """Whether the step that begins is to be looked at."""
        self._left -= 1
        return self._left <= 0

    def around(self, parameters: list[Any], gradients: list[Any], loss: Any) -> None:
        """Make the step, which is due, and note its line. Raises what the step raises, and then notes nothing."""
        updater = self._updater
        active = tuple([k for k, gradient in enumerate(gradients) if gradient is not None])
        if not active:
            updater.update(parameters, gradients, loss)
            return
        look = self._looks.get(active) or self._new_look(active)
        self._looks = {active: look}
        self._lines.make_room(look)
        look.before(parameters, gradients)
        skipped = updater.skipped
        updater.update(parameters, gradients, loss)
        self._left = self.every
        look.after(updater.t, updater.skipped == skipped)
        self._lines.note(look)

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw the steps so far into a .png or .svg file; needs matplotlib: pip install 'fastopt[plot]'."""
        from .plot import draw

        self.flush()
        draw(read(self.path), Path(path), str(self.path))

    def flush(self) -> None:
        """Write the lines that are not in the file yet."""
        with self._updater.lock:
            self._lines.flush()

    def close(self) -> None:
        """Stop watching; a second call does nothing."""
        with self._updater.lock:
            if self._updater.watch is self:
                self._updater.watch = None
            self._closed()

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
