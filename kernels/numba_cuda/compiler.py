"""Numba source -> CUDA kernels, from the disk cache if they are there. numba-cuda is imported when one is compiled."""

import functools
import importlib.metadata
import importlib.util
import linecache
import math
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..jit.cache import FILES, KernelCache
from ..language.reductions import LANES
from ..program.stages import Stage
from ..tasks.layout import Layout
from ..tasks.numba_task import named_apart
from .source import THREADS, source

REMEDY = "pip install 'fastopt[cuda13]' (or cuda12, as the driver has it)"


@dataclass(frozen=True)
class Generated:
    """A kernel before it is compiled. threads: of every block."""

    entry: str
    text: str
    function: Any
    threads: int
    signature: str = "void(int64[:,::1], float64[:,::1])"


def generated(name: str, stage: Stage, layout: Layout) -> Generated:
    """One stage's kernel as a Python function for `cuda.jit`; needs numba-cuda but no GPU."""
    cuda = library()
    from . import intrinsics

    entry, text = named_apart(name, source(name, stage, layout))
    namespace = intrinsics.NAMES | {"cuda": cuda, "inf": math.inf, "nan": math.nan}
    namespace["__name__"] = intrinsics.__name__
    filename = f"<fastopt {entry}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    exec(compile(text, filename, "exec"), namespace)
    return Generated(entry, text, namespace[entry], LANES if stage.reductions else THREADS)


def ptx(name: str, stage: Stage, layout: Layout, capability: tuple[int, int] = (8, 0)) -> str:
    """The PTX of one stage's kernel for a compute capability; needs numba-cuda but no GPU."""
    source_kernel = generated(name, stage, layout)
    text: str
    text, _ = library().compile_ptx(
        source_kernel.function, source_kernel.signature, cc=capability, launch_bounds=source_kernel.threads
    )
    return text


@functools.cache
def library() -> Any:
    """numba.cuda, as the package numba-cuda has it. Raises ImportError that says how to install it."""
    # numba has a numba.cuda of its own, an older one.
    if importlib.util.find_spec("numba_cuda") is None:
        raise ImportError(f"arrays on a GPU that are not CuPy's need numba-cuda, which is not installed: {REMEDY}")
    from numba import cuda

    return cuda


def driver() -> Any:
    """numba.cuda with a GPU to use. Raises RuntimeError if there is none."""
    cuda = library()
    if not cuda.is_available():
        error = cuda.cuda_error() or "the NVVM library is missing"
        reason = " ".join(str(error).split()).rstrip(".: ")
        raise RuntimeError(
            f"numba-cuda is installed but cannot use a GPU ({reason}); install the NVIDIA driver, and the libraries of "
            f"CUDA with {REMEDY}"
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
def kernel(name: str, stage: Stage, layout: Layout) -> Any:
    """The compiled kernel, to be launched as kernel[blocks, threads, stream](table, partials)."""
    from . import intrinsics

    source_kernel = generated(name, stage, layout)
    dispatcher = library().jit(launch_bounds=source_kernel.threads)(source_kernel.function)
    files = (*FILES, Path(intrinsics.__file__), Path(__file__))
    dispatcher._cache = _KernelCache(f"{source_kernel.entry}-cuda", source_kernel.text, files)
    dispatcher.compile(source_kernel.signature)
    dispatcher.disable_compile()
    return dispatcher
