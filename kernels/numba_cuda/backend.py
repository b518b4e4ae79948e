"""Graph -> numba source -> CUDA kernels over a task table (tasks/table.py), for anything with __cuda_array_interface__.

Numba-cuda is imported when a kernel is compiled; the source needs neither it nor a GPU. One launch runs a whole
table: each task has a block of threads. Of an update the tasks are equal pieces, of a reduction
the chunks of language/reductions.py, a thread for each lane. Behind a row of the table stand the bits of its scalars.
"""

import functools
import hashlib
import importlib.metadata
import importlib.util
import linecache
import math
import pickle
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays.view import View, compute_type, make_view
from ..jit.cache import KernelCache
from ..language.reductions import CHUNK, LANES, REDUCTIONS
from ..program.spelling import FUNCTIONS, indented
from ..program.stages import Stage
from ..tasks.numba_task import ascii_name, task_source
from ..tasks.table import Batch, row_length, scalar_table

THREADS = 256
# An update is cut into about as many pieces as blocks of THREADS run at once on a large GPU.
PIECES = 1024
# numba warns of a launch of fewer blocks; those without a task end at once.
_FEWEST_BLOCKS = 128
# The handle by which CUDA knows its default stream (CU_STREAM_LEGACY).
_DEFAULT_STREAM = 1
_REMEDY = "pip install 'fastopt[cuda13]' (or cuda12, as the driver has it)"

_launching = threading.Lock()


def source(
    name: str,
    stage: Stage,
    storages: Sequence[str],
    dimensions: int | None,
    entry: str = "kernel",
    held: tuple[int, ...] = (),
) -> str:
    """The source of one stage's kernel, a function with the name `entry`.

    storages: the stored type of each of the stage's arrays. dimensions: of arrays that are not dense together, else
    None. held: the arrays of which a task has one element alone.
    """
    compute = compute_type(storages)
    first = row_length(len(stage.arrays), dimensions)
    scalar = f"number{compute[-2:]}(table[task, {first} + {{0}}])"
    task = task_source(stage, storages, dimensions, FUNCTIONS, scalar, held)
    if stage.reductions:
        before, loop = _reduction(stage, task.body, task.results)
    else:
        before, loop = [], [f"for i in range(cuda.threadIdx.x, n, {THREADS}):", *indented(task.body)]
    return "\n".join(
        [
            f"# fastopt {name}: {'a reduction' if stage.reductions else 'an update'} of {', '.join(storages)} arrays",
            f"def {entry}(table, partials):",
            *indented(before),
            "    task = cuda.blockIdx.x",
            "    if task < len(table):",
            *indented([*task.scalars, *task.header, *loop], 2),
            "",
        ]
    )


def _reduction(stage: Stage, body: list[str], results: list[str]) -> tuple[list[str], list[str]]:
    """The defined order of language/reductions.py: a lane is a thread; then the lanes are folded in halves."""
    before = ["lane = cuda.threadIdx.x", f"lanes = cuda.shared.array({LANES}, float64)"]
    totals, steps, folds = [], [], []
    for k, (node, result) in enumerate(zip(stage.reductions, results, strict=True)):
        reduction = REDUCTIONS[node.op]
        element = reduction.spelled(f"v{k}", FUNCTIONS)
        combine = FUNCTIONS[reduction.combine]
        totals.append(f"total{k} = float64(0.0)")
        steps += [f"v{k} = widen({result})", f"total{k} = {combine.format(f'total{k}', element)}"]
        folds += [
            f"lanes[lane] = total{k}",
            "cuda.syncthreads()",
            f"half = {LANES // 2}",
            "while half:",
            "    if lane < half:",
            f"        lanes[lane] = {combine.format('lanes[lane]', 'lanes[half + lane]')}",
            "    cuda.syncthreads()",
            "    half //= 2",
            "if lane == 0:",
            f"    partials[task, {k}] = lanes[0]",
            "cuda.syncthreads()",
        ]
    return before, [*totals, f"for i in range(lane, n, {LANES}):", *indented([*body, *steps]), *folds]


@dataclass(frozen=True)
class Generated:
    """A kernel before it is compiled. threads: of a block, always."""

    entry: str
    text: str
    function: Any
    threads: int
    signature: str = "void(int64[:,::1], float64[:,::1])"


def generated(
    name: str, stage: Stage, storages: tuple[str, ...], dimensions: int | None, held: tuple[int, ...] = ()
) -> Generated:
    """One stage's kernel as a Python function for `cuda.jit`; needs numba-cuda but no GPU."""
    cuda = library()
    from . import intrinsics as cuda_intrinsics

    text = source(name, stage, storages, dimensions, held=held)
    entry = f"{ascii_name(name)}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    text = source(name, stage, storages, dimensions, entry, held)
    namespace = cuda_intrinsics.NAMES | {"cuda": cuda, "inf": math.inf, "nan": math.nan}
    namespace["__name__"] = cuda_intrinsics.__name__
    filename = f"<fastopt {entry}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    exec(compile(text, filename, "exec"), namespace)
    return Generated(entry, text, namespace[entry], LANES if stage.reductions else THREADS)


