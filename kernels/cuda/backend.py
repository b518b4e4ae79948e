"""CuPy arrays: a single set through an ElementwiseKernel, many sets by one launch over a task table.

Importing this module does not import CuPy; its first use does.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arrays.extents import Extents
from ..arrays.view import View, compute_type, make_view
from ..language.reductions import CHUNK
from ..program.stages import Stage
from ..tasks.table import Batch, scalar_table
from .compiler import (
    cupy,
    elementwise_kernel,
    on_device,
    on_gpu,
    reduce_many,
    refuse_capture,
    scalar_arguments,
    table_kernel,
    task_table,
    update_many,
    update_one,
)
from .gpu_program import gpu_program as gpu_program
from .unattended import UnattendedSteps
from .unattended import unattended as unattended

unattended_steps = UnattendedSteps


def piece(stage: Stage, elements: int) -> int:
    """How many elements a task has."""
    return CHUNK


def prepare(name: str, stage: Stage, batch: Batch) -> None:
    """Compile the kernel and put the table on the GPU, before anything is written.

    Raises RuntimeError while CuPy's current stream is being captured, MemoryError if the GPU has none left.
    """
    with on_device(batch.device):
        refuse_capture()
        if len(batch.sets) == 1 and batch.layout.whole and not stage.in_order:
            elementwise_kernel(name, stage, batch.layout.alone)
            return
        table_kernel(name, stage, batch)
        if not batch.layout.repeated:
            task_table(batch, batch.table)
    # The table has the addresses; the arrays need not be kept alive here, last step's gradients least of all.
    batch.sets.clear()


def launch(name: str, stage: Stage, batch: Batch, rows: Sequence[Sequence[Any]]) -> Callable[[], Any]:
    """A function that runs one stage over a batch, as tasks/launcher.py says; an interrupt may come in its middle."""
    return functools.partial(run, name, stage, batch, rows)


def lock(batches: Sequence[Batch]) -> Any:
    """No lock: launches from several threads are safe."""


def run(name: str, stage: Stage, batch: Batch, rows: Sequence[Sequence[Any]]) -> None:
    """Run one stage over a batch, as tasks/launcher.py says, on CuPy's current stream.

    An update does not wait for the GPU; a stage of reductions does.
    """
    scalars = scalar_table(rows, batch.layout)
    with on_device(batch.device):
        if stage.reductions:
            partials = cupy().empty((len(batch.table), len(stage.columns(batch.layout.compute))), "float64")
            reduce_many(name, stage, batch, task_table(batch, batch.table), scalar_arguments(scalars), partials)
            on_gpu(batch).partials = cupy().asnumpy(partials)
        elif batch.sets:
            views, row = batch.sets[0], batch.scalars[0]
            walk = views[0].walk if batch.layout.dimensions is None else None
            update_one(name, stage, batch.layout, views, walk or (), scalars[row])
        else:
            given = scalar_arguments(scalars)
            for table in batch.turns():
                update_many(name, stage, batch, task_table(batch, table), given)


def headers(fixed: list[Any], moving: list[Any], extents: Extents, before: Any = None, among: Any = None) -> Any:
    """A check whether arrays were replaced or moved; None where the words of CuPy's arrays cannot be read."""
    from ..headers.cupy_headers import available, kind
    from ..headers.numpy_headers import Headers

    return Headers(fixed, moving, extents, before, among, kind()) if available() else None


def row_headers(*_: Any) -> None:
    """No check of row-sparse gradients by compiled code."""


def merged(rows: Any, places: Any, values: View, name: str) -> tuple[Any, View]:
    """The distinct rows, in the order in which they first come, and the sum of the values of each."""
    distinct, first, numbers, times = np.unique(rows, return_index=True, return_inverse=True, return_counts=True)
    if len(distinct) == len(rows):
        return rows, values
    order = np.argsort(first)
    rounds = _rounds(numbers, times)
    numbers = np.argsort(order)[numbers]
    with on_device(values.device):
        given = values.array
        sums = cupy().zeros((len(distinct), *values.shape[1:]), compute_type([values.storage]))
        sums[...] = given[cupy().asarray(first[order])]
        # Round by round, each row at most once in it: no two threads ever add to one place.
        for chosen in rounds[1:]:
            sums[cupy().asarray(numbers[chosen])] += given[cupy().asarray(chosen)]
    return distinct[order], make_view(
        sums, values.kind, values.device, sums.data.ptr, sums.dtype, sums.strides, True, f"the sums of {name}"
    )


def _rounds(numbers: Any, times: Any) -> list[Any]:
    """The positions at which a number comes for the first time, for the second time, and so on, each in order.

    times: how often each number comes.
    """
    before = np.empty_like(numbers)
    before[np.argsort(numbers, kind="stable")] = np.arange(len(numbers)) - np.repeat(np.cumsum(times) - times, times)
    return np.split(np.argsort(before, kind="stable"), np.cumsum(np.bincount(before))[:-1])
