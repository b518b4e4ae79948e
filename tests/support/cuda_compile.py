"""NVRTC as CuPy calls it, on a machine without a GPU: the source and the options are CuPy's own, to the last header."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from fastopt.inspection.machine_code.nvdisasm import disassembled, disassembler
from fastopt.inspection.machine_code.nvrtc import elementwise_code, library
from fastopt.kernels.cuda.compiler import OPTIONS
from fastopt.kernels.cuda.table_kernels import reduce_source, update_source
from fastopt.kernels.program.stages import Stage
from fastopt.kernels.tasks.layout import Layout

FLOAT32_ARITHMETIC = re.compile(
    r"^(add|sub|mul|div|sqrt|rcp|rsqrt|min|max|set|setp|abs|neg|fma|mad|cvt|ex2|lg2)\.(?:[\w.]*\.)?f32(\.|$)"
)


@dataclass(frozen=True)
class Compiled:
    """What NVRTC made of a source. log: ptxas's account of registers and spills."""

    source: str
    options: tuple[str, ...]
    ptx: str
    cubin: bytes
    log: str


class _Done(Exception):
    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled


def cupy_or_skip() -> Any:
    """CuPy, where it is installed and finds NVRTC; else the test is skipped, with the reason."""
    try:
        return library()
    except ImportError as error:
        pytest.skip(f"{error}; the extra cuda-check brings it")


@contextmanager
def _stopped_after_nvrtc(cupy: Any, folder: str) -> Iterator[None]:
    compiler = cupy.cuda.compiler

    class Program(compiler._NVRTCProgram):  # type: ignore[misc, name-defined]
        def compile(self, options: tuple[str, ...] = (), log_stream: Any = None) -> Any:
            if not self.src:
                return super().compile(options, log_stream)
            cubin, _ = super().compile((*options, "--ptxas-options=-v"), log_stream)
            nvrtc = compiler.nvrtc
            ptx, log = nvrtc.getPTX(self.ptr).decode(), nvrtc.getProgramLog(self.ptr)
            raise _Done(Compiled(self.src, options, ptx, cubin, log))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "_NVRTCProgram", Program)
        # CuPy asks the device for this; the rest does not need one.
        patch.setattr(compiler, "_get_arch_for_options_for_nvrtc", lambda arch: (f"-arch=sm_{arch}", "cubin"))
        patch.setenv("CUPY_CACHE_DIR", folder)
        patch.setenv("CUPY_CACHE_IN_MEMORY", "1")
        yield


def compiled(code: str, arch: int, headers: bool = False) -> Compiled:
    """What CuPy compiles for a RawKernel, or, with CuPy's headers, for an ElementwiseKernel."""
    cupy = cupy_or_skip()
    with tempfile.TemporaryDirectory() as folder, _stopped_after_nvrtc(cupy, folder):
        try:
            cupy._core.core.compile_with_cache(code, OPTIONS, arch=str(arch), prepend_cupy_headers=headers)
        except _Done as done:
            return done.compiled
    raise AssertionError("CuPy did not call NVRTC")


def storages_of(stage: Stage, names: Sequence[str], storage: str) -> tuple[str, ...]:
    """The stored types of a stage's arrays: parameter and gradient of one type, slots of the type that computes."""
    state = "float64" if storage == "float64" else "float32"
    return tuple(storage if array in names[:2] else state for array in stage.arrays)


def compiled_stage(name: str, stage: Stage, storages: Sequence[str], arch: int) -> Compiled:
    """The kernel over the task table of one stage."""
    if stage.reductions:
        return compiled(reduce_source(name, stage, Layout.dense(stage, storages)), arch)
    return compiled(update_source(name, stage, Layout.dense(stage, storages)), arch)


def compiled_elementwise(name: str, stage: Stage, storages: Sequence[str], dimensions: int, arch: int) -> Compiled:
    """The ElementwiseKernel of one stage, for contiguous arrays of one dimension or strided ones of more."""
    cupy_or_skip()
    return compiled(elementwise_code(name, stage, storages, dimensions), arch, headers=True)


def machine_code(cubin: bytes) -> str:
    """The disassembled machine code; skips the test where there is no disassembler."""
    if disassembler() is None:
        pytest.skip("nvdisasm is not installed; the extra cuda-check brings it")
    # CuPy takes the last byte for the end of a string.
    return disassembled(cubin + b"\0")


def instructions(ptx: str) -> list[str]:
    """The instructions of a PTX text, without operands."""
    return re.findall(r"^\s+(?:\{\s*)?(?:@!?%p\d+\s+)?([a-z][a-z0-9_]*(?:\.[a-z0-9_:]+)+)\s", ptx, re.MULTILINE)


def broken_promises(ptx: str) -> list[str]:
    """The instructions that would not give NumPy's bits. No whole number is a denormal."""
    return [
        found
        for found in instructions(ptx)
        if re.match(r"(fma|mad)\.[\w.]*f(16|32|64)", found)
        or "approx" in found
        or ".full" in found
        or (re.match(r"(div|sqrt|rcp)\.[\w.]*f(32|64)", found) and ".rn" not in found)
        or (FLOAT32_ARITHMETIC.match(found) and not re.search(r"\.ftz|f16|^cvt\.rn\.f32\.[su]", found))
    ]


def assert_no_spills(made: Compiled) -> None:
    assert re.findall(r"(\d+) bytes spill (?:stores|loads)", made.log) == ["0", "0"], made.log
    assert "0 bytes stack frame" in made.log
    assert ".local" not in made.ptx
