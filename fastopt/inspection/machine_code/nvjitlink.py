"""The kernels of numba-cuda -> PTX and machine code, as its `jit` has them linked by nvJitLink; needs no GPU."""

import importlib
import importlib.metadata
import warnings
from typing import Any

from ...kernels.numba_cuda import compiler
from ...kernels.program.stages import Stage
from ...kernels.tasks.layout import Layout

_REMEDY = "pip install 'fastopt[cuda13]' (or cuda12), or choose --backend cupy"


def compiled(name: str, stage: Stage, storages: tuple[str, ...], arch: str) -> tuple[str, bytes]:
    """The PTX and the cubin of a stage's kernel, for an architecture such as "sm_90".

    Raises ImportError that says how to install what is missing, RuntimeError where the compiler refuses.
    """
    cuda, core = _libraries()
    kernel = compiler.generated(name, stage, Layout.dense(stage, storages))
    number = int(arch.removeprefix("sm_"))
    try:
        with warnings.catch_warnings():
            # numba warns where it finds no GPU, which is not needed here.
            warnings.simplefilter("ignore")
            # As jit does where nvJitLink is installed: the machine code is made from this intermediate code, not PTX.
            code, _ = cuda.compile(
                kernel.function,
                kernel.signature,
                device=False,
                abi="numba",
                cc=divmod(number, 10),
                output="ltoir",
                launch_bounds=kernel.threads,
            )
            module = core.ObjectCode.from_ltoir(code)
            linked = {
                kind: core.Linker(
                    module, options=core.LinkerOptions(arch=arch, link_time_optimization=True, ptx=kind == "ptx")
                ).link(kind)
                for kind in ("ptx", "cubin")
            }
    except Exception as error:  # the errors of these libraries have no base in common
        version = importlib.metadata.version("numba-cuda")
        raise RuntimeError(f"numba-cuda {version} cannot compile this for {arch}: {error}") from error
    return bytes(linked["ptx"].code).rstrip(b"\0").decode(), bytes(linked["cubin"].code)


def _libraries() -> tuple[Any, Any]:
    """numba.cuda and cuda.core, with an nvJitLink that loads."""
    try:
        cuda = compiler.library()
        from cuda.bindings import nvjitlink

        core = importlib.import_module("cuda.core")

        nvjitlink.version()
    except (ImportError, RuntimeError) as error:
        raise ImportError(f"numba-cuda's compilers cannot be used ({error}): {_REMEDY}") from error
    return cuda, core
