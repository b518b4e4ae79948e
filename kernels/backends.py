"""The backends by name. Each has a folder of its own, with a module `backend` and a module `source`."""

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from .arrays.extents import Extents
from .arrays.view import View
from .program.stages import Program, Stage
from .system import uninterrupted
from .tasks.launcher import Launcher
from .tasks.stage_run import StageRun

if TYPE_CHECKING:
    from .cuda.gpu_program import GpuProgram
    from .cuda.unattended import UnattendedSteps
    from .headers.numpy_headers import Headers
    from .headers.row_headers import RowHeaders
    from .headers.tensor_headers import TensorHeaders

# The folder of each backend, by the name that fastopt's users see.
BACKENDS = {"cpu": "cpu", "cupy": "cuda", "cuda": "numba_cuda"}


class Backend(Launcher, Protocol):
    """The functions of a backend's module `backend`: launches, and what a step needs beside them.

    merged: adds up rows that come several times. (rows, places, values, name) -> each row once, in the order in which
    they first come, and the view of the sums of their values. rows: NumPy's int64. places: -1 for each row that there
    is, and so again at the end. name: how messages name the gradient. None where row-sparse gradients are refused.
    """

    merged: Callable[[Any, Any, View, str], tuple[Any, View]] | None

    def headers(
        self, fixed: list[Any], moving: list[Any], extents: Extents, before: Any = None, among: Any = None
    ) -> "Headers | TensorHeaders | None":
        """A check whether these arrays were replaced or moved; None where each step has to look at all of them.

        fixed: those that must lie where they are. moving: those that may move as far as `extents` lets them, None for a
        gap. before: the headers before, for what is known of gaps. among: as Headers has it.
        """

    def row_headers(
        self, values: Any, count: int, written: Sequence[int], writable: bool, places: Any
    ) -> "RowHeaders | None":
        """A check whether row-sparse gradients can be used as they are, with the arguments of RowHeaders; None where
        Python has to look at each."""

    def unattended(self, program: Program) -> bool:
        """Whether ordinary steps of a program are unattended: the GPU takes them without waiting for the host."""

    def gpu_program(
        self, program: Program, runs: Sequence[StageRun], groups: Sequence[int], device: str, rows: int
    ) -> "GpuProgram":
        """A program for unattended steps.

        runs: the stages on the arrays. groups: for each set which row of numbers is its own. rows: how many rows of
        numbers there are. Raises TypeError where the backend has no unattended steps, ValueError where their bits would
        differ from the host's.
        """

    def unattended_steps(
        self, programs: "Sequence[GpuProgram]", places: Sequence[Any], notice: Any
    ) -> "UnattendedSteps":
        """Unattended steps of programs together, with the arguments of UnattendedSteps. Raises TypeError where the
        backend has none."""


class Sources(Protocol):
    """The functions of a backend's module `source`: kernels as text to read. They need no library that compiles."""

    def sources(self, name: str, stage: Stage, storages: Sequence[str]) -> list[tuple[str, str, str]]:
        """A title, the language and the text of each kernel of a stage."""

    def number_sources(self, program: Program) -> list[tuple[str, str, str]]:
        """A title, the language and the text of each kernel that works out numbers which follow from norms."""


@functools.cache
def backend(name: str) -> Backend:
    """The module of a backend, "cpu", "cupy" or "cuda", imported at first use."""
    module = uninterrupted(importlib.import_module, f".{BACKENDS[name]}.backend", __package__)
    return cast(Backend, module)


def source(name: str) -> Sources:
    """The module that writes a backend's kernels; it imports no library that compiles."""
    return cast(Sources, importlib.import_module(f".{BACKENDS[name]}.source", __package__))
