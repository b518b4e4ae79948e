"""What `Optimizer.watch` notes of a run every so many steps: rates, sizes of updates and gradients, exact zeros."""

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .kernels import norm, sign, total
from .kernels.dispatch import to_host
from .kernels.plan import Plan
from .kernels.program import Program
from .kernels.row_sparse import is_row_sparse, row_sparse
from .kernels.trace import Trace

if TYPE_CHECKING:
    from .optimizer import Optimizer

FORMAT = 1
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# Of a larger array so many elements stand for all where its parameter is looked at before and after a step.
SAMPLE = 256


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
    small arrays, half a millisecond more.
    Every line is flushed, so a process that ends loses none; a machine that does may. If the file cannot be written,
    the step raises OSError after it was made. It is also a context manager, which closes it.
    """

    def __init__(self, optimizer: "Optimizer", path: str | os.PathLike[str], every: int) -> None:
        if isinstance(every, bool) or not isinstance(every, int):
            raise TypeError(f"every must be a whole number of steps; got {every!r}")
        if every < 1:
            raise ValueError(f"every must be 1 or more; got {every}")
        self.path, self.every = Path(path), every
        self._optimizer, self._left = optimizer, 1
        self._keys, self._paths = optimizer._parameters.keys, optimizer._parameters.paths
        shapes = [tuple(array.shape) for array in optimizer._arrays]
        generator = np.random.default_rng(0)
        self._samples = [_sample(shape, generator) for shape in shapes]
        # How the numbers of an array stand in a line: filling in text is faster than a dictionary for each of hundreds.
        rate = ",".join(["%s"] * len(QUANTILES))
        form = f'{{"rate":[{rate}],"update_ratio":%s,"grad_norm":%s,"zeros":%s}}'
        self._forms = [f"{json.dumps(key).replace('%', '%%')}:{form}" for key in self._keys]
        self._sizes = np.array([math.prod(shape) for shape in shapes])
        self._plans: dict[tuple[int, ...], Plan] = {}
        self._file = self.path.open("a", encoding="utf-8")
        if self._file.tell():
            self._file.write("\n")  # What is there may end in the middle of a line.
        head = {"watch": FORMAT, "rule": optimizer.rule.name, "every": every, "quantiles": QUANTILES, "sample": SAMPLE}
        self._write(json.dumps({**head, "shapes": dict(zip(self._keys, shapes, strict=True))}))

    def due(self) -> bool:
        """Whether the step that begins is to be looked at."""
        self._left -= 1
        return self._left <= 0

    def around(self, parameters: Sequence[Any], gradients: Sequence[Any]) -> None:
        """Make the step, which is due, and write its line. Raises what the step raises, and then writes nothing."""
        optimizer = self._optimizer
        active = tuple(k for k, gradient in enumerate(gradients) if gradient is not None)
        seen = [
            row_sparse(g, p.shape, "grads" + path).dense(p.shape) if is_row_sparse(g) else g
            for g, p, path in zip(gradients, parameters, self._paths, strict=True)
        ]
        known = self._counted(active, parameters, seen)  # which checks them
        before, g = self._sampled(active, parameters, "params"), self._sampled(active, seen, "grads")
        skipped = optimizer.skipped
        optimizer._update(list(parameters), list(gradients))
        if not active:
            return
        applied = optimizer.skipped == skipped
        table = np.full((len(active), len(QUANTILES) + 3), np.nan)
        with np.errstate(all="ignore"):
            if applied:
                change = self._sampled(active, parameters, "params") - before
                table[:, :-3], table[:, -3] = _quantiles(change, g), _ratios(change, before)
            table[:, -2:] = known
            table[:, -1] = 1 - table[:, -1] / self._sizes[list(active)]
        lines = ",".join([self._forms[k] for k in active])
        numbers = [f"{value:.6g}" if math.isfinite(value) else "null" for value in table.ravel().tolist()]
        self._left = self.every
        self._write(f'{{"t":{optimizer.t},"applied":{json.dumps(applied)},"arrays":{{{lines}}}}}' % tuple(numbers))

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw what the file has so far into another, .png or .svg; needs matplotlib: pip install 'fastopt[plot]'."""
        from .watch_plot import draw

        draw(self.path, Path(path))

    def close(self) -> None:
        """Stop watching; a second call does nothing."""
        with self._optimizer._lock:
            if not self._file.closed:
                self._file.close()
                self._optimizer._watch = None

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _sampled(self, active: Sequence[int], arrays: Sequence[Any], what: str) -> Any:
        """A row of float64 for each array, filled up with zeros."""
        rows = np.zeros((len(active), min(SAMPLE, int(self._sizes[list(active)].max(initial=1)))))
        for row, k in zip(rows, active, strict=True):
            chosen, values = self._samples[k], arrays[k]
            if type(values) is not np.ndarray:
                values = to_host(values, what + self._paths[k])
            if chosen is None:
                row[: values.size] = values.reshape(-1)
            elif values.flags.c_contiguous:
                row[:] = values.reshape(-1)[chosen]
            else:
                row[:] = values[np.unravel_index(chosen, values.shape)]
        return rows

    def _counted(
        self, active: tuple[int, ...], parameters: Sequence[Any], gradients: Sequence[Any]
    ) -> list[list[float]]:
        """The norm of each gradient, and how many of its elements are not 0."""
        if not active:
            return []
        chosen = [parameters[k] for k in active], [gradients[k] for k in active]
        plan = self._plans.get(active)
        if plan is None:
            kinds = {"p": "params", "g": "grads"}
            plan = Plan(
                _PROGRAM,
                [()] * len(active),
                [0] * len(active),
                lambda place, name: kinds[name] + self._paths[active[place]],
            )
        if not plan.holds(*chosen):
            plan.bind(*chosen)
        self._plans = {active: plan}
        return plan.decide([{}]) or []

    def _write(self, line: str) -> None:
        self._file.write(line + "\n")
        self._file.flush()


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


def _program() -> Program:
    """Two reductions over a gradient; its last pass, which would write, is never run."""
    trace = Trace()
    g = trace.array("g")
    states = {"grad_norm": trace.node(norm(g)), "nonzeros": trace.node(total(abs(sign(g))))}
    return Program("watch", ("p", "g"), (), {"p": trace.node(-g)}, states)


_PROGRAM = _program()


def _sample(shape: tuple[int, ...], generator: np.random.Generator) -> Any:
    """Flat indices of the elements that stand for an array; None for all. At random: a lattice may follow columns."""
    size = math.prod(shape)
    return np.sort(generator.choice(size, SAMPLE, replace=False)) if size > SAMPLE else None


def _quantiles(change: Any, g: Any) -> Any:
    """For each row the quantiles of |change| / |g| where that is finite; NaN for a row that has none."""
    rates = abs(change) / abs(g)
    rates[~np.isfinite(rates)] = np.nan
    rates.sort(axis=1)  # NaN comes last.
    last = np.maximum(rates.shape[1] - 1 - np.isnan(rates).sum(axis=1), 0)[:, None]
    at = last * np.array(QUANTILES)
    low = at.astype(int)
    rows = np.arange(len(rates))[:, None]
    lower, upper = rates[rows, low], rates[rows, np.minimum(low + 1, last)]
    return lower + (at - low) * (upper - lower)


def _ratios(change: Any, before: Any) -> Any:
    return np.sqrt((change * change).sum(axis=1) / (before * before).sum(axis=1))
