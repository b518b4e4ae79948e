"""Steps that the GPU takes by itself: the host does not wait for norms, and a CUDA graph can hold the steps."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..language.graph import Node
from ..program.gpu_numbers import GpuNumbers
from ..program.stages import Program
from ..tasks.stage_run import StageRun
from .compiler import (
    cupy,
    on_device,
    raw_kernel,
    reduce_many,
    refuse_capture,
    scalar_arguments,
    table_kernel,
    task_table,
    update_many,
)
from .number_kernels import (
    CLOCK,
    DOES,
    PARAMETERS,
    PAST_THE_END,
    THREADS,
    ZERO,
    found_place,
    found_width,
    number_kernel,
)

_ZERO = "a number that follows from a norm is divided by zero"


class UnattendedSteps:
    """Unattended steps of a program on sets of CuPy arrays: each `run` issues the stages, and nothing waits.

    Before each stage a kernel of number_kernels.py works out its scalars, from what was told and from the stage before.
    Either each `run` comes after a `tell`, or `tell_all` is called and `run` then captured, to be replayed many times.
    All kernels are compiled here, before a capture. Raises RuntimeError while the current stream is being captured.
    groups: for each set which row of numbers is its own. rows: how many rows of numbers there are. device: where the
    arrays are.
    notice: a word of the host's memory that the GPU writes too, for steps whose outcome nobody waits for.
    """

    def __init__(
        self, numbers: GpuNumbers, runs: Sequence[StageRun], groups: Sequence[int], rows: int, device: str, notice: Any
    ) -> None:
        program = numbers.program
        self.gpu_numbers, self.device, self._runs = numbers, device, runs
        sets, wide = len(groups), len(numbers.carried)
        own = sets if program.apart else rows
        self._sizes = np.int32(sets), np.int32(own), np.int32(rows)
        with on_device(device):
            refuse_capture()
            for stage, batch in ((run.stage, batch) for run in runs for batch in run.batches):
                # Compiled before a capture. The table has the addresses: the arrays need not be kept alive here.
                table_kernel(program.name, stage, batch)
                batch.sets.clear()
            self._kernels = [raw_kernel(*number_kernel(numbers, k)) for k in range(len(runs))]
            self._groups = cupy().asarray(np.array(groups, np.int64))
            self._reductions = cupy().zeros((sets + 1) * found_width(numbers), "float64")
            self._clock = cupy().zeros(CLOCK, "int64")
            self._go = self._clock[DOES:]
            self._carried = cupy().zeros(max(1, 2 * rows * wide), "float64")
            self._folds = [_Fold(run, sets) for run in runs[:-1]]
            most = max(1, own * max(len(run.stage.scalars) for run in runs))
            self._scalars = {kind: (cupy().zeros(most, kind), _nothing(kind)) for kind in ("float32", "float64")}
        self.notice, self._notice_at = notice, np.int64(notice.ctypes.data)
        self._told: tuple[Any, Any] = (None, None)
        self._steps = np.int64(0)

    def tell(self, rows: Sequence[Sequence[float]]) -> None:
        """Give the GPU the numbers of the next step, a row for each group, as `GpuNumbers.told` has it.

        Raises ZeroDivisionError if the GPU has stopped at a step before. The steps since then were counted, but have
        written nothing.
        """
        with on_device(self.device):
            refuse_capture()
            if self.notice[0]:
                self._clock.fill(0)
                self.notice[0] = 0
                raise ZeroDivisionError(
                    f"{self.gpu_numbers.program.name}: in a step before, {_ZERO}; nothing was written by it and the "
                    "steps after it, which were counted all the same"
                )
            self._told = scalar_arguments(np.array(rows, np.float64).reshape(len(rows), -1))
        self.tables()

    def tell_all(self, rows: Any, carried: Sequence[Sequence[float]]) -> None:
        """Give the GPU the numbers of many steps, (groups, steps, told), and the states before them, a row a group.

        Waits for the GPU. The clock begins anew. The first call sets for how many steps there is room.
        """
        _, steps, _ = rows.shape
        states = np.array([carried, carried], np.float64).reshape(-1)
        with on_device(self.device):
            refuse_capture()
            if not self._steps:
                self._told = cupy().asarray(rows), _nothing("float64")
                self._steps = np.int64(steps)
            self._told[0].set(rows)
            if states.size:
                self._carried.set(states)
            self._clock.fill(0)
            cupy().cuda.get_current_stream().synchronize()
        self.notice[0] = 0

    def clock(self) -> tuple[int, int, str]:
        """How many steps were applied and skipped since `tell_all`, and what then stopped the GPU, or "".

        Waits for all that the GPU does; raises RuntimeError while the current stream is being captured.
        """
        with on_device(self.device) as device:
            refuse_capture("what was replayed is known only when the GPU has been waited for; ask before or after")
            device.synchronize()
            stopped, _, applied, skipped = cupy().asnumpy(self._clock).tolist()
        return applied, skipped, {0: "", PAST_THE_END: "there were no more steps", ZERO: _ZERO}[stopped]

    def reduced(self, node: Node) -> float:
        """A reduction over the model, as the latest step computed it; waits for all that the GPU does."""
        numbers, sets = self.gpu_numbers, int(self._sizes[0])
        with on_device(self.device) as device:
            refuse_capture("a norm is known only when the GPU has been waited for; ask before or after")
            device.synchronize()
            found = cupy().asnumpy(self._reductions)
        return float(found[sets * found_width(numbers) + found_place(numbers, node)])

    def states(self) -> list[list[float]]:
        """The states that the GPU carries, a row for each group; waits for the GPU."""
        wide, rows = len(self.gpu_numbers.carried), int(self._sizes[2])
        with on_device(self.device):
            values: list[list[float]] = cupy().asnumpy(self._carried)[: rows * wide].reshape(rows, wide).tolist()
        return values

    def tables(self) -> None:
        """Put the task tables on the GPU, with the addresses that the arrays have now."""
        with on_device(self.device):
            for run in self._runs:
                for batch in run.batches:
                    task_table(batch, batch.table)

    def run(self) -> None:
        """Issue a step on CuPy's current stream, without waiting for it."""
        name = self.gpu_numbers.program.name
        with on_device(self.device):
            for number, run in enumerate(self._runs):
                self._work_out(number)
                fold = self._folds[number] if number < len(self._folds) else None
                for k, batch in enumerate(run.batches):
                    scalars = self._scalars[batch.layout.compute]
                    table = task_table(batch, batch.table)
                    if fold:
                        reduce_many(name, run.stage, batch, table, scalars, fold.parts[k])
                    else:
                        update_many(name, run.stage, batch, table, scalars, self._go)

    def _work_out(self, number: int) -> None:
        fold = self._folds[number - 1] if number else None
        spans, partials = (fold.spans, fold.partials) if fold else (None, None)
        sets, rows, told_rows = self._sizes
        uploaded, given = self._told
        arguments = PARAMETERS.arguments(
            **{"spans": spans, "partials": partials, "groups": self._groups, "sets": sets, "rows": rows},
            **{"told_rows": told_rows, "found": self._reductions, "uploaded": uploaded, "given": given},
            **{"steps": self._steps, "clock": self._clock, "notice": self._notice_at, "carried": self._carried},
            **{"singles": self._scalars["float32"][0], "doubles": self._scalars["float64"][0]},
        )
        self._kernels[number]((1,), (THREADS,), tuple(arguments))


