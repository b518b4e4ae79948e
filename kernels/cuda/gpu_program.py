"""A program on sets of CuPy arrays, and the numbers that the GPU keeps for it between its stages."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..language.graph import ALL_RULES, Node
from ..program.gpu_numbers import GpuNumbers
from ..program.stages import Program
from ..tasks.stage_run import StageRun
from .clock import THREADS
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
from .folds import found_width, places
from .gpu_clock import GpuClock
from .number_kernels import PARAMETERS, fold_kernel, number_kernel

Issues = Sequence[Callable[[], None]]


class Issued(NamedTuple):
    """The functions that issue a step of a program, in their order; `folds` only where totals are then joined over all
    programs."""

    begins: Issues
    folds: Issues
    goes_on: Issues
    writes: Issues


class GpuProgram:
    """A program on sets of CuPy arrays, with its numbers on the GPU.

    The kernels of its stages are compiled here, before a capture. Raises RuntimeError while the current stream is being
    captured.
    groups: for each set which row of numbers is its own. rows: how many rows of numbers there are. device: where the
    arrays are.
    """

    def __init__(
        self, numbers: GpuNumbers, runs: Sequence[StageRun], groups: Sequence[int], rows: int, device: str
    ) -> None:
        program = numbers.program
        self.numbers, self.device, self._runs = numbers, device, runs
        sets, self._wide = len(groups), len(numbers.carried)
        own = sets if program.apart else rows
        with on_device(device):
            refuse_capture()
            for stage, batch in ((run.stage, batch) for run in runs for batch in run.batches):
                # Compiled before a capture. The table has the addresses: the arrays need not be kept alive here.
                table_kernel(program.name, stage, batch)
                batch.sets.clear()
            self._reductions = cupy().zeros((sets + 1) * found_width(numbers), "float64")
            self._carried = cupy().zeros(max(1, 2 * rows * self._wide), "float64")
            self._folds = [_Fold(run, sets) for run in runs[:-1]]
            most = max(1, own * max(len(run.stage.scalars) for run in runs))
            self._scalars = {kind: (cupy().zeros(most, kind), _nothing(kind)) for kind in ("float32", "float64")}
            self._fixed = {
                **{"groups": cupy().asarray(np.array(groups, np.int64)), "sets": np.int32(sets), "rows": np.int32(own)},
                **{"told_rows": np.int32(rows), "found": self._reductions, "carried": self._carried},
                **{"singles": self._scalars["float32"][0], "doubles": self._scalars["float64"][0]},
            }
        self._told: tuple[Any, Any] = (None, None)
        self._sets, self._rows = sets, rows

    def tell(self, rows: Sequence[Sequence[float]]) -> None:
        """Give the GPU the numbers of the next step, a row for each group, as `GpuNumbers.told` has it."""
        self._told = scalar_arguments(np.array(rows, np.float64).reshape(len(rows), -1))

    def tell_all(self, rows: Any, carried: Sequence[Sequence[float]]) -> None:
        """Give the GPU the numbers of many steps, (groups, steps, told), and the states before them, a row a group.

        The first call sets for how many steps there is room.
        """
        if self._told[0] is None:
            self._told = cupy().asarray(rows), _nothing("float64")
        else:
            self._told[0].set(rows)
        states = np.array([carried, carried], np.float64).reshape(-1)
        if states.size:
            self._carried.set(states)

    def reduced(self, node: Node) -> float:
        """A reduction over the model, as the latest step computed it; waits for all that the GPU does."""
        with on_device(self.device) as device:
            refuse_capture("a norm is known only when the GPU has been waited for; ask before or after")
            device.synchronize()
            found = cupy().asnumpy(self._reductions)
        return float(found[self._place(self._sets, places(self.numbers)[node][0])])

    def states(self) -> list[list[float]]:
        """The states that the GPU carries, a row for each group; waits for the GPU."""
        with on_device(self.device):
            carried = cupy().asnumpy(self._carried)
        values: list[list[float]] = carried[: self._rows * self._wide].reshape(self._rows, self._wide).tolist()
        return values

    @property
    def carried(self) -> list[int]:
        """The address of the states that the GPU carries, and how many these are."""
        return [self._carried.data.ptr, self._rows * self._wide]

    @property
    def shared(self) -> dict[str, tuple[Any, int]]:
        """Of the reductions over all arrays of the optimizer, by name: the addresses of their totals, (parts, sets),
        and that of the value."""
        at, sets = self._reductions.data.ptr, np.arange(self._sets)
        return {
            node.op: (
                at + 8 * np.stack([self._place(sets, place) for place in own]),
                at + 8 * self._place(self._sets, own[0]),
            )
            for node, own in places(self.numbers).items()
            if node.value == ALL_RULES
        }

    def _place(self, row: Any, place: int) -> Any:
        """Where a place in a row of `found` is."""
        return row * found_width(self.numbers) + place

    def tables(self) -> None:
        """Put the task tables on the GPU, with the addresses that the arrays have now."""
        for run in self._runs:
            for batch in run.batches:
                task_table(batch, batch.table)

    def issued(self, clock: GpuClock, alone: bool) -> Issued:
        """What issues a step, on the current device. alone: whether no other program has the clock.

        All kernels are compiled here.
        """
        numbers, every = self.numbers, range(len(self._runs))
        *before, write = (partial(self._go_over, k, clock) for k in every)
        kernels = [raw_kernel(*number_kernel(numbers, k, alone)) for k in every]
        works = [partial(self._work_out, kernel, k, clock) for k, kernel in enumerate(kernels)]
        folds: Issues = []
        if numbers.program.shared and not alone:
            folds = [partial(self._work_out, raw_kernel(*fold_kernel(numbers)), 1, clock)]
        # Each stage after its numbers, but the last one.
        each = [issue for pair in zip(works, before, strict=False) for issue in pair] + works[-1:]
        return Issued(each[:2], folds, each[2:], [write])

    def _go_over(self, number: int, clock: GpuClock) -> None:
        name, run = self.numbers.program.name, self._runs[number]
        fold = self._folds[number] if number < len(self._folds) else None
        for k, batch in enumerate(run.batches):
            scalars = self._scalars[batch.layout.compute]
            table = task_table(batch, batch.table)
            if fold:
                reduce_many(name, run.stage, batch, table, scalars, fold.parts[k])
            else:
                update_many(name, run.stage, batch, table, scalars, clock.go)

    def _work_out(self, kernel: Callable[..., None], number: int, clock: GpuClock) -> None:
        fold = self._folds[number - 1] if number else None
        spans, partials = (fold.spans, fold.partials) if fold else (None, None)
        uploaded, given = self._told
        arguments = PARAMETERS.arguments(
            **{"spans": spans, "partials": partials, "uploaded": uploaded, "given": given},
            **self._fixed,
            **clock.arguments,
        )
        kernel((1,), (THREADS,), tuple(arguments))


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


def gpu_program(
    program: Program, runs: Sequence[StageRun], groups: Sequence[int], device: str, rows: int
) -> GpuProgram:
    """A program on the GPU. Raises ValueError if a GPU would not have the bits of the host."""
    numbers = GpuNumbers(program)
    if numbers.unfit:
        raise ValueError(f"{program.name}: a GPU has no bits of its own for {numbers.unfit}, which follows from a norm")
    return GpuProgram(numbers, runs, groups, rows, device)
