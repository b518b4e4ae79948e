"""Devices, one for each backend: how arrays are made there, copied and timed, and what the hardware is."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .. import measure
from ..kernels import Rule
from .cases import Case
from .clocks import Call, Clock, HostClock, Mark
from .controls import Control
from .gpu_kernels import Kernel
from .gpus import Cupy, NumbaCuda


class Device(Protocol):
    """The device that holds a backend's arrays.

    clock: times calls on the device. plain: the library that evaluates a formula as it stands, or None without one.
    peak: bytes a second that the memory's clock and the width of its bus allow, or None where they are not known.
    """

    clock: Clock
    plain: str | None
    peak: float | None

    def array(self, values: Any) -> Any:
        """A NumPy array's values as an array of the device, which may be the same."""

    def host(self, array: Any) -> Any:
        """A copy of an array in NumPy."""

    def plain_array(self, array: Any) -> Any:
        """An array of the library `plain` in the same memory."""

    def copier(self, nbytes: int) -> Call:
        """Copies so many bytes from one array to another, as fast as the device is known to."""

    def same_streams(self, rule: Rule, arrays: Sequence[Any]) -> dict[str, Call]:
        """Kernels made without fastopt that read and write the same arrays as a rule and compute next to nothing."""

    def controls(self, rule: Rule) -> Mapping[str, Callable[[], Control]]:
        """Functions, by name, that make a step as one would write it without fastopt; they raise where they cannot."""

    def kernels(self, case: Case) -> Sequence[Kernel]:
        """The compiled kernels of a step; none where their registers and occupancy are not known."""

    def nvtx(self) -> Mark:
        """A function that makes NVTX ranges. Raises ValueError where there are none."""

    def free_bytes(self) -> int | None:
        """The bytes of memory that are still free; None if that is not known."""

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
        known = all(array.dtype.name in ("float32", "float64") for array in arrays)
        return {"bare numba": bare_numba(rule, arrays)} if known else {}

    def controls(self, rule: Rule) -> Mapping[str, Callable[[], Control]]:
        return {}

    def kernels(self, case: Case) -> Sequence[Kernel]:
        return ()

    def nvtx(self) -> Mark:
        raise ValueError("nvtx needs a GPU, --backend cupy or cuda; got cpu")

    def free_bytes(self) -> int | None:
        with contextlib.suppress(OSError, StopIteration, ValueError):
            lines = Path("/proc/meminfo").read_text().splitlines()
            return 1024 * int(next(line.split()[1] for line in lines if line.startswith("MemAvailable:")))
        return None

    def about(self) -> dict[str, Any]:
        import numba

        return {"threads": numba.get_num_threads()}


def hardware_name(on: Device) -> str:
    """The name of the GPU, or of the processor."""
    name: str = on.about().get("gpu") or measure.hardware()["processor"]
    return name


WITHOUT = (
    "without it --backend cpu measures this machine's CPU, --compare reads records of other machines, and "
    "`fastopt inspect` shows the GPU's kernels"
)

DEVICES: dict[str, type[Device]] = {"cpu": Cpu, "cupy": Cupy, "cuda": NumbaCuda}


def device(name: str) -> Device:
    """The device of a backend: "cpu", "cupy" or "cuda".

    Raises ImportError if its library is not installed, RuntimeError if there is no GPU; both name the remedy, and what
    can be done without it.
    """
    try:
        return DEVICES[name]()
    except (ImportError, RuntimeError) as error:
        kind = ImportError if isinstance(error, ImportError) else RuntimeError
        raise kind(f"{error}; {WITHOUT}") from error
