"""Measurements of a step: effective learning rates, sizes of updates and gradients, exact zeros."""

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..kernels import norm, sign, total
from ..kernels.arrays.row_sparse import is_row_sparse, row_sparse
from ..kernels.language.trace import Trace
from ..kernels.program.stages import Program
from ..kernels.step.executors import Executor
from ..kernels.step.plan import Plan
from .samples import Located, Samples, compared

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_PARTS = np.array(QUANTILES)
# Measurements of this many arrays, or of one step, become text together, which takes half the time.
_MOST = 128


class Look:
    """Looks at some of the arrays of an optimizer, those with the numbers `active`, before and after steps.

    keys, paths, shapes: of all arrays. samples: the elements that are drawn of all arrays. casts: as a Plan has it.
    """

    def __init__(
        self,
        keys: Sequence[str],
        paths: Sequence[str],
        shapes: Sequence[tuple[int, ...]],
        samples: Samples,
        active: tuple[int, ...],
        *,
        casts: bool,
    ) -> None:
        self._active, self._samples = active, samples
        kinds = {"p": "params", "g": "grads"}
        self._names = [kind + paths[k] for kind in kinds.values() for k in active]
        self._plan = Plan(
            _PROGRAM,
            [()] * len(active),
            [0] * len(active),
            lambda place, name: kinds[name] + paths[active[place]],
            casts=casts,
        )
        self._sizes = np.array([math.prod(shapes[k]) or math.nan for k in active])
        self._keys = [keys[k] for k in active]
        self._form = self._filled("%.6g")
        # For each step: samples of parameters and then of gradients before it; of parameters after it; the rest.
        rows = max(1, _MOST // len(active)), len(active)
        width = samples.width(active)
        self._located: Located | None = None
        self._executor: Executor | None = None
        self._counts: Any = None
        self._reduced: Any = None
        self._before, self._after = np.zeros((rows[0], 2 * rows[1], width)), np.zeros((*rows, width))
        self._seen: list[tuple[int, bool, Callable[[], list[Any]]]] = []

    @property
    def full(self) -> bool:
        """Whether `text` is to be called before the next step."""
        return len(self._seen) == len(self._before)

    def before(self, parameters: list[Any], gradients: list[Any]) -> None:
        """Look before the step. Raises TypeError or ValueError for arrays that the step would refuse."""
        active = self._active
        if len(active) < len(parameters):
            parameters, gradients = [parameters[k] for k in active], [gradients[k] for k in active]
        # Both are cleared until they are set again: after an interrupt in between they may be wrong.
        located, self._located = self._located, None
        triples = zip(gradients, parameters, self._names[len(active) :], strict=True)
        gradients = [row_sparse(g, p.shape, n).dense(p.shape) if is_row_sparse(g) else g for g, p, n in triples]
        executor, self._executor = self._executor, self._plan.take(parameters, gradients)
        if located and executor is self._executor:
            located.addresses = self._plan.addresses
        else:
            located = self._samples.located(active * 2, [*parameters, *gradients], self._names)
            self._counts = located.counts
        self._located = located
        located.read(self._before[len(self._seen)])
        self._reduced = located, self._plan.reduced()

    def after(self, t: int, applied: bool) -> None:
        """Look after a step. t: the count of steps after it. applied: False for a skipped step."""
        located, reduced = self._reduced
        located.renew()
        located.read(self._after[len(self._seen)])
        self._seen.append((t, applied, reduced))

    def text(self) -> bytes:
        """The measurements of the steps, a line of JSON for each; this empties the look."""
        seen = self._seen
        if not seen:
            return b""
        count = len(self._keys)
        tables = np.empty((len(seen), count, len(QUANTILES) + 3))
        before, after = self._before[: len(seen)], self._after[: len(seen)]
        tables[..., :-3], tables[..., -3] = compared(before[:, :count], after, before[:, count:], self._counts, _PARTS)
        tables[[not applied for _, applied, _ in seen], :, :-2] = np.nan
        norms, nonzeros = np.array([reduced() for _, _, reduced in seen]).swapaxes(0, 1)
        tables[..., -2], tables[..., -1] = norms, 1 - nonzeros / self._sizes
        finite: Any = np.isfinite(tables).all(axis=(1, 2))
        rows = zip(seen, tables.reshape(len(seen), -1).tolist(), finite, strict=True)
        lines = [self._line(t, applied, numbers, whole) for (t, applied, _), numbers, whole in rows]
        text = "".join(lines).encode()
        self._seen = []
        return text

    def _line(self, t: int, applied: bool, numbers: list[float], finite: bool) -> str:
        """The measurements of a step, as a line of JSON with its end."""
        # Filling in a text takes a fraction of the time of a dictionary for each array.
        if finite:
            arrays = self._form % tuple(numbers)
        else:
            arrays = self._filled("%s") % tuple([f"{x:.6g}" if math.isfinite(x) else "null" for x in numbers])
        return f'{{"t":{t},"applied":{"true" if applied else "false"},"arrays":{{{arrays}}}}}\n'

    def _filled(self, one: str) -> str:
        """The text of all arrays, with the text `one` in the place of each number."""
        rate = ",".join([one] * len(QUANTILES))
        form = f'{{"rate":[{rate}],"update_ratio":{one},"grad_norm":{one},"zeros":{one}}}'
        return ",".join([f"{json.dumps(key).replace('%', '%%')}:{form}" for key in self._keys])


def _program() -> Program:
    """A program of two reductions over a gradient; its last stage writes nothing."""
    trace = Trace()
    g = trace.array("g")
    states = {"grad_norm": trace.node(norm(g)), "nonzeros": trace.node(total(abs(sign(g))))}
    return Program("watch", ("p", "g"), (), {}, states)


_PROGRAM = _program()
