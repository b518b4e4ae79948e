"""A CuPy made of NumPy and a C++ compiler: the generated CUDA C++, whole, runs on the CPU behind cuda_shim.h."""

import contextlib
import ctypes
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fastopt.kernels.cpu import backend as cpu
from fastopt.kernels.cuda import backend as cupy_backend
from fastopt.kernels.cuda import compiler as cupy_kernels
from fastopt.kernels.cuda.table_kernels import GIVEN_BYTES
from fastopt.kernels.jit import cache
from fastopt.kernels.libraries import cupy_arrays, host, library
from fastopt.kernels.reference import arithmetic_of

# Beside the kernels for the CPU, in a folder that is the user's alone.
FOLDER = Path(cache._usable() or tempfile.mkdtemp()) / "cuda_shim"
HEADER = Path(__file__).with_name("cuda_shim.h")
# Kernels of which one compiler makes a part and another one the rest.
MANY = 40
FLAGS = ["-std=c++17", "-O1", "-ffp-contract=off", "-fno-strict-aliasing", "-fPIC", "-shared", "-w"]


def compiler() -> list[str] | None:
    """The command of a C++ compiler, or None."""
    if shutil.which("g++"):
        return ["g++"]
    return [sys.executable, "-m", "ziglang", "c++"] if find_spec("ziglang") else None


class Stream:
    """The one stream. graph: while it is captured, the calls of kernels that did not happen, to be called later."""

    def __init__(self) -> None:
        self.graph: list[Callable[[], Any]] | None = None

    def is_capturing(self) -> bool:
        return self.graph is not None

    def begin_capture(self) -> None:
        self.graph = []

    def end_capture(self) -> Any:
        calls, self.graph = self.graph or [], None
        return SimpleNamespace(launch=lambda stream=None: [call() for call in calls])

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *error: object) -> None:
        """It stays the current one."""

    def synchronize(self) -> None:
        """All is done at once here."""


class Shim:
    """Compiles the kernels that it has been shown, all in one go, and runs them.

    edits: mistakes to make in every text that has such a place; edited: those that were made. flags: more of the
    compiler's. recording: calls of kernels do nothing.
    """

    def __init__(self, edits: Mapping[str, str] | None = None, flags: Sequence[str] = ()) -> None:
        self.edits, self.flags = edits or {}, flags
        self.edited: set[str] = set()
        self.recording = False
        self.stream = Stream()
        self._pending: dict[str, str] = {}
        self._functions: dict[str, Any] = {}

    def add(self, name: str, text: str) -> str:
        """Take in the text of a kernel, where the kernel is called @; returns the symbol to call."""
        for right, wrong in self.edits.items():
            if right in text:
                text = text.replace(right, wrong)
                self.edited.add(right)
        symbol = f"{name}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        if symbol not in self._functions:
            self._pending[symbol] = f"namespace in_{symbol} {{\n{text.replace('@', symbol)}}}\n"
        return symbol

    def call(self, symbol: str, single: bool, *arguments: Any) -> None:
        if self.recording:
            return
        if self.stream.graph is not None:
            self.stream.graph.append(functools.partial(self._call, symbol, single, *arguments))
        else:
            self._call(symbol, single, *arguments)

    def _call(self, symbol: str, single: bool, *arguments: Any) -> None:
        if symbol in self._pending:
            self._compile()
        assert symbol in self._functions, "this kernel did not compile, in a test before"
        with arithmetic_of("float32" if single else "float64"):
            self._functions[symbol](*arguments)

    def packs(self, symbol: str) -> int:
        """How many accesses of 128 bits the library of a kernel has made since the last look."""
        if symbol in self._pending:
            # The library may be loaded already, by another shim, and have counted.
            self._compile()
        counter = ctypes.c_longlong.in_dll(self._functions[symbol].library, "shim_packs")
        count, counter.value = counter.value, 0
        return count

    def _compile(self) -> None:
        kernels = list(self._pending.items())
        # What fails to compile fails once, not in every test.
        self._pending.clear()
        # Two compilers at once, where there is work for two.
        cut = len(kernels) // 2 if len(kernels) > MANY else len(kernels)
        parts = [part for part in (kernels[:cut], kernels[cut:]) if part]
        with ThreadPoolExecutor(len(parts)) as pool:
            libraries = list(pool.map(functools.partial(_library, self.flags), parts))
        for part, made in zip(parts, libraries, strict=True):
            for symbol, _ in part:
                function = getattr(made, f"run_{symbol}")
                function.restype, function.library = None, made
                self._functions[symbol] = function


