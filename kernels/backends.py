"""The backends by name. Each has a folder of its own, with a module `backend` and a module `source`."""

import functools
import importlib
from collections.abc import Sequence
from typing import Any, Protocol, cast

from .arrays.view import View
from .program.gpu_numbers import GpuNumbers
from .program.stages import Program, Stage
from .system import uninterrupted
from .tasks.launcher import Launcher
from .tasks.stage_run import StageRun

# The folder of each backend, by the name that fastopt's users see.
BACKENDS = {"cpu": "cpu", "cupy": "cuda", "cuda": "numba_cuda"}


class HeaderCheck(Protocol):
    """Checks whether arrays were replaced or moved.

    addresses: those of the parameters, then those of the gradients, at the last look. gradients: the addresses of the
    gradients alone.
    """

    addresses: Any
    gradients: Any

    def look(self, parameters: list[Any], gradients: list[Any]) -> int:
        """SAME, or MOVED if only gradients lie elsewhere, or CHANGED.

        MOVED enters the new addresses into `addresses`; CHANGED leaves them as they were.
        """


class UnattendedSteps(Protocol):
    """Steps that a GPU takes by itself, as cuda/unattended.py has them.

    gpu_numbers: which numbers the GPU is told and which it works out. notice: a word of memory in which the GPU says
    that it stopped.
    """

    gpu_numbers: GpuNumbers
    notice: Any

    def tell(self, rows: Sequence[Sequence[float]]) -> None:
        """Give the GPU the numbers of the next step, a row for each group."""

    def tell_all(self, rows: Any, carried: Sequence[Sequence[float]]) -> None:
        """Give the GPU the numbers of many steps, and the states before them."""

    def clock(self) -> tuple[int, int, str]:
        """How many steps were applied and skipped since `tell_all`, and what then stopped the GPU, or ""."""

    def states(self) -> list[list[float]]:
        """The states that the GPU carries, a row for each group."""

    def tables(self) -> None:
        """Put the task tables on the GPU, with the addresses that the arrays have now."""

    def run(self) -> None:
        """Issue a step, without waiting for it."""


class Backend(Launcher, Protocol):
    """The functions of a backend's module `backend`: launches, and what a step needs beside them."""

    def headers(
        self, parameters: list[Any], gradients: list[Any], views: Any, gradients_written: bool
    ) -> HeaderCheck | None:
        """A check whether these arrays were replaced or moved; None where each step has to look at all of them."""

    def merged(self, rows: Any, places: Any, values: View, name: str) -> tuple[Any, View]:
        """The distinct rows, in the order in which they first come, and the sum of the values of each.

        rows: NumPy's int64. places: an array of -1 with an element for each row of the parameter; it is so again at the
        end. name: how messages name the gradient. Raises TypeError where row-sparse gradients cannot be taken.
        """

    def unattended(self, program: Program) -> bool:
        """Whether ordinary steps of a program are unattended: the GPU takes them without waiting for the host."""

    def unattended_steps(
        self, program: Program, runs: Sequence[StageRun], groups: Sequence[int], device: str, rows: int, notice: Any
    ) -> UnattendedSteps:
        """Unattended steps of a program.

        runs: the stages on the arrays. groups: for each set which row of numbers is its own. rows: how many rows of
        numbers there are. notice: that of the steps before these, or None. Raises TypeError where the backend has no
        unattended steps, ValueError where their bits would differ from the host's.
        """


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