def ptx(
    name: str, stage: Stage, storages: tuple[str, ...], dimensions: int | None, capability: tuple[int, int] = (8, 0)
) -> str:
    """The PTX of one stage's kernel for a compute capability; needs numba-cuda but no GPU."""
    made = generated(name, stage, storages, dimensions)
    text: str
    text, _ = library().compile_ptx(made.function, made.signature, cc=capability, launch_bounds=made.threads)
    return text


@functools.cache
def library() -> Any:
    """numba.cuda, as the package numba-cuda has it. Raises ImportError that says how to install it."""
    # numba has a numba.cuda of its own, an older one.
    if importlib.util.find_spec("numba_cuda") is None:
        raise ImportError(f"arrays on a GPU that are not CuPy's need numba-cuda, which is not installed: {_REMEDY}")
    from numba import cuda

    return cuda


def _driver() -> Any:
    """numba.cuda with a GPU to use. Raises RuntimeError if there is none."""
    cuda = library()
    if not cuda.is_available():
        error = cuda.cuda_error() or "the NVVM library is missing"
        reason = " ".join(str(error).split()).rstrip(".: ")
        raise RuntimeError(
            f"numba-cuda is installed but cannot use a GPU ({reason}); install the NVIDIA driver, and the libraries of "
            f"CUDA with {_REMEDY}"
        )
    return cuda


class _KernelCache(KernelCache):
    """Keeps what numba-cuda's own cache keeps of a kernel: its LLVM instructions, PTX and machine code."""

    def _versions(self) -> tuple[str, ...]:
        return (*super()._versions(), importlib.metadata.version("numba-cuda"))

    def _rebuilt(self, context: Any, content: bytes) -> Any:
        from numba.cuda.dispatcher import _Kernel

        return _Kernel._rebuild(**pickle.loads(content))

    def _reduced(self, compiled: Any) -> bytes:
        from numba.cuda.serialize import dumps

        content: bytes = dumps(compiled._reduce_states())
        return content


@functools.cache
def kernel(
    name: str, stage: Stage, storages: tuple[str, ...], dimensions: int | None, held: tuple[int, ...] = ()
) -> Any:
    """The compiled kernel, to be launched as kernel[blocks, threads, stream](table, partials)."""
    from . import intrinsics as cuda_intrinsics

    made = generated(name, stage, storages, dimensions, held)
    dispatcher = library().jit(launch_bounds=made.threads)(made.function)
    dispatcher._cache = _KernelCache(f"{made.entry}-cuda", made.text, (cuda_intrinsics,))
    dispatcher.compile(made.signature)
    dispatcher.disable_compile()
    return dispatcher


