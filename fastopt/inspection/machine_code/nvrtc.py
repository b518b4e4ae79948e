"""CUDA C++ -> PTX and machine code, by NVRTC as CuPy calls it; needs CuPy but no GPU."""

import importlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...kernels.cuda.compiler import OPTIONS, as_elementwise
from ...kernels.cuda.element import elementwise, kernel_name
from ...kernels.program.stages import Stage
from ...kernels.tasks.layout import Layout

# Threads of a block of an ElementwiseKernel, whose source bounds none: CuPy's default.
ELEMENTWISE_THREADS = 128
_REMEDY = "pip install 'fastopt[cuda13]' (or cuda12), or choose --backend cuda"
_ARRAY, _INDEXER, _SCALAR = 1, 2, 3


@dataclass(frozen=True)
class Compiled:
    """The PTX and the cubin that NVRTC made of a source, and the options that it was given."""

    options: tuple[str, ...]
    ptx: str
    cubin: bytes


def library() -> Any:
    """CuPy with an NVRTC that loads. Raises ImportError that says how to install them."""
    try:
        with warnings.catch_warnings():
            # CuPy warns where it finds no CUDA, which is not needed here.
            warnings.simplefilter("ignore")
            cupy = importlib.import_module("cupy")
        cupy.cuda.nvrtc.getVersion()
    except (ImportError, RuntimeError) as error:
        raise ImportError(f"CuPy's compiler NVRTC cannot be used ({error}): {_REMEDY}") from error
    return cupy


def compiled(code: str, arch: str, headers: bool = False) -> Compiled:
    """Compile as CuPy does a RawKernel or, with CuPy's headers, an ElementwiseKernel. arch: such as "sm_90".

    Raises ImportError where CuPy or NVRTC is missing, RuntimeError where NVRTC refuses the source or the architecture.
    """
    cupy = library()
    nvrtc = cupy.cuda.nvrtc
    if headers:
        code = "".join(f"#include <{header}>\n" for header in cupy._core.core._cupy_header_list) + code
    options = (
        *cupy._core.core.assemble_cupy_compiler_options(OPTIONS),
        *("-ftz=true", f"-arch={arch}", "--device-as-default-execution-space"),
    )
    program = nvrtc.createProgram(code, "kernel.cu", (), ())
    try:
        nvrtc.compileProgram(program, options)
        # CuPy takes the last byte for the end of a string.
        cubin = nvrtc.getCUBIN(program) + b"\0"
        return Compiled(options, nvrtc.getPTX(program).decode(), cubin)
    except nvrtc.NVRTCError as error:
        said = nvrtc.getProgramLog(program) or error
        version = ".".join(map(str, nvrtc.getVersion()))
        raise RuntimeError(f"NVRTC {version} cannot compile this for {arch}: {said}") from error
    finally:
        nvrtc.destroyProgram(program)


def elementwise_code(name: str, stage: Stage, storages: Sequence[str], dimensions: int = 1) -> str:
    """The source that CuPy writes around the ElementwiseKernel of a stage; it needs CuPy's headers.

    dimensions: 1 for contiguous arrays, else the number of dimensions of strided ones.
    """
    cupy = library()
    kernels = cupy._core._kernel
    parts = elementwise(name, stage, Layout.dense(stage, storages))
    kernel: Any = as_elementwise(cupy, parts)
    contiguous = dimensions == 1
    arguments = []
    for parameter in kernel.params:
        if parameter.name == "_ind":
            arguments.append(kernels._ArgInfo(_INDEXER, object, None, dimensions, True, contiguous))
        elif parameter.name[0] == "a" and parameter.name[1:].isdigit():
            dtype = np.dtype(parameter.dtype)
            arguments.append(kernels._ArgInfo(_ARRAY, cupy.ndarray, dtype, dimensions, contiguous, contiguous))
        else:
            arguments.append(kernels._ArgInfo(_SCALAR, object, np.dtype(parameter.dtype), 0, True, True))
    text: str = kernels._get_elementwise_kernel_code(
        tuple(arguments), kernels._TypeMap(()), kernel.params, kernel.operation, kernel_name(name), kernel.preamble
    )
    return text
