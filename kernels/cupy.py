"""CuPy arrays: a single set through an ElementwiseKernel, many dense sets by one launch over a task table.

Importing this module does not import CuPy; its first use does. Kernels are kept on disk by CuPy.
"""

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .arrays import View, compute_type, make_view
from .cuda_source import THREADS, Elementwise, elementwise, kernel_name, pack, reduce_source, update_source
from .program import Stage
from .reductions import CHUNK, LANES
from .table import Batch, scalar_table

# CuPy adds -ftz=true and the architecture.
OPTIONS = ("--fmad=false", "--prec-div=true", "--prec-sqrt=true")
# How many packs of 128 bits a thread takes of each array, where there are enough of them.
ROUNDS = 4


@functools.cache
def library() -> Any:
    """CuPy. Raises ImportError where it is absent, RuntimeError where it finds no GPU; both name the remedy."""
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:
        raise ImportError(
            f"CuPy is needed for arrays on the GPU and cannot be imported ({error}); pip install 'fastopt[cuda13]', "
            "or 'fastopt[cuda12]' if nvidia-smi shows CUDA 12"
        ) from error
    runtime = cupy.cuda.runtime
    try:
        devices = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        raise RuntimeError(
            f"CuPy {cupy.__version__} finds no usable GPU ({error}); install or update the NVIDIA driver "
            "(nvidia-smi shows what it supports), or use NumPy arrays"
        ) from error
    if not devices:
        raise RuntimeError(
            f"CuPy {cupy.__version__} sees no GPU; check CUDA_VISIBLE_DEVICES and nvidia-smi, or use NumPy arrays"
        )
    return cupy


def piece(stage: Stage, elements: int) -> int:
    """How many elements a task has."""
    return CHUNK


def prepare(name: str, stage: Stage, batch: Batch) -> None:
    """Make the kernel before anything is written."""
    with _device(batch.device):
        if stage.reductions:
            _reduce_kernel(name, stage, batch.storages, batch.dimensions)
        elif _in_table(batch):
            _update_kernel(name, stage, batch.storages, batch.held)
        else:
            _elementwise(name, stage, batch.storages)


def launch(name: str, stage: Stage, batch: Batch, rows: Sequence[Sequence[Any]]) -> Callable[[], Any]:
    """What runs one stage over a batch, as tasks.Backend says; an interrupt may come in the middle of it."""
    return functools.partial(run, name, stage, batch, rows)


def guard(batches: Sequence[Batch]) -> Any:
    """No lock: launches from several threads are safe."""


def run(name: str, stage: Stage, batch: Batch, rows: Sequence[Sequence[Any]]) -> None:
    """Run one stage over a batch, as tasks.Backend says, on CuPy's current stream.

    An update does not wait for the GPU; a stage of reductions does.
    """
    scalars = scalar_table(rows, batch.storages)
    with _device(batch.device):
        if stage.reductions:
            batch.kept["partials"] = _reduce(name, stage, batch, scalars)
            return
        if _in_table(batch):
            _update_many(name, stage, batch, scalars)
            return
        for views, row in zip(batch.sets, batch.scalars, strict=True):
            walk = views[0].walk if batch.dimensions is None else None
            _update_one(name, stage, views, walk or (), scalars[row])


def _in_table(batch: Batch) -> bool:
    """Whether a batch goes by its table rather than array by array."""
    if batch.dimensions is not None and not batch.whole:
        raise ValueError("on a GPU row-sparse gradients need parameters and values with contiguous rows; copy them")
    return not batch.whole or (batch.dimensions is None and len(batch.sets) > 1)


def watch(parameters: list[Any], gradients: list[Any], views: Any, gradients_written: bool) -> None:
    """Nothing notices yet that CuPy arrays moved: each step looks at all of them."""


def _device(name: str) -> Any:
    return library().cuda.Device(int(name.partition(":")[2]))


def _update_one(name: str, stage: Stage, views: Sequence[View], walk: Sequence[int], scalars: Any) -> None:
    """walk: the axes that come last, in the order of memory, for CuPy to walk dense arrays without dividing."""
    described, kernel = _elementwise(name, stage, tuple(view.storage for view in views))
    axes = [axis for axis in range(len(views[0].shape)) if axis not in walk] + list(walk)
    arrays = [_bits(view.array.transpose(axes)) for view in views]
    kernel(*(arrays[k] for k in described.inputs), *scalars, *(arrays[k] for k in described.outputs))


def _bits(array: Any) -> Any:
    return array.view("uint16") if array.dtype.itemsize == 2 else array


