"""The GPU's kernels of a rule, as NVIDIA's compilers made them for an architecture; needs no GPU."""

import ctypes
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ...kernels.backends import source
from ..rule import Inspection
from . import nvjitlink, nvrtc
from .accesses import Access, of_ptx, of_sass
from .cubin import Resources, resources
from .nvdisasm import disassembled
from .occupancy import Occupancy, limits_of, occupancy

# Where there is no GPU: Hopper, H100 and H200.
DEFAULT_ARCH = "sm_90"
_COUNTERS: dict[str, Callable[[str], Counter[Access]]] = {"ptx": of_ptx, "sass": of_sass}


@dataclass(frozen=True)
class GpuKernel:
    """A kernel of a backend.

    arch: such as "sm_90". threads: of a block, as it is launched; None if not known, and then there is no occupancy.
    texts: by form, "ptx" or "sass" (machine code). accesses: of device memory, by the form in which they were counted.
    """

    backend: str
    title: str
    arch: str
    symbol: str
    taken: Resources
    threads: int | None
    occupancy: Occupancy | None
    texts: dict[str, str]
    accesses: dict[str, Counter[Access]]


@dataclass(frozen=True)
class _Compiled:
    """A compiler's results. threads: of a block, where the machine code does not tell."""

    title: str
    ptx: str
    cubin: bytes
    threads: int | None = None


def gpu_kernels(found: Inspection, backend: str, arch: str, forms: Sequence[str]) -> list[GpuKernel]:
    """All kernels of a backend, "cupy" or "cuda", compiled now.

    forms: which texts are wanted, "ptx" and "sass". Raises ValueError for an architecture that is not known,
    ImportError or FileNotFoundError that says how to install what is missing, RuntimeError where a compiler refuses.
    """
    limits_of(arch)
    kernels = []
    for compiled in _COMPILERS[backend](found, arch):
        ((symbol, taken),) = resources(compiled.cubin).items()
        texts = {form: compiled.ptx if form == "ptx" else disassembled(compiled.cubin) for form in forms}
        threads = taken.threads or compiled.threads
        reached = occupancy(taken, threads, arch) if threads else None
        accesses = {form: _COUNTERS[form](text) for form, text in texts.items()}
        kernels.append(GpuKernel(backend, compiled.title, arch, symbol, taken, threads, reached, texts, accesses))
    return kernels


def _of_cupy(found: Inspection, arch: str) -> Iterator[_Compiled]:
    for stage, storages in found.stages:
        for title, _, text in source("cupy").sources(found.rule.name, stage, storages):
            # CuPy writes a kernel around the operation of an ElementwiseKernel, a different one for each layout.
            if "__global__" in text:
                compiled = nvrtc.compiled(text, arch)
                yield _Compiled(title, compiled.ptx, compiled.cubin)
            else:
                compiled = nvrtc.compiled(nvrtc.elementwise_code(found.rule.name, stage, storages), arch, headers=True)
                yield _Compiled(f"{title}, here contiguous", compiled.ptx, compiled.cubin, nvrtc.ELEMENTWISE_THREADS)
    for title, _, text in source("cupy").number_sources(found.program):
        compiled = nvrtc.compiled(text, arch)
        yield _Compiled(title, compiled.ptx, compiled.cubin)


def _of_numba(found: Inspection, arch: str) -> Iterator[_Compiled]:
    for stage, storages in found.stages:
        for title, _, _ in source("cuda").sources(found.rule.name, stage, storages):
            yield _Compiled(title, *nvjitlink.compiled(found.rule.name, stage, storages, arch))


_COMPILERS = {"cupy": _of_cupy, "cuda": _of_numba}


def current_arch() -> str | None:
    """The architecture of the first GPU of this machine; None where the driver is missing or finds none."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    # 75 and 76 are CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR.
    failed = (
        driver.cuInit(0)
        or driver.cuDeviceGet(ctypes.byref(device), 0)
        or driver.cuDeviceGetAttribute(ctypes.byref(major), 75, device)
        or driver.cuDeviceGetAttribute(ctypes.byref(minor), 76, device)
    )
    return None if failed else f"sm_{major.value}{minor.value}"
