"""Steps that the GPU takes by itself: the host does not wait for norms, and a CUDA graph can hold the steps."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..program.gpu_numbers import GpuNumbers
from ..program.stages import Program
from .clock import THREADS
from .compiler import cupy, on_device, raw_kernel, refuse_capture
from .gpu_clock import ZERO_DIVIDED, GpuClock
from .gpu_program import GpuProgram, Issues
from .joint_kernels import END, JOIN, end_kernel, join_kernel, join_table


class UnattendedSteps:
    """Unattended steps of programs with one clock: each `run` issues the stages, and nothing waits.

    Before each stage a kernel works out its scalars, from what was told and from the stage before. All programs have
    decided before one of them writes. Either each `run` comes after a `tell`, or `tell_all` is called and `run` then
    captured, to be replayed many times. All kernels are compiled here, before a capture. Raises RuntimeError while the
    current stream is being captured.
    programs: on one device. places: for each program the numbers of its sets among all of the optimizer, in whose order
    reductions over them all add up, as a NumPy array; of a single program it may be empty. notice: that of the steps
    before, or None.
    """

    def __init__(self, programs: Sequence[GpuProgram], places: Sequence[Any], notice: Any) -> None:
        self.programs, self.device = programs, programs[0].device
        alone = len(programs) == 1
        with on_device(self.device):
            refuse_capture()
            self._clock = GpuClock(notice)
            begins, folds, goes_on, writes = (
                [issue for own in parts for issue in own]
                for parts in zip(*(program.issued(self._clock, alone) for program in programs), strict=True)
            )
            joins = [self._joining(places)] if folds else []
            ends = [] if alone else [self._ending()]
        self._issues: Issues = [*begins, *folds, *joins, *goes_on, *ends, *writes]

    @property
    def notice(self) -> Any:
        """The word in which the GPU says that it stopped."""
        return self._clock.notice

    def _joining(self, places: Sequence[Any]) -> Callable[[], None]:
        having: dict[str, list[tuple[Any, Any, int]]] = {}
        for program, own in zip(self.programs, places, strict=True):
            # A rule that does not read the gradient has no norm of it.
            for name, (totals, value) in program.shared.items():
                having.setdefault(name, []).append((own, totals, value))
        reductions = []
        for several in having.values():
            of_all, totals, values = zip(*several, strict=True)
            order = np.argsort(np.concatenate(of_all))
            reductions.append((np.concatenate(totals, axis=1)[:, order], values))
        kernel, table = raw_kernel(*join_kernel([*having])), cupy().asarray(join_table(reductions))
        arguments = tuple(JOIN.arguments(table=table, clock=self._clock.words))
        return lambda: kernel((1,), (1,), arguments)

    def _ending(self) -> Callable[[], None]:
        kernel, table = raw_kernel(*end_kernel()), np.array([program.carried for program in self.programs], np.int64)
        arguments = END.arguments(
            table=cupy().asarray(table.reshape(-1)), programs=np.int32(len(table)), clock=self._clock.words
        )
        return lambda: kernel((1,), (THREADS,), tuple(arguments))

    def tell(self, rows: Sequence[Sequence[Sequence[float]]]) -> None:
        """Give the GPU the numbers of the next step, for each program as `GpuProgram.tell` takes them.

        Raises ZeroDivisionError if the GPU has stopped at a step before. The steps since then were counted, but have
        written nothing.
        """
        with on_device(self.device):
            refuse_capture()
            if self.notice[0]:
                self._clock.anew()
                self.notice[0] = 0
                names = ", ".join(program.numbers.program.name for program in self.programs)
                raise ZeroDivisionError(
                    f"{names}: in a step before, {ZERO_DIVIDED}; nothing was written by it and the steps after it, "
                    "which were counted all the same"
                )
            for program, own in zip(self.programs, rows, strict=True):
                program.tell(own)
        self.tables()

    def tell_all(self, steps: int, rows: Sequence[Any], carried: Sequence[Sequence[Sequence[float]]]) -> None:
        """Give the GPU the numbers of many steps and the states before them, as `GpuProgram.tell_all` takes them.

        Waits for the GPU. The clock begins anew.
        """
        with on_device(self.device):
            refuse_capture()
            for program, own, states in zip(self.programs, rows, carried, strict=True):
                program.tell_all(own, states)
            self._clock.table(steps)
            self._clock.anew()
            cupy().cuda.get_current_stream().synchronize()
        self.notice[0] = 0

    def clock(self) -> tuple[int, int, str]:
        """How many steps were applied and skipped since `tell_all`, and what then stopped the GPU, or "".

        Waits for all that the GPU does; raises RuntimeError while the current stream is being captured.
        """
        with on_device(self.device) as device:
            refuse_capture("what was replayed is known only when the GPU has been waited for; ask before or after")
            device.synchronize()
            return self._clock.read()

    def tables(self) -> None:
        """Put the task tables on the GPU, with the addresses that the arrays have now."""
        with on_device(self.device):
            for program in self.programs:
                program.tables()

    def run(self) -> None:
        """Issue a step on CuPy's current stream, without waiting for it."""
        with on_device(self.device):
            for issue in self._issues:
                issue()


@functools.cache
def unattended(program: Program) -> bool:
    """Whether the host needs no result of a step: there are norms, but no guard and no states that follow from one."""
    numbers = GpuNumbers(program)
    return bool(program.reductions) and not program.guard and not numbers.carried and not numbers.unfit