def _update_many(name: str, stage: Stage, batch: Batch, scalars: Any) -> None:
    largest = min(CHUNK, max(views[0].size for views in batch.sets))
    blocks = -(-largest // (THREADS * pack(batch.storages) * ROUNDS))
    kernel = _update_kernel(name, stage, batch.storages, batch.held)
    cupy = library()
    numbers = cupy.asarray(scalars)
    for table in batch.turns(len(stage.arrays)):
        arguments = (cupy.asarray(table), numbers, cupy.uint32(blocks))
        kernel((len(table) * blocks,), (THREADS,), arguments)


def _reduce(name: str, stage: Stage, batch: Batch, scalars: Any) -> Any:
    cupy = library()
    partials = cupy.empty((len(batch.table), len(stage.reductions)), "float64")
    arguments = (cupy.asarray(batch.table), cupy.asarray(scalars), partials)
    kernel = _reduce_kernel(name, stage, batch.storages, batch.dimensions)
    kernel((len(batch.table),), (LANES // pack(batch.storages),), arguments)
    return cupy.asnumpy(partials)


@functools.cache
def _elementwise(name: str, stage: Stage, storages: tuple[str, ...]) -> tuple[Elementwise, Callable[..., None]]:
    it = elementwise(name, stage, storages)
    kernel = library().ElementwiseKernel(
        it.in_params, it.out_params, it.operation, it.name, preamble=it.preamble, no_return=True, options=OPTIONS
    )
    return it, kernel


@functools.cache
def _update_kernel(
    name: str, stage: Stage, storages: tuple[str, ...], held: tuple[int, ...] = ()
) -> Callable[..., None]:
    kernel: Callable[..., None] = library().RawKernel(
        update_source(name, stage, storages, held), kernel_name(name), options=OPTIONS
    )
    return kernel


@functools.cache
def _reduce_kernel(name: str, stage: Stage, storages: tuple[str, ...], dimensions: int | None) -> Callable[..., None]:
    kernel: Callable[..., None] = library().RawKernel(
        reduce_source(name, stage, storages, dimensions), f"{kernel_name(name)}_norms", options=OPTIONS
    )
    return kernel


def merged(rows: Any, places: Any, values: View) -> tuple[Any, View]:
    """Each row once, in the order in which they first come, and the sums of their values in that order."""
    found, first, numbers = np.unique(rows, return_index=True, return_inverse=True)
    if len(found) == len(rows):
        return rows, values
    cupy = library()
    order = np.argsort(first)
    numbers = np.argsort(order)[numbers]
    with _device(values.device):
        given = values.array
        sums = cupy.zeros((len(found), *values.shape[1:]), compute_type([values.storage]))
        sums[...] = given[cupy.asarray(first[order])]
        # Round by round, each row at most once in it: no two threads ever add to one place.
        times = np.zeros(len(found), np.int64)
        rounds = np.zeros(len(rows), np.int64)
        for k, number in enumerate(numbers):
            rounds[k] = times[number]
            times[number] += 1
        for number in range(1, int(times.max())):
            chosen = np.flatnonzero(rounds == number)
            sums[cupy.asarray(numbers[chosen])] += given[cupy.asarray(chosen)]
    return found[order], make_view(
        sums, values.kind, values.device, sums.data.ptr, sums.dtype, sums.strides, True, "the sums of rows"
    )


def full_like(view: View, value: float, dtype: str) -> Any:
    """A new CuPy array in the shape and the order of memory of another, on its device."""
    with _device(view.device):
        return library().full_like(view.array, value, dtype=dtype)


def to_host(view: View) -> Any:
    """A NumPy array with its values; waits for the GPU."""
    with _device(view.device):
        return view.array.get()


def filling(view: View, values: Any) -> Callable[[], Any]:
    """What sets it to the values of a NumPy array."""
    return functools.partial(_fill, view, values)


def _fill(view: View, values: Any) -> None:
    with _device(view.device):
        view.array[...] = library().asarray(values)


def sources(name: str, stage: Stage, storages: Sequence[str]) -> list[tuple[str, str, str]]:
    """For people to read: a title, the language and the text of each kernel of a stage."""
    if stage.reductions:
        return [("GPU, CUDA C++: the norms of all arrays", "c++", reduce_source(name, stage, storages, None))]
    one = elementwise(name, stage, storages)
    text = f"{one.preamble}\n// ElementwiseKernel({one.in_params!r}, {one.out_params!r}): for each i\n{one.operation}\n"
    return [
        ("GPU, CuPy ElementwiseKernel: one array of any layout", "c++", text),
        ("GPU, CUDA C++: all arrays in one launch", "c++", update_source(name, stage, storages)),
    ]
