"""The CPU's kernels of a rule, as LLVM compiled them for this processor."""

from dataclasses import dataclass

from ..rule import Inspection
from .assembly import HotLoop, function, fused, hot_loop


@dataclass(frozen=True)
class CpuKernel:
    """The kernel of a stage; each thread runs it on a share.

    processor: LLVM's name of it. fma: the number of instructions that multiply and add with one rounding. text: the
    assembly.
    """

    title: str
    processor: str
    hot_loop: HotLoop | None
    fma: int
    text: str


def cpu_kernels(found: Inspection) -> list[CpuKernel]:
    """The kernel of each stage, compiled now."""
    from ...kernels.cpu.backend import assembly

    kernels = []
    for stage, storages in found.stages:
        processor, symbol, everything = assembly(found.rule.name, stage, storages)
        text = function(everything, symbol)
        title = f"CPU, LLVM's assembly: {'the norms' if stage.reductions else 'the update'}"
        kernels.append(CpuKernel(title, processor, hot_loop(text), fused(text), text))
    return kernels
