"""The backends by their names, and what each has: a module `backend` and a module `source` in a folder of its own."""

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

# Their folders, by the names that fastopt's users see.
BACKENDS = {"cpu": "cpu", "cupy": "cuda", "cuda": "numba_cuda"}


class HeaderCheck(Protocol):
    """What notices that arrays were replaced or moved.

    addresses: where the parameters, and after them the gradients, lay when last looked at; gradients: only theirs.
    """

    addresses: Any
    gradients: Any

    def look(self, parameters: list[Any], gradients: list[Any]) -> int:
        """SAME, MOVED if only gradients lie elsewhere, as `addresses` now says, or CHANGED, when nothing is noted."""


class UnattendedSteps(Protocol):
    """Steps that a GPU takes by itself, as cuda/unattended.py has them.

    gpu_numbers: what the GPU is told and what it works out. notice: a word of memory in which it says that it stopped.
    """

    gpu_numbers: GpuNumbers
    notice: Any

    def tell(self, rows: Sequence[Sequence[float]]) -> None:
        """What there is to know of the next step, a row for each group."""

    def tell_all(self, rows: Any, carried: Sequence[Sequence[float]]) -> None:
        """What there is to know of many steps, and the states before them."""

    def clock(self) -> tuple[int, int, str]:
        """How many steps were applied and skipped since they were told, and what then stopped it, if anything did."""

    def states(self) -> list[list[float]]:
        """The states that the GPU carries, a row for each group."""

    def tables(self) -> None:
        """Have the task tables on the GPU, as the arrays lie now."""

    def run(self) -> None:
        """Take a step; it is only issued."""


class Backend(Launcher, Protocol):
    """What the module `backend` of every backend has: launches, and what a step needs beside them."""

    def headers(
        self, parameters: list[Any], gradients: list[Any], views: Any, gradients_written: bool
    ) -> HeaderCheck | None:
        """What notices that these arrays were replaced or moved; None where each step has to look at all of them."""

    def merged(self, rows: Any, places: Any, values: View, name: str) -> tuple[Any, View]:
        """Each row once, in the order in which they first come, and the sums of their values in that order.

        rows: NumPy's int64. places: -1 for each row that there is, and so again at the end. name: how messages name the
        gradient. Raises TypeError where row-sparse gradients cannot be taken.
        """

    def unattended(self, program: Program) -> bool:
        """Whether ordinary steps of a program need no word from the host."""

    def unattended_steps(
        self, program: Program, runs: Sequence[StageRun], groups: Sequence[int], device: str, rows: int, notice: Any
    ) -> UnattendedSteps:
        """Steps that need none. Raises TypeError where there are none, ValueError where bits would not be kept.

        runs: the stages on the arrays. groups: for each set which of so many rows of numbers is its own. notice: that
        of other steps, which these follow, or None.
        """


class Sources(Protocol):
    """What the module `source` of every backend has, for people to read; it needs no library that compiles."""

    def sources(self, name: str, stage: Stage, storages: Sequence[str]) -> list[tuple[str, str, str]]:
        """A title, the language and the text of each kernel of a stage."""

    def number_sources(self, program: Program) -> list[tuple[str, str, str]]:
        """The same for the kernels beside those of the stages, which work out numbers that follow from norms."""


@functools.cache
def backend(name: str) -> Backend:
    """The module of a backend, "cpu", "cupy" or "cuda", imported at first use."""
    module = uninterrupted(importlib.import_module, f".{BACKENDS[name]}.backend", __package__)
    return cast(Backend, module)


def source(name: str) -> Sources:
    """The module that writes a backend's kernels; it imports no library that compiles."""
    return cast(Sources, importlib.import_module(f".{BACKENDS[name]}.source", __package__))