def _library(flags: Sequence[str], kernels: Sequence[tuple[str, str]]) -> ctypes.CDLL:
    """The library of some kernels, compiled once for all workers and runs."""
    text = "".join([HEADER.read_text(), *(text for _, text in kernels)])
    command = [*(compiler() or []), *FLAGS, *flags]
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    place = FOLDER / f"{hashlib.sha256(repr((text, command)).encode()).hexdigest()[:32]}.so"
    with place.with_suffix(".lock").open("w") as lock:
        if find_spec("fcntl"):
            import fcntl

            # Another worker may be compiling it.
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            source, half_done = (place.with_suffix(f".{os.getpid()}{end}") for end in (".cpp", ".so"))
            source.write_text(text)
            subprocess.run([*command, "-o", str(half_done), str(source)], check=True)
            half_done.replace(place)
            source.unlink()
    return ctypes.CDLL(str(place))


class _RawKernel:
    num_regs = 0

    def __init__(self, shim: Shim, code: str, name: str, options: tuple[str, ...]) -> None:
        parameters = re.search(rf"{name}\(([^)]*)\)", code)
        assert parameters
        # What is passed by value comes here by its address.
        taken = re.sub(r"const __grid_constant__ Given (\w+)", r"const fastopt::Given *\1", parameters[1])
        names = [f"*{n}" if n == "given" else n for n in re.findall(r"(\w+)(?:,|$)", parameters[1])]
        fibers = "true" if "__sync" in code or "_sync(" in code else "false"
        run = (
            f'extern "C" void run_@(unsigned grid, unsigned block, {taken})\n'
            f"{{ shim_launch<{fibers}>(grid, block, [=] {{ fastopt::@({', '.join(names)}); }}); }}\n"
        )
        self.shim, self.single = shim, _single(code)
        self.symbol = shim.add(name, code.replace(f" {name}(", " @(") + run)
        self.widths = [_declared(parameter) for parameter in parameters[1].split(",")]

    def __call__(self, grid: tuple[int], block: tuple[int], arguments: tuple[Any, ...]) -> None:
        # CUDA copies as many bytes as the kernel declares, whatever they are.
        assert [*map(_width, arguments)] == self.widths
        self.shim.call(self.symbol, self.single, *map(ctypes.c_uint, (*grid, *block)), *map(_argument, arguments))

    def compile(self) -> None:
        """It is compiled when it is called, with all others."""


def _single(text: str) -> bool:
    """Whether a kernel computes in float32: one that casts says to what."""
    if "double, float>" in text or "float, double>" in text:
        return "double, float>" in text
    return "struct float64" not in text


def _declared(parameter: str) -> int:
    """The bytes of a kernel's parameter."""
    if "*" in parameter:
        return 8
    return {"long long": 8, "int": 4, "unsigned": 4, "Given": GIVEN_BYTES}[
        re.sub(r"const|__grid_constant__", "", parameter).rpartition(" ")[0].strip()
    ]


def _width(value: Any) -> int:
    """The bytes that CuPy has to give for it: an array's address, a number, or an array of one struct by value."""
    if value is None or (value.ndim and not value.dtype.names):
        return 8
    assert value.size == 1
    return int(value.nbytes)


def _argument(value: Any) -> Any:
    """As CuPy passes it to a kernel."""
    if value is None:
        return ctypes.c_void_p(None)
    return ctypes.c_void_p(value.ctypes.data) if value.ndim else np.ctypeslib.as_ctypes_type(value.dtype)(value.item())


