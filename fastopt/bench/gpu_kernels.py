"""Registers, local memory and occupancy of the compiled kernels of a step, as the GPU's driver tells them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..kernels.arrays.view import compute_type
from ..kernels.cuda import launch_size
from ..kernels.cuda.compiler import OPTIONS, as_elementwise
from ..kernels.cuda.element import elementwise, kernel_name
from ..kernels.cuda.table_kernels import per_thread, reduce_source, update_source
from ..kernels.cuda.unattended import unattended
from ..kernels.language.reductions import LANES
from ..kernels.program.stages import Stage
from ..kernels.tasks.layout import Layout
from .cases import Case

# The lines that CuPy puts before the code of its own kernels.
HEADERS = "#include <cupy/complex.cuh>\n#include <cupy/carray.cuh>\n"
# Threads of a block of an ElementwiseKernel that is not told otherwise.
_THREADS = 128


@dataclass(frozen=True)
class Kernel:
    """name: as profilers show it. threads: of a block. registers: of a thread. local_bytes: local memory of a thread,
    which holds spilled registers if nothing else. occupancy: the share of a multiprocessor's threads that can be
    resident.
    """

    name: str
    threads: int
    registers: int
    local_bytes: int
    occupancy: float


def kernels(cupy: Any, case: Case, resident: int) -> list[Kernel]:
    """The kernels of a step, in the order in which they run, as they are launched now; compiles them.

    resident: how many threads a multiprocessor holds at most.
    """
    rule, costs, compute = case.rule, case.costs, compute_type([case.dtype])
    compiled = []
    for stage, storages in costs.stages:
        layout = Layout.dense(stage, storages)
        if stage.reductions:
            name, threads = f"{kernel_name(rule.name)}_norms", LANES // per_thread(stage, layout)
            raw = cupy.RawKernel(reduce_source(rule.name, stage, layout), name, options=OPTIONS)
        elif case.arrays > 1 or stage.in_order or unattended(costs.program):
            name, threads = kernel_name(rule.name), launch_size.now.threads
            raw = cupy.RawKernel(update_source(rule.name, stage, layout, threads), name, options=OPTIONS)
        else:
            name, threads = kernel_name(rule.name), _THREADS
            raw = cupy.RawKernel(HEADERS + _generated(cupy, rule.name, stage, storages, compute), name, options=OPTIONS)
        blocks = cupy.cuda.driver.occupancyMaxActiveBlocksPerMultiprocessor(raw.kernel.ptr, threads, 0)
        compiled.append(Kernel(name, threads, raw.num_regs, raw.local_size_bytes, blocks * threads / resident))
    return compiled


def _generated(cupy: Any, name: str, stage: Stage, storages: Sequence[str], compute: str) -> str:
    """The code that CuPy generates, at the first call, for an ElementwiseKernel on arrays of one dimension."""
    parts = elementwise(name, stage, Layout.dense(stage, storages))
    kernel: Any = as_elementwise(cupy, parts)
    arrays = [cupy.zeros(64, "uint16" if storage in ("float16", "bfloat16") else storage) for storage in storages]
    scalars = cupy.zeros(len(stage.scalars), compute).get()
    kernel(*(arrays[k] for k in parts.inputs), *scalars, *(arrays[k] for k in parts.outputs))
    code: str = kernel.cached_code
    return code
