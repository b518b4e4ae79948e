"""The kernels that CuPy compiles, and their launches on its current stream; none waits for the GPU.

Importing this module does not import CuPy; its first use does. Kernels are kept on disk by CuPy.
"""

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arrays.view import View, axes_along
from ..language.reductions import LANES
from ..language.storages import ABSENT
from ..program.stages import Stage
from ..system import memory_for
from ..tasks.layout import Layout
from ..tasks.table import Batch, Prepared
from . import launch_size
from .element import Elementwise, elementwise, kernel_name
from .table_kernels import GIVEN_BYTES, REDUCE, UPDATE, per_thread, reduce_source, update_source

# CuPy adds -ftz=true and the architecture.
OPTIONS = ("--fmad=false", "--prec-div=true", "--prec-sqrt=true")
_FROM_THE_HOST = "a step takes its numbers from the host; make the step before with captured(), and call that"
_WHERE = "install CuPy for the CUDA that nvidia-smi shows: pip install 'fastopt[cuda13]' or 'fastopt[cuda12]'"


@functools.cache
def cupy() -> Any:
    """CuPy. Raises ImportError where it is absent, RuntimeError where it finds no GPU; both name the remedy."""
    try:
        module = importlib.import_module("cupy")
    except ImportError as error:
        raise ImportError(
            f"CuPy is needed for arrays on the GPU and cannot be imported ({error}); pip install 'fastopt[cuda13]', "
            "or 'fastopt[cuda12]' if nvidia-smi shows CUDA 12"
        ) from error
    runtime = module.cuda.runtime
    try:
        devices = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        raise RuntimeError(
            f"CuPy {module.__version__} finds no usable GPU ({error}); install or update the NVIDIA driver "
            "(nvidia-smi shows what it supports), or use NumPy arrays"
        ) from error
    if not devices:
        raise RuntimeError(
            f"CuPy {module.__version__} sees no GPU; check CUDA_VISIBLE_DEVICES and nvidia-smi, or use NumPy arrays"
        )
    return module


def on_device(name: str) -> Any:
    """A context in which a device, "cuda:0", is the current one."""
    return cupy().cuda.Device(int(name.partition(":")[2]))


def refuse_capture(why: str = _FROM_THE_HOST) -> None:
    """Raise RuntimeError while CuPy's current stream, on the current device, is being captured.

    why: what does not work then, and what to do. The default is that of a step: numbers that the host sends would stay
    in the graph as they are.
    """
    if cupy().cuda.get_current_stream().is_capturing():
        raise RuntimeError(f"the current stream is being captured, and {why}")


def raw_kernel(text: str, name: str) -> Callable[..., None]:
    """A compiled kernel, called with (blocks,), (threads,) and its arguments.

    Raises RuntimeError, with what the compiler says, if there is none for this GPU and driver.
    """
    kernel = cupy().RawKernel(text, name, options=OPTIONS)
    try:
        kernel.compile()
        # CUDA loads a kernel when it is first asked about or launched, which must not be while a stream is captured.
        _ = kernel.num_regs
    except Exception as error:
        # The compiler and the driver have exceptions of their own; the message has their words.
        said = " ".join(str(error).split())
        raise RuntimeError(f"{name} cannot be compiled for this GPU ({said[:300]}); {_WHERE}") from error
    compiled: Callable[..., None] = kernel
    return compiled


@functools.cache
def elementwise_kernel(name: str, stage: Stage, layout: Layout) -> tuple[Elementwise, Callable[..., None]]:
    """The kernel of a stage on one set, and what describes it. layout: that of a set alone."""
    described = elementwise(name, stage, layout)
    return described, as_elementwise(cupy(), described)


def as_elementwise(library: Any, it: Elementwise) -> Callable[..., None]:
    """The ElementwiseKernel of a stage. library: CuPy, which may be without a GPU."""
    made: Callable[..., None] = library.ElementwiseKernel(
        it.in_params, it.out_params, it.operation, it.name, preamble=it.preamble, no_return=True, options=OPTIONS
    )
    return made


@functools.cache
def update_kernel(name: str, stage: Stage, layout: Layout, threads: int) -> Callable[..., None]:
    return raw_kernel(update_source(name, stage, layout, threads), kernel_name(name))