def piece(stage: Stage, elements: int) -> int:
    """How many elements a task has: a chunk for reductions, else about PIECES equal parts."""
    return CHUNK if stage.reductions else -(-elements // (PIECES * LANES)) * LANES


def prepare(name: str, stage: Stage, batch: Batch) -> None:
    """Make the kernel before anything is written."""
    with _driver().gpus[int(batch.device.removeprefix("cuda:"))]:
        kernel(name, stage, batch.storages, batch.dimensions, batch.held)


def launch(name: str, stage: Stage, batch: Batch, rows: Sequence[Sequence[Any]]) -> Callable[[], Any]:
    """What runs one stage over a batch, as tasks.Backend says; an interrupt may come in the middle of it."""
    return functools.partial(run, name, stage, batch, rows)


def guard(batches: Sequence[Batch]) -> Any:
    """No lock: launches from several threads are safe."""


def run(name: str, stage: Stage, batch: Batch, rows: Sequence[Sequence[Any]]) -> None:
    """Run one stage over a batch, as tasks.Backend says; a stage of reductions waits for the GPU.

    The kernel runs on the stream that the arrays' producers name, else on the default stream; if they name several,
    this waits for all of them and for the kernel.
    """
    cuda = _driver()
    threads = LANES if stage.reductions else THREADS
    device = int(batch.device.removeprefix("cuda:"))
    host = _with_scalars(batch.table, scalar_table(rows, batch.storages), len(stage.arrays) + 1)
    # The scratch memory is one for all threads of the program.
    with _launching, cuda.gpus[device]:
        handles = _handles([view for views in batch.sets for view in views])
        streams = [_stream(device, handle) for handle in handles]
        if len(streams) > 1:
            for stream in streams:
                stream.synchronize()
        stream = streams[0]
        words = _scratch(device, handles[0], host.shape, "int64")
        partials = _scratch(device, handles[0], (len(host), max(1, len(stage.reductions))), "float64")
        words.copy_to_device(host, stream=stream)
        compiled = kernel(name, stage, batch.storages, batch.dimensions, batch.held)
        compiled[max(_FEWEST_BLOCKS, len(host)), threads, stream](words, partials)
        if stage.reductions:
            batch.kept["partials"] = partials.copy_to_host(stream=stream)
        if stage.reductions or len(streams) > 1:
            stream.synchronize()


def watch(parameters: list[Any], gradients: list[Any], views: Any, gradients_written: bool) -> None:
    """Nothing notices yet that arrays on a GPU moved: each step looks at all of them."""


def _with_scalars(table: Any, scalars: Any, column: int) -> Any:
    """The task table with the bits of each row's scalars behind it, instead of their number in `column`."""
    words = scalars.view(f"u{scalars.dtype.itemsize}").astype(np.int64)
    return np.concatenate([table, words[table[:, column]]], axis=1)


def _handles(views: Sequence[View]) -> list[int]:
    """The streams that the producers of the arrays name, each once; else the default stream."""
    return list(dict.fromkeys(view.stream for view in views if view.stream is not None)) or [_DEFAULT_STREAM]


@functools.cache
def _stream(device: int, handle: int) -> Any:
    return library().external_stream(handle)


@functools.lru_cache(maxsize=64)
def _scratch(device: int, handle: int, shape: tuple[int, ...], dtype: str) -> Any:
    """Device memory for a table or partial results, kept: a stream uses it for one launch after the other."""
    return library().device_array(shape, np.dtype(dtype))


def view(array: Any, name: str) -> View:
    """How an array with __cuda_array_interface__ lies. Raises TypeError or ValueError that names it."""
    interface = array.__cuda_array_interface__
    kind = f"{type(array).__module__}.{type(array).__name__}"
    if interface.get("mask") is not None:
        raise TypeError(f"{name} is a {kind} with a mask; pass the plain array")
    try:
        dtype = _dtype(interface["typestr"], array)
    except TypeError:
        raise TypeError(f"{name} is a {kind} of unknown type {interface['typestr']!r}; expected a float type") from None
    address, read_only = interface["data"]
    found = make_view(
        array, kind, f"cuda:{_device(address, name)}", address, dtype, interface.get("strides"), not read_only, name
    )
    stream = interface.get("stream")
    if stream == 0:
        raise ValueError(f"{name} names stream 0, which may be either default stream; expected None, 1, 2 or a handle")
    return replace(found, stream=stream)


def _dtype(typestr: str, array: Any) -> Any:
    # ml_dtypes, and whoever follows it, has no better word for a bfloat16 than two bytes.
    if typestr == "<V2" and str(getattr(array, "dtype", "")).endswith("bfloat16"):
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(typestr)


def _device(address: int, name: str) -> int:
    """The GPU in whose memory an address is; of an array without elements, the current one."""
    cuda = _driver()
    if not address:
        number: int = cuda.get_current_device().id
        return number
    from cuda.bindings import driver

    ordinal = driver.CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
    error, found = driver.cuPointerGetAttribute(ordinal, address)
    if error != driver.CUresult.CUDA_SUCCESS:
        raise ValueError(f"{name}: the driver does not know its address {address:#x} as memory of a GPU ({error.name})")
    return int(found)


def full_like(view: View, value: float, dtype: str) -> Any:
    """A new numba device array on the device of another and in its shape; Fortran order if the other has it, else C."""
    fortran = view.walk is not None and len(view.shape) > 1 and list(view.strides) == sorted(view.strides)
    cuda = _driver()
    with cuda.gpus[int(view.device.removeprefix("cuda:"))]:
        return cuda.to_device(np.full(view.shape, value, dtype, order="F" if fortran else "C"))


def to_host(view: View) -> Any:
    """A NumPy array with its values; waits for the GPU."""
    cuda = _driver()
    with cuda.gpus[int(view.device.removeprefix("cuda:"))]:
        return cuda.as_cuda_array(view.array).copy_to_host()


def filling(view: View, values: Any) -> Callable[[], Any]:
    """What sets it to the values of a NumPy array."""
    return functools.partial(_fill, view, values)


def _fill(view: View, values: Any) -> None:
    cuda = _driver()
    with cuda.gpus[int(view.device.removeprefix("cuda:"))]:
        cuda.as_cuda_array(view.array)[...] = values


def sources(name: str, stage: Stage, storages: Sequence[str]) -> list[tuple[str, str, str]]:
    """For people to read: a title, the language and the text of each kernel of a stage."""
    return [("GPU, numba-cuda", "python", source(name, stage, storages, None))]
