"""Machines, one for each backend: how arrays are made there, copied and timed, and what the hardware is."""

import contextlib
import importlib.util
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..kernels import Rule
from ..kernels.dispatch import backend
from .clocks import Call, Clock, EventClock, HostClock


class Machine(Protocol):
    """What a backend's arrays live on.

    clock: what times calls there. plain: the library that evaluates a formula as it stands, or None without one.
    peak: bytes a second that the memory's clock and the width of its bus allow, or None where they are not known.
    """

    clock: Clock
    plain: str | None
    peak: float | None

    def array(self, values: Any) -> Any:
        """A NumPy array's values as an array of the machine, which may be the same."""

    def host(self, array: Any) -> Any:
        """A copy of an array in NumPy."""

    def plain_array(self, array: Any) -> Any:
        """An array of the library `plain` in the same memory."""

    def copier(self, nbytes: int) -> Call:
        """Copies so many bytes from one array to another, as fast as the machine is known to."""

    def same_streams(self, rule: Rule, arrays: Sequence[Any]) -> dict[str, Call]:
        """Kernels that owe nothing to fastopt, read and write what a rule does and compute next to nothing."""

    def free_bytes(self) -> int | None:
        """How much memory can still be had, if that is known."""

    def about(self) -> dict[str, Any]:
        """The hardware, for the record."""


class Cpu:
    """NumPy arrays."""

    plain: str | None = "NumPy"
    peak: float | None = None

    def __init__(self) -> None:
        self.clock: Clock = HostClock()

    def array(self, values: Any) -> Any:
        return values

    def host(self, array: Any) -> Any:
        return np.array(array)

    def plain_array(self, array: Any) -> Any:
        return array

    def copier(self, nbytes: int) -> Call:
        from .streams import copier

        return copier(nbytes)

    def same_streams(self, rule: Rule, arrays: Sequence[Any]) -> dict[str, Call]:
        from .streams import bare_numba

        # numba has no arithmetic for 16-bit numbers on a CPU.
        return {} if arrays[0].itemsize < 4 else {"bare numba": bare_numba(rule, arrays)}

    def free_bytes(self) -> int | None:
        with contextlib.suppress(OSError, StopIteration, ValueError):
            lines = Path("/proc/meminfo").read_text().splitlines()
            return 1024 * int(next(line.split()[1] for line in lines if line.startswith("MemAvailable:")))
        return None

    def about(self) -> dict[str, Any]:
        import numba

        return {"threads": numba.get_num_threads()}


class Cupy:
    """CuPy arrays on the current GPU. Raises ImportError or RuntimeError where there is none, naming the remedy."""

    plain: str | None = "CuPy"

    def __init__(self) -> None:
        self._cupy = cupy = backend("cupy").library()
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

    def free_bytes(self) -> int | None:
        # What CuPy's pool holds and does not use can be had too.
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
        self._cuda = cuda = backend("cuda").library()
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
        return backend("cupy").library().asarray(array)

    def copier(self, nbytes: int) -> Call:
        source, target = (self._cuda.to_device(np.zeros(nbytes, "uint8")) for _ in range(2))
        return partial(target.copy_to_device, source)

    def same_streams(self, rule: Rule, arrays: Sequence[Any]) -> dict[str, Call]:
        return {}

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


def _peak(clock_kilohertz: int, bus_bits: int) -> float | None:
    """Bytes a second of memory that moves a bit of each line of the bus twice a cycle, as all that GPUs have does."""
    return 2 * 1e3 * clock_kilohertz * bus_bits / 8 or None


MACHINES: dict[str, type[Machine]] = {"cpu": Cpu, "cupy": Cupy, "cuda": NumbaCuda}


def machine(name: str) -> Machine:
    """The machine of a backend: "cpu", "cupy" or "cuda".

    Raises ImportError if its library is not installed, RuntimeError if there is no GPU; both name the remedy.
    """
    return MACHINES[name]()
