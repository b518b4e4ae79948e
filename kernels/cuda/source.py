"""The CUDA C++ of a rule's kernels, for people to read. Imports neither CuPy nor CUDA."""

from collections.abc import Sequence

from ..program.gpu_numbers import GpuNumbers
from ..program.stages import Program, Stage
from ..tasks.layout import Layout
from .element import elementwise
from .number_kernels import number_kernel
from .table_kernels import reduce_source, update_source


def number_sources(program: Program) -> list[tuple[str, str, str]]:
    """A title, the language and the text of each kernel that works out numbers which follow from norms."""
    if not program.reductions:
        return []
    title = "GPU, CUDA C++: the numbers before pass"
    numbers = GpuNumbers(program)
    stages = range(len(program.stages))
    return [(f"{title} {k + 1}", "c++", number_kernel(numbers, k)[0]) for k in stages]


def sources(name: str, stage: Stage, storages: Sequence[str]) -> list[tuple[str, str, str]]:
    """A title, the language and the text of each kernel of a stage, for people to read."""
    layout = Layout.dense(stage, storages)
    if stage.reductions:
        return [("GPU, CUDA C++: the norms of all arrays", "c++", reduce_source(name, stage, layout))]
    table = ("GPU, CUDA C++: all arrays in one launch", "c++", update_source(name, stage, layout))
    if stage.in_order:
        # Elements have a number, and blocks, in the table alone.
        return [table]
    described = elementwise(name, stage, layout)
    parameters = f"{described.in_params!r}, {described.out_params!r}"
    text = f"{described.preamble}\n// ElementwiseKernel({parameters}): for each i\n{described.operation}\n"
    return [("GPU, CuPy ElementwiseKernel: one array of any layout", "c++", text), table]