class _Fold:
    """Room for the partial results of a stage, batch by batch. spans: where those of each set begin and end, and how
    many a chunk has."""

    def __init__(self, run: StageRun, sets: int) -> None:
        spans = np.zeros((sets, 3), np.int64)
        first, cuts = 0, []
        for batch in run.batches:
            width = len(run.stage.columns(batch.layout.compute))
            lengths = batch.counts * width
            ends = first + np.cumsum(lengths)
            spans[batch.positions] = np.stack([ends - lengths, ends, np.full_like(ends, width)], axis=1)
            cuts.append(slice(first, first := ends[-1]))
        self.spans = cupy().asarray(spans.reshape(-1))
        self.partials = cupy().zeros(max(1, first), "float64")
        self.parts = [self.partials[cut] for cut in cuts]


def _nothing(kind: str) -> Any:
    """A placeholder for the numbers by value of a call whose numbers lie on the GPU."""
    return scalar_arguments(np.zeros(1, kind))[1]


def _seen_by_both() -> Any:
    """A word of the host's memory that the GPU writes too, as a NumPy array."""
    word = np.frombuffer(cupy().cuda.alloc_pinned_memory(8), np.int64, 1)
    word[0] = 0
    return word


def unattended_steps(
    program: Program, runs: Sequence[StageRun], groups: Sequence[int], device: str, rows: int, notice: Any
) -> UnattendedSteps:
    """The unattended steps of a program. notice: that of the steps before these, or None.

    Raises ValueError if a GPU would not have the bits of the host.
    """
    numbers = GpuNumbers(program)
    if numbers.unfit:
        raise ValueError(f"{program.name}: a GPU has no bits of its own for {numbers.unfit}, which follows from a norm")
    return UnattendedSteps(numbers, runs, groups, rows, device, _seen_by_both() if notice is None else notice)


@functools.cache
def unattended(program: Program) -> bool:
    """Whether the host needs no result of a step: there are norms, but no guard and no states that follow from one."""
    numbers = GpuNumbers(program)
    return bool(program.reductions) and not program.guard and not numbers.carried and not numbers.unfit
