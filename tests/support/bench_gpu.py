"""A GPU for `fastopt bench` that is none: NumPy under CuPy's names, with a device that tells what a real one does."""

import contextlib
import ctypes
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cuda_shim import compiler

# An H100 SXM's, as its driver tells them: kHz, bits, bytes.
PROPERTIES = {
    "name": b"a device of paper",
    "memoryClockRate": 2_619_000,
    "memoryBusWidth": 5120,
    "l2CacheSize": 50_000,
    "totalGlobalMem": 1 << 30,
    "maxThreadsPerMultiProcessor": 2048,
}
BANDWIDTH = 3352.32e9
REGISTERS, LOCAL_BYTES, BLOCKS = 40, 8, 12


class _Buffer:
    """What `zeros` gives here: NumPy's array, and a copy by CuPy's name."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.data = self

    def copy_from_device_async(self, source: "_Buffer", nbytes: int) -> None:
        self.array.view("u1")[:nbytes] = source.array.view("u1")[:nbytes]


class _ElementwiseKernel:
    """Runs a kernel's C++ on the CPU; one that brings a preamble with it is kept for a RawKernel."""

    def __init__(self, folder: Path, inputs: str, outputs: str, operation: str, name: str, **options: Any) -> None:
        self.folder, self.operation, self.name = folder, operation, name
        self.parameters = [tuple(one.split()) for one in f"{inputs}, {outputs}".split(", ")]
        self.preamble = options.get("preamble", "")
        self.cached_code = ""

    def __call__(self, *given: Any) -> None:
        if self.preamble:
            self.cached_code = f"{self.preamble}{self.operation}"
            return
        kinds = {kind: value.dtype for (kind, _), value in zip(self.parameters, given, strict=True)}
        arrays = [np.ndim(value) > 0 for value in given]
        written = ", ".join(
            f"{kind} {'*' * array}{name}_" for (kind, name), array in zip(self.parameters, arrays, strict=True)
        )
        names = "".join(
            f"{kind} &{name} = {name}_{'[i]' * array};\n"
            for (kind, name), array in zip(self.parameters, arrays, strict=True)
        )
        c_types = {"float32": "float", "float64": "double"}
        types = "".join(f"using {kind} = {c_types[dtype.name]};\n" for kind, dtype in kinds.items())
        text = (
            f'#include <cmath>\nusing std::sqrt;\n{types}extern "C" void run(long n, {written})\n'
            f"{{ for (long i = 0; i < n; i++) {{\n{names}{self.operation}}} }}\n"
        )
        place = self.folder / f"{self.name}-{'-'.join(dtype.name for dtype in kinds.values())}"
        if not place.with_suffix(".so").exists():
            place.with_suffix(".cpp").write_text(text)
            command = compiler()
            assert command
            flags = ["-O1", "-w", "-fPIC", "-shared"]
            subprocess.run([*command, *flags, "-o", f"{place}.so", f"{place}.cpp"], check=True)
        run = ctypes.CDLL(f"{place}.so").run
        c_numbers = {"float32": ctypes.c_float, "float64": ctypes.c_double}
        passed = [
            ctypes.c_void_p(value.ctypes.data) if array else c_numbers[value.dtype.name](value)
            for value, array in zip(given, arrays, strict=True)
        ]
        run(ctypes.c_long(next(value.size for value, array in zip(given, arrays, strict=True) if array)), *passed)


class _RawKernel:
    """A compiled kernel as far as it can be asked about."""

    num_regs, local_size_bytes = REGISTERS, LOCAL_BYTES

    def __init__(self, code: str, name: str, options: tuple[str, ...] = ()) -> None:
        assert name in code or "fastopt" in code
        self.kernel = SimpleNamespace(ptr=name)


class _Event:
    def record(self) -> None:
        self.at = time.perf_counter()

    def synchronize(self) -> None:
        pass


def numpy_as_cupy(folder: Path, log: list[str]) -> Any:
    """The names of CuPy that the bench uses. log: takes what is said to NVTX."""
    runtime = SimpleNamespace(
        getDeviceProperties=lambda number: PROPERTIES,
        memGetInfo=lambda: (1 << 34, 1 << 34),
        driverGetVersion=lambda: 13000,
        runtimeGetVersion=lambda: 13000,
    )

    def blocks(kernel: str, threads: int, shared: int) -> int:
        assert threads in (32, 64, 128, 256, 512, 1024)
        return BLOCKS

    def fuse(kernel_name: str) -> Callable[[Any], Any]:
        return lambda function: function

    cuda = SimpleNamespace(
        runtime=runtime,
        driver=SimpleNamespace(occupancyMaxActiveBlocksPerMultiprocessor=blocks),
        nvtx=SimpleNamespace(RangePush=log.append, RangePop=lambda: log.append("pop")),
        Device=lambda: SimpleNamespace(id=0),
        Event=_Event,
        get_elapsed_time=lambda began, ended: 1e3 * (ended.at - began.at),
    )
    own = {
        "asnumpy": np.array,
        "zeros": lambda n, dtype: _Buffer(np.zeros(n, dtype)) if dtype == "uint8" else np.zeros(n, dtype).view(_Array),
        "get_default_memory_pool": lambda: SimpleNamespace(free_bytes=lambda: 0),
        "RawKernel": _RawKernel,
        "ElementwiseKernel": lambda *given, **options: _ElementwiseKernel(folder, *given, **options),
        "fuse": fuse,
        "cuda": cuda,
    }
    return SimpleNamespace(**{**vars(np), **own})


class _Array(np.ndarray[Any, Any]):
    def get(self) -> Any:
        return np.asarray(self)


@contextlib.contextmanager
def gpu_of_paper(folder: Path) -> Any:
    """Within it, backend cupy is measured on NumPy arrays; gives what is said to NVTX."""
    from fastopt.kernels.cuda import compiler as cupy

    log: list[str] = []
    fake = numpy_as_cupy(folder, log)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cupy, "cupy", lambda: fake)
        yield log
