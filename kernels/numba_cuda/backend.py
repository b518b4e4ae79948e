"""Launches over a task table for anything with __cuda_array_interface__; one launch runs a whole table."""

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from ..arrays.view import View
from ..language.reductions import CHUNK, LANES
from ..program.stages import Program, Stage
from ..tasks.launcher import ON_CUPY_ALONE
from ..tasks.table import Batch, scalar_table
from .compiler import driver, kernel
from .source import THREADS

# An update is cut into about as many pieces as blocks of THREADS run at once on a large GPU.
PIECES = 1024
# numba warns of a launch of fewer blocks; blocks without a task end at once.
_FEWEST_BLOCKS = 128
# The handle by which CUDA knows its default stream (CU_STREAM_LEGACY).
_DEFAULT_STREAM = 1

_launching = threading.Lock()


def piece(stage: Stage, elements: int) -> int:
    """How many elements a task has: a chunk for reductions, else about PIECES equal parts."""
    return CHUNK if stage.reductions else -(-elements // (PIECES * LANES)) * LANES


def prepare(name: str, stage: Stage, batch: Batch) -> None:
    """Make the kernel before anything is written."""
    with driver().gpus[int(batch.device.removeprefix("cuda:"))]:
        kernel(name, stage, batch.layout)


def launch(name: str, stage: Stage, batch: Batch, rows: Sequence[Sequence[Any]]) -> Callable[[], Any]:
    """A function that runs one stage over a batch, as tasks/launcher.py says; an interrupt may come in its middle."""
    return functools.partial(run, name, stage, batch, rows)


def lock(batches: Sequence[Batch]) -> Any:
    """No lock: launches from several threads are safe."""


def run(name: str, stage: Stage, batch: Batch, rows: Sequence[Sequence[Any]]) -> None:
    """Run one stage over a batch, as tasks/launcher.py says; a stage of reductions waits for the GPU.

    The kernel runs on the stream that the arrays' producers name, else on the default stream; if they name several,
    this waits for all of them and for the kernel.
    """
    cuda = driver()
    threads = LANES if stage.reductions else THREADS
    device = int(batch.device.removeprefix("cuda:"))
    host = _with_scalars(batch.table, scalar_table(rows, batch.layout), batch.layout.width + 1)
    # All threads of the program share the scratch memory.
    with _launching, cuda.gpus[device]:
        handles = _handles([view for views in batch.sets for view in views])
        streams = [_stream(device, handle) for handle in handles]
        if len(streams) > 1:
            for stream in streams:
                stream.synchronize()
        stream = streams[0]
        words = _scratch(device, handles[0], host.shape, "int64")
        results = max(1, len(stage.columns(batch.layout.compute)))
        partials = _scratch(device, handles[0], (len(host), results), "float64")
        words.copy_to_device(host, stream=stream)
        compiled = kernel(name, stage, batch.layout)
        compiled[max(_FEWEST_BLOCKS, len(host)), threads, stream](words, partials)
        if stage.reductions:
            batch.prepared.partials = partials.copy_to_host(stream=stream)
        if stage.reductions or len(streams) > 1:
            stream.synchronize()


def headers(*_: Any) -> None:
    """No check yet whether arrays on a GPU were replaced or moved: each step looks at all of them."""


def row_headers(*_: Any) -> None:
    """No check of row-sparse gradients by compiled code."""


def _with_scalars(table: Any, scalars: Any, column: int) -> Any:
    """The task table with the bits of each row's scalars behind it. column: that which names a row's scalars."""
    words = scalars.view(f"u{scalars.dtype.itemsize}").astype(np.int64)
    return np.concatenate([table, words[table[:, column]]], axis=1)


def _handles(views: Sequence[View]) -> list[int]:
    """The streams that the producers of the arrays name, each once; else the default stream."""
    return list(dict.fromkeys(view.stream for view in views if view.stream is not None)) or [_DEFAULT_STREAM]


@functools.cache
def _stream(device: int, handle: int) -> Any:
    return driver().external_stream(handle)


@functools.lru_cache(maxsize=64)
def _scratch(device: int, handle: int, shape: tuple[int, ...], dtype: str) -> Any:
    """Device memory for a table or partial results, kept: a stream uses it for one launch after the other."""
    return driver().device_array(shape, np.dtype(dtype))


def unattended(program: Program) -> bool:
    """False, as yet: the host waits for norms."""
    return False


def gpu_program(*_: Any) -> NoReturn:
    """Raises TypeError: this backend has no unattended steps yet."""
    raise TypeError(ON_CUPY_ALONE)


unattended_steps = gpu_program


# Rows that come several times are not added up here yet.
merged = None
