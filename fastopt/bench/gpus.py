"""Devices with a GPU, through CuPy and through numba-cuda."""

import contextlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..kernels import Rule
from ..kernels.cuda import compiler
from ..kernels.numba_cuda import compiler as numba_cuda_compiler
from .cases import Case
from .clocks import Call, Clock, EventClock, Mark
from .controls import Control, controls
from .gpu_kernels import Kernel, kernels


class Cupy:
    """CuPy arrays on the current GPU. Raises ImportError or RuntimeError where there is none, naming the remedy."""

    plain: str | None = "CuPy"

    def __init__(self) -> None:
        self._cupy = cupy = compiler.cupy()
        self._properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
        self.clock: Clock = EventClock(self._record, self._elapsed, self._properties["l2CacheSize"])
        self.peak = _peak(self._properties["memoryClockRate"], self._properties["memoryBusWidth"])

    def _record(self) -> Any:
        event = self._cupy.cuda.Event()
        event.record()
        return event

    def _elapsed(self, began: Any, ended: Any) -> float:
        ended.synchronize()
        return 1e-3 * float(self._cupy.cuda.get_elapsed_time(began, ended))

    def array(self, values: Any) -> Any:
        return self._cupy.asarray(values)

    def host(self, array: Any) -> Any:
        return self._cupy.asnumpy(array)

    def plain_array(self, array: Any) -> Any:
        return array

    def copier(self, nbytes: int) -> Call:
        source, target = (self._cupy.zeros(nbytes, "uint8") for _ in range(2))
        return partial(target.data.copy_from_device_async, source.data, nbytes)

    def same_streams(self, rule: Rule, arrays: Sequence[Any]) -> dict[str, Call]:
        return {}

    def controls(self, rule: Rule) -> Mapping[str, Callable[[], Control]]:
        return controls(self._cupy, rule)

    def kernels(self, case: Case) -> Sequence[Kernel]:
        return kernels(self._cupy, case, self._properties["maxThreadsPerMultiProcessor"])

    def nvtx(self) -> Mark:
        return partial(_range, self._cupy)

    def free_bytes(self) -> int | None:
        # The unused memory of CuPy's pool is free too.
        pool = self._cupy.get_default_memory_pool()
        return int(self._cupy.cuda.runtime.memGetInfo()[0] + pool.free_bytes())

    def about(self) -> dict[str, Any]:
        return {
            "gpu": self._properties["name"].decode(),
            "memory_bytes": self._properties["totalGlobalMem"],
            "cache_bytes": self._properties["l2CacheSize"],
            "driver": self._cupy.cuda.runtime.driverGetVersion(),
            "runtime": self._cupy.cuda.runtime.runtimeGetVersion(),
        }


class NumbaCuda:
    """numba's device arrays on the current GPU. Raises ImportError or RuntimeError where there is none."""

    def __init__(self) -> None:
        self._cuda = cuda = numba_cuda_compiler.library()
        if not cuda.is_available():
            raise RuntimeError(
                "backend cuda: numba-cuda finds no usable GPU; check the NVIDIA driver with nvidia-smi, or use cpu"
            )
        self._device = cuda.get_current_device()
        self.clock: Clock = EventClock(self._record, self._elapsed, self._device.L2_CACHE_SIZE)
        self.peak = _peak(self._device.MEMORY_CLOCK_RATE, self._device.GLOBAL_MEMORY_BUS_WIDTH)
        self.plain: str | None = "CuPy" if importlib.util.find_spec("cupy") else None

    def _record(self) -> Any:
        event = self._cuda.event()
        event.record()
        return event

    def _elapsed(self, began: Any, ended: Any) -> float:
        ended.synchronize()
        return 1e-3 * float(self._cuda.event_elapsed_time(began, ended))

    def array(self, values: Any) -> Any:
        return self._cuda.to_device(values)

    def host(self, array: Any) -> Any:
        return array.copy_to_host()

    def plain_array(self, array: Any) -> Any:
        return compiler.cupy().asarray(array)

    def copier(self, nbytes: int) -> Call:
        source, target = (self._cuda.to_device(np.zeros(nbytes, "uint8")) for _ in range(2))
        return partial(target.copy_to_device, source)

    def same_streams(self, rule: Rule, arrays: Sequence[Any]) -> dict[str, Call]:
        return {}

    def controls(self, rule: Rule) -> Mapping[str, Callable[[], Control]]:
        return {}

    def kernels(self, case: Case) -> Sequence[Kernel]:
        return ()

    def nvtx(self) -> Mark:
        if self.plain is None:
            raise ValueError("nvtx ranges are CuPy's: pip install 'fastopt[cuda13]', or 'fastopt[cuda12]', brings it")
        return partial(_range, compiler.cupy())

    def free_bytes(self) -> int | None:
        return int(self._cuda.current_context().get_memory_info().free)

    def about(self) -> dict[str, Any]:
        name = self._device.name
        return {
            "gpu": name.decode() if isinstance(name, bytes) else name,
            "memory_bytes": int(self._cuda.current_context().get_memory_info().total),
            "cache_bytes": self._device.L2_CACHE_SIZE,
            "runtime": ".".join(map(str, self._cuda.runtime.get_version())),
        }


@contextlib.contextmanager
def _range(cupy: Any, text: str) -> Iterator[None]:
    cupy.cuda.nvtx.RangePush(text)
    try:
        yield
    finally:
        cupy.cuda.nvtx.RangePop()


def _peak(clock_kilohertz: int, bus_bits: int) -> float | None:
    """Bytes a second of memory that moves a bit of each line of the bus twice a cycle, as every GPU's memory does."""
    return 2 * 1e3 * clock_kilohertz * bus_bits / 8 or None
