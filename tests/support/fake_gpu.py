"""A GPU for benchmarks.gpu_check, made of a C++ compiler, numba's CPU and NumPy; its clock is the host's."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import cuda_shim
import numpy as np
import pytest
from installed import installed

from benchmarks.gpu_check import ways
from benchmarks.gpu_check.device import Gpu
from fastopt.bench.clocks import EventClock
from fastopt.kernels.cuda import compiler as cupy_kernels
from fastopt.kernels.libraries import cupy_arrays, host, library

NUMBA_CUDA = installed("numba_cuda")
CUPY = {name: way for name, way in ways.WAYS.items() if name != "numba-cuda"}


class OnGpu(np.ndarray):
    """An array that goes to the CuPy backend; plain NumPy arrays beside it stay on the CPU."""

    def get(self) -> Any:
        return np.array(self.view(np.ndarray))

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        if function is np.broadcast_to:
            # As CuPy's own does.
            options = {**options, "subok": True}
        return super().__array_function__(function, types, arguments, options)


class FakeGpu(Gpu):
    """Everything that `Gpu` does with CuPy, with NumPy. log: events and holds, in order. free: bytes that it has."""

    def __init__(self, free: float = 1e9) -> None:
        self.log: list[str] = []
        self.free = free
        self.clock = EventClock(self.record, self.elapsed, 1000)

    def about(self) -> dict[str, Any]:
        return {"gpu": "none"}

    def array(self, values: Any) -> Any:
        return np.array(values).view(OnGpu)

    def host(self, array: Any) -> Any:
        return np.array(array.view(np.ndarray))

    def plain_array(self, array: Any) -> Any:
        return array

    def empty(self, elements: int, dtype: Any) -> Any:
        return np.empty(elements, dtype).view(OnGpu)

    def random(self, elements: int, seed: int) -> Any:
        return (np.random.default_rng(seed).random(elements, "float32") - np.float32(0.5)).view(OnGpu)

    def bare(self, array: Any) -> Any:
        from emulated_cuda import in_memory

        return in_memory(array)

    def seen(self, tensor: Any) -> Any:
        return np.from_dlpack(tensor).view(OnGpu)

    def synchronize(self) -> None:
        self.log.append("synchronize")

    def record(self) -> Any:
        self.log.append("event")
        return time.perf_counter()

    def elapsed(self, began: Any, ended: Any) -> float:
        return float(ended - began)

    def hold(self, seconds: float) -> None:
        self.log.append("hold")

    def copier(self, nbytes: int) -> Any:
        return partial(np.copyto, np.ones(nbytes, "uint8"), np.ones(nbytes, "uint8"))

    def free_bytes(self) -> int | None:
        return int(self.free)

    def release(self) -> None:
        pass

    def graph(self, step: Any) -> Any:
        stream = cupy_kernels.cupy().cuda.get_current_stream()
        stream.graph = calls = []
        step()
        stream.graph = None
        return lambda: [call() for call in calls]

    def without_pool(self) -> None:
        pass


@contextlib.contextmanager
def faked(monkeypatch: pytest.MonkeyPatch, edits: dict[str, str] | None = None) -> Iterator[FakeGpu]:
    """Within it the kernels of CuPy, and of numba-cuda where that is installed, run on arrays of a FakeGpu.

    edits: mistakes to make in the CUDA C++, each of which must be possible.
    """
    library_of = library.library_of
    shim = cuda_shim.Shim(edits)

    def by_kind(array: Any) -> Any:
        return cupy_arrays if isinstance(array, OnGpu) else library_of(array)

    def view(array: Any, name: str) -> Any:
        seen = host.view(array.view(np.ndarray), name)
        own = seen.array.view(OnGpu) if seen.complex else array
        return replace(seen, array=own, kind="cupy array", device="cuda:0")

    with contextlib.ExitStack() as stack:
        if NUMBA_CUDA:
            from emulated_cuda import emulated

            stack.enter_context(emulated(monkeypatch))
        stack.enter_context(cuda_shim.simulated(shim))
        patch = stack.enter_context(monkeypatch.context())
        patch.setattr(library, "library_of", by_kind)
        patch.setattr(cupy_arrays, "view", view)
        yield FakeGpu()
    assert shim.edited == set(edits or {})


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGpu]:
    """A FakeGpu; skips the test where no C++ compiler can make it."""
    compiler_or_skip()
    if not NUMBA_CUDA:
        monkeypatch.setattr(ways, "WAYS", CUPY)
    with faked(monkeypatch) as made:
        yield made


def compiler_or_skip() -> None:
    if cuda_shim.compiler() is None:
        pytest.skip("there is no C++ compiler: neither g++ nor the package ziglang")