class _ElementwiseKernel:
    """What CuPy puts around an operation: a loop over the elements of arrays of any layout."""

    def __init__(
        self, shim: Shim, in_params: str, out_params: str, operation: str, name: str, preamble: str, **_: Any
    ) -> None:
        kinds = {"float32": "float", "float64": "double", "uint16": "unsigned short", "uint8": "unsigned char"}
        lines = []
        self.arrays: list[int] = []
        self.scalars: list[int] = []
        self.single = _single(preamble + operation)
        parameters = [*(p for p in in_params.split(", ") if p), *out_params.split(", ")]
        first_output = len(parameters) - len(out_params.split(", "))
        for position, parameter in enumerate(parameters):
            kind, own = parameter.split()
            if re.fullmatch(r"a\d+", own):
                k, constant = len(self.arrays), "const " * (position < first_output)
                lines.append(f"{constant}{kinds[kind]} &{own} = *({kinds[kind]} *)(at[{k}] + offset({k}, i));")
                self.arrays.append(position)
            else:
                lines.append(f"const {kinds[kind]} {own} = scalars[{len(self.scalars)}];")
                self.scalars.append(position)
        compute = "float" if self.single else "double"
        body = "\n".join(lines)
        text = f"""{preamble}
extern "C" void run_@(long long size, int dimensions, const long long *shape, const long long *strides, char **at,
    const {compute} *scalars)
{{
    auto offset = [=](int array, long long i) {{
        long long total = 0;
        for (int axis = dimensions; axis--; i /= shape[axis])
            total += i % shape[axis] * strides[array * dimensions + axis];
        return total;
    }};
    for (long long i = 0; i < size; i++) {{
{body}
{operation};
    }}
}}
"""
        self.shim = shim
        self.symbol = shim.add(name, text)

    def __call__(self, *given: Any) -> None:
        arrays = [given[position] for position in self.arrays]
        scalars = np.array([given[position] for position in self.scalars], "float32" if self.single else "float64")
        assert all(given[position].dtype == scalars.dtype for position in self.scalars)
        shape = np.array(arrays[0].shape, np.int64)
        strides = np.array([a.strides for a in arrays], np.int64)
        at = np.array([a.__array_interface__["data"][0] for a in arrays], np.int64)
        pointers = [ctypes.c_void_p(a.ctypes.data) for a in (shape, strides, at, scalars)]
        self.shim.call(self.symbol, self.single, ctypes.c_longlong(arrays[0].size), ctypes.c_int(shape.size), *pointers)


class _Array(np.ndarray):
    """An array on the GPU, as far as the host's side needs one."""

    @property
    def data(self) -> Any:
        return SimpleNamespace(ptr=self.ctypes.data)

    def set(self, values: Any) -> None:
        self[...] = values


class _Device(contextlib.nullcontext[Any]):
    def __init__(self, number: int) -> None:
        super().__init__(self)

    def synchronize(self) -> None:
        """All is done at once here."""


@contextlib.contextmanager
def simulated(shim: Shim) -> Iterator[None]:
    """Within it, rules called on NumPy arrays go through the CuPy backend, and its kernels run on the CPU."""
    cupy = SimpleNamespace(
        asarray=lambda values: np.array(values).view(_Array),
        empty=np.zeros,
        zeros=lambda shape, dtype: np.zeros(shape, dtype).view(_Array),
        asnumpy=np.array,
        uint32=np.uint32,
        full_like=np.full_like,
        ndarray=_Array,
        RawKernel=functools.partial(_RawKernel, shim),
        ElementwiseKernel=functools.partial(_ElementwiseKernel, shim),
        cuda=SimpleNamespace(
            Device=_Device,
            Stream=lambda non_blocking: shim.stream,
            get_current_stream=lambda: shim.stream,
            alloc_pinned_memory=bytearray,
            runtime=SimpleNamespace(getDeviceCount=lambda: 1, CUDARuntimeError=RuntimeError),
        ),
    )

    def view_on_gpu(array: Any, name: str) -> Any:
        return replace(host.view(array, name), kind="cupy array", device="cuda:0")

    caches = [made for made in vars(cupy_kernels).values() if hasattr(made, "cache_clear")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "cupy", cupy)
        # Its arrays are NumPy's, and so are their headers.
        patch.setattr(library, "library_of", lambda array: cupy_arrays)
        patch.setattr(cupy_arrays, "view", view_on_gpu)
        patch.setattr(cupy_backend, "headers", cpu.headers)
        for cache in caches:
            cache.cache_clear()
        yield
    for cache in caches:
        cache.cache_clear()


@contextlib.contextmanager
def on_the_cpu() -> Iterator[None]:
    """Within `simulated`, rules go to the CPU's own backend again."""
    simulating = library.library_of
    library.library_of = _library_of
    try:
        yield
    finally:
        library.library_of = simulating


_library_of = library.library_of
