"""Two ways to take a step: the host decides it, or a GPU works out by itself what follows from norms.

Both know, beforehand, the numbers that follow from no norm; both write in one call, after all has been decided.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..program.spelling import as_written
from ..program.stages import Program
from ..tasks.stage_run import StageRun
from ..tasks.table import Batch

if TYPE_CHECKING:
    from ..cuda.unattended import UnattendedSteps
    from ..program.gpu_numbers import GpuNumbers


class Executor(Protocol):
    """Takes steps on the arrays that a plan has taken.

    writes: how many entries `write` appends to its list, one for each batch. found: what `noted` reads of the latest
    step that was decided.
    """

    writes: int
    found: Any

    def decide(self, numbers: Sequence[Mapping[str, Any]]) -> list[list[float]] | None:
        """The uniform states after the step: for each row of numbers, or for each set if numbers differ between sets.

        None if the program's guard says that the step does not count. Nothing is written yet.
        """

    def write(self, done: list[Any]) -> None:
        """Apply the step that was decided."""


class Attended:
    """The host waits for norms, and works out what follows from them.

    runs: the program's stages on the arrays. groups: for each set which row of numbers is its own. own: for each
    set which row of scalars is its own; scalars that follow from norms of single arrays have a row for each set.
    """

    def __init__(self, program: Program, runs: Sequence[StageRun], groups: Sequence[int], own: Sequence[int]) -> None:
        self._program, self._groups, self._own = program, groups, own
        *self._before, self._last = runs
        self._scalars: Any = None
        self.found: list[Any] | None = None
        self.writes = len(self._last.batches)

    def touch(self, batches: Sequence[Sequence[Batch]]) -> None:
        """Have the next step update some rows too. batches: for each stage those of the rows."""
        for run, touched in zip([*self._before, self._last], batches, strict=True):
            run.touched = touched
        self.writes = len(self._last.batches) + len(self._last.touched)

    def decide(self, numbers: Sequence[Mapping[str, Any]]) -> list[list[float]] | None:
        """As `Executor.decide`. Raises ValueError, which shows the numbers, if they cannot be computed with."""
        program = self._program
        try:
            known = list(map(program.known_function, numbers))
            if program.reductions:
                states, scalars = self._reduced(known)
            elif program.last:
                count = len(self._last.stage.scalars)
                states, scalars = [row[count:] for row in known], [row[:count] for row in known]
            else:
                states, scalars = [[]] * len(known), known
        except (ArithmeticError, ValueError) as error:
            raise _explained(program, numbers, error) from error
        if program.guard and not all(row.pop() for row in states):
            return None
        self._scalars = scalars
        return states

    def _reduced(self, known: list[list[Any]]) -> tuple[list[list[float]], Any]:
        """`program.last` and the scalars of the last stage, from the norms that the stages before it compute."""
        program, groups = self._program, self._groups
        if program.apart:
            columns = list(np.array(known, np.float64)[list(groups)].T)
            # NumPy's numbers do not warn where Python's do not.
            with np.errstate(all="ignore"):
                for run, scalars in zip(self._before, program.stage_functions, strict=False):
                    columns += _reductions(run, _table(scalars(*columns), len(groups)))
                self.found = columns
                states, last = (
                    _table(function(*columns), len(groups))
                    for function in (program.last_function, program.stage_functions[-1])
                )
            return states.tolist(), last
        for run, scalars in zip(self._before, program.stage_functions, strict=False):
            values = list(map(float, _reductions(run, [scalars(*row) for row in known])))
            known = [row + values for row in known]
        self.found = known[0]
        # Before anything is written, since it may raise.
        return [list(map(float, program.last_function(*row))) for row in known], [
            program.stage_functions[-1](*row) for row in known
        ]

    def scalars(self, position: int) -> Any:
        """The scalars of the stage that writes, as they were decided for a set."""
        return self._scalars[self._own[position]]

    def write(self, done: list[Any]) -> None:
        """As `Executor.write`."""
        self._last.run(self._scalars, done)


class Unattended:
    """The GPU works out what follows from norms, and is only told the numbers that it needs for that.

    make: a function of the number of rows of numbers, and of the notice of the steps before or None, that makes the
    steps. last: the stage that writes. before: the executor of earlier steps, if there was one: a step that stopped on
    the GPU is noticed in a later step, which may be of another executor.
    """

    def __init__(
        self, make: Callable[[int, Any], "UnattendedSteps"], last: StageRun, before: "Unattended | None"
    ) -> None:
        self._make, self.writes = make, len(last.batches)
        self._steps: UnattendedSteps | None = None
        self._earlier: Any = before.notice if before else None
        self.found: UnattendedSteps | None = None

    @property
    def notice(self) -> Any:
        """The word in which the GPU says that it stopped; None before any step."""
        return self._steps.notice if self._steps else self._earlier

    def decide(self, numbers: Sequence[Mapping[str, Any]]) -> list[list[float]] | None:
        """As `Executor.decide`, but never None."""
        if self._steps is None:
            self._steps = self.found = self._make(len(numbers), self._earlier)
        known = foretold(self._steps.gpu_numbers, numbers)
        self._steps.tell([told for told, _ in known])
        return [list(states.values()) for _, states in known]

    def write(self, done: list[Any]) -> None:
        """As `Executor.write`; the step is only issued."""
        assert self._steps is not None
        self._steps.run()
        done.extend([None] * self.writes)


def noted(program: Program, found: Any, name: str) -> float:
    """A reduction over the model that the formula gave a name, in the latest step. found: as an executor had it.

    Of steps that a GPU takes by itself this waits for the GPU.
    """
    node = program.noted[name]
    if isinstance(found, list):
        return float(found[len(program.known) + program.reductions.index(node)])
    value: float = found.reduced(node)
    return value


def foretold(gpu: "GpuNumbers", numbers: Sequence[Mapping[str, Any]]) -> list[tuple[list[Any], dict[str, float]]]:
    """For each row of numbers, those that a GPU is told of a step and the uniform states after it (GpuNumbers.next).

    Raises ValueError, which shows the numbers, if they cannot be computed with.
    """
    try:
        return [gpu.next(row) for row in numbers]
    except (ArithmeticError, ValueError) as error:
        raise _explained(gpu.program, numbers, error) from error


def _explained(program: Program, numbers: Sequence[Mapping[str, Any]], error: Exception) -> ValueError:
    """An error in a number, with the hyperparameters that it was made of."""
    given = "; ".join(", ".join(f"{name}={row[name]!r}" for name in program.numbers) for row in numbers)
    uniform = ", ".join(as_written(node) for stage in program.stages for node in stage.scalars if node.args)
    return ValueError(f"{program.name}: {error} in one of {uniform}, with {given}")


def _reductions(run: StageRun, scalars: Any) -> list[Any]:
    """Run a stage of reductions; returns for each a value for each set, or a single value over the model."""
    run.run(scalars, [])
    return run.reduced(run.partials())


def _table(columns: Sequence[Any], rows: int) -> Any:
    """A table of columns, each of which is an array of numbers or a single number for all rows."""
    table = np.empty((rows, len(columns)))
    for k, column in enumerate(columns):
        table[:, k] = column
    return table