@functools.cache
def reduce_kernel(name: str, stage: Stage, layout: Layout) -> Callable[..., None]:
    return raw_kernel(reduce_source(name, stage, layout), f"{kernel_name(name)}_norms")


def table_kernel(name: str, stage: Stage, batch: Batch) -> Callable[..., None]:
    """The kernel over the tables of a batch, compiled at the first call."""
    if stage.reductions:
        return reduce_kernel(name, stage, batch.layout.once)
    return update_kernel(name, stage, batch.layout.once, launch_size.now.threads)


@functools.cache
def _given(dtype: Any) -> Any:
    return np.dtype([("values", dtype, GIVEN_BYTES // dtype.itemsize)])


def scalar_arguments(scalars: Any) -> tuple[Any, Any]:
    """A table of numbers as two arguments of a kernel: an array on the GPU or None, and the numbers by value.

    Up to GIVEN_BYTES go along by value: nothing is copied, so nobody need wait and no number in use is overwritten.
    """
    given = np.zeros(1, _given(scalars.dtype))
    if scalars.nbytes > GIVEN_BYTES:
        return cupy().asarray(scalars), given
    given["values"][0, : scalars.size] = scalars.ravel()
    return None, given


class OnGpu(Prepared):
    """table: the task table on the GPU. moves: the `Batch.moves` for which it was copied there."""

    table: Any = None
    moves = 0


def on_gpu(batch: Batch) -> OnGpu:
    """The data that this backend keeps of a batch, made at the first call."""
    if not isinstance(batch.prepared, OnGpu):
        batch.prepared = OnGpu()
    return batch.prepared


def task_table(batch: Batch, table: Any) -> Any:
    """A table on the GPU; that of the whole batch stays there while the arrays stay where they are."""
    if table is not batch.table:
        return cupy().asarray(table)
    kept = on_gpu(batch)
    if kept.table is None or kept.moves != batch.moves:
        kept.table = None
        with memory_for("the task table", "Free some on the GPU"):
            kept.table, kept.moves = cupy().asarray(table), batch.moves
    return kept.table


def update_one(
    name: str, stage: Stage, layout: Layout, views: Sequence[View], walk: Sequence[int], scalars: Any
) -> None:
    """One set of arrays by an ElementwiseKernel.

    walk: the axes that come last, in the order of memory, for CuPy to walk dense arrays without dividing.
    """
    described, kernel = elementwise_kernel(name, stage, layout.alone)
    axes = axes_along(walk, len(views[0].shape))
    arrays = [None if view.storage == ABSENT else _bits(view.array.transpose(axes)) for view in views]
    if layout.pairs:
        # The last axis has the two parts.
        arrays = [array if array is None else array[..., part] for array in arrays for part in range(2)]
    kernel(*(arrays[k] for k in described.inputs), *scalars, *(arrays[k] for k in described.outputs))


def _bits(array: Any) -> Any:
    return array.view(f"uint{8 * array.dtype.itemsize}") if array.dtype.itemsize < 4 else array


def update_many(name: str, stage: Stage, batch: Batch, table: Any, scalars: tuple[Any, Any], go: Any = None) -> None:
    """All sets of a batch in one launch over its table, as update_source says.

    scalars: two arguments, as `scalar_arguments` has them. go: an array of one integer on the GPU.
    """
    threads, rounds = launch_size.now
    blocks = -(-batch.longest // (threads * per_thread(stage, batch.layout) * rounds))
    uploaded, given = scalars
    kernel = table_kernel(name, stage, batch)
    arguments = UPDATE.arguments(table=table, uploaded=uploaded, given=given, blocks=cupy().uint32(blocks), go=go)
    kernel((len(table) * blocks,), (threads,), tuple(arguments))


def reduce_many(name: str, stage: Stage, batch: Batch, table: Any, scalars: tuple[Any, Any], partials: Any) -> None:
    """The partial results of all sets of a batch, (rows of the table, `Stage.columns`), in one launch."""
    uploaded, given = scalars
    kernel = table_kernel(name, stage, batch)
    arguments = REDUCE.arguments(table=table, uploaded=uploaded, given=given, partials=partials)
    kernel((len(table),), (LANES // per_thread(stage, batch.layout),), tuple(arguments))
