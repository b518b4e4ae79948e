"""The GPU as both commands use it; tests put a CPU in its place."""

import functools
import gc
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from fastopt.bench.devices import Cupy

# The most bytes that are held at once, so that a card of 80 GB is large enough.
MEMORY = 70e9

_HOLD = """
extern "C" __global__ void hold(unsigned long long nanoseconds)
{
    unsigned long long began, now;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(began));
    do
        asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
    while (now - began < nanoseconds);
}
"""


class Bare:
    """A CuPy array that shows nothing but its interface, so that numba-cuda updates it."""

    def __init__(self, array: Any) -> None:
        self._array, self.shape, self.dtype = array, array.shape, array.dtype

    @property
    def __cuda_array_interface__(self) -> Any:
        return self._array.__cuda_array_interface__


class Gpu(Cupy):
    """CuPy's current GPU. Raises ImportError or RuntimeError where there is none, naming the remedy."""

    def about(self) -> dict[str, Any]:
        device = self._cupy.cuda.Device()
        *major, minor = device.compute_capability
        nvrtc = ".".join(map(str, self._cupy.cuda.nvrtc.getVersion()))
        return {**super().about(), "compute_capability": f"{''.join(major)}.{minor}", "nvrtc": nvrtc}

    def empty(self, elements: int, dtype: Any) -> Any:
        return self._cupy.empty(elements, dtype)

    def random(self, elements: int, seed: int) -> Any:
        """float32 from -0.5 to 0.5."""
        values = self._cupy.random.default_rng(seed).random(elements, dtype=np.float32)
        values -= np.float32(0.5)
        return values

    def bare(self, array: Any) -> Any:
        """The array for numba-cuda."""
        return Bare(array)

    def seen(self, tensor: Any) -> Any:
        """A torch tensor as an array of CuPy's, in the same memory."""
        return self._cupy.from_dlpack(tensor)

    def synchronize(self) -> None:
        self._cupy.cuda.Device().synchronize()

    def record(self) -> Any:
        """An event in the stream of the work."""
        return self._record()

    def elapsed(self, began: Any, ended: Any) -> float:
        """Waits for the second of two events; the seconds between them."""
        return self._elapsed(began, ended)

    def hold(self, seconds: float) -> None:
        """Keep the GPU busy for so long, so that the host gets ahead of it."""
        self._hold((1,), (1,), (np.uint64(1e9 * seconds),))

    @functools.cached_property
    def _hold(self) -> Any:
        return self._cupy.RawKernel(_HOLD, "hold")

    def graph(self, step: Callable[[], Any]) -> Callable[[], Any]:
        """Launches a CUDA graph of a step on the current stream."""
        with self._cupy.cuda.Stream(non_blocking=True) as stream:
            stream.begin_capture()
            step()
            graph = stream.end_capture()
        launch: Callable[[], Any] = graph.launch
        return launch

    def without_pool(self) -> None:
        """From now on each array has an allocation of its own."""
        self._cupy.cuda.set_allocator(None)

    def room(self) -> float:
        """Bytes that may be taken."""
        return min(float(self.free_bytes() or 0), MEMORY)

    def release(self) -> None:
        """Give back what is no longer used, so that CuPy's and torch's pools do not stand in each other's way."""
        gc.collect()
        self._cupy.get_default_memory_pool().free_all_blocks()
        if torch := sys.modules.get("torch"):
            torch.cuda.empty_cache()
