"""Two ways to take a step: the host decides it, or a GPU works out by itself what follows from norms.

Both know, beforehand, the numbers that follow from no norm; both write in one call, after all has been decided.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from ..program.spelling import as_written
from ..program.stages import Program
from ..tasks.stage_run import StageRun, perform
from ..tasks.table import Batch

if TYPE_CHECKING:
    from ..cuda.gpu_program import GpuProgram
    from ..cuda.unattended import UnattendedSteps
    from ..program.gpu_numbers import GpuNumbers


class Executor(Protocol):
    """Takes steps on the arrays that a plan has taken.

    program: of which it takes steps. writes: how many entries `write` appends to its list, one for each batch. found:
    what `noted` reads of the latest step that was decided.
    """

    program: Program
    writes: int
    found: Any

    def decide(self, numbers: Sequence[Mapping[str, Any]]) -> list[list[float]] | None:
        """The uniform states after the step: for each row of numbers, or for each set if numbers differ between sets.

        None if the program's guard says that the step does not count. Nothing is written yet.
        """

    def write(self, done: list[Any]) -> None:
        """Apply the step that was decided."""

    def launches(self) -> tuple[list[Callable[[], Any]], Any]:
        """The functions that apply the step that was decided, as many as `writes`, and the lock to hold meanwhile."""


class Attended:
    """The host waits for norms, and works out what follows from them.

    runs: the program's stages on the arrays. groups: for each set which row of numbers is its own. own: for each
    set which row of scalars is its own; scalars that follow from norms of single arrays have a row for each set.
    first: the first of the stages that reduce, or None.
    """

    def __init__(self, program: Program, runs: Sequence[StageRun], groups: Sequence[int], own: Sequence[int]) -> None:
        self.program, self._groups, self._own = program, groups, own
        *self._before, self._last = runs
        self.first = self._before[0] if self._before else None
        self._scalars: Any = None
        self.found: list[Any] | None = None
        self.writes = len(self._last.batches)

    def touch(self, batches: Sequence[Sequence[Batch]]) -> None:
        """Have the next step update some rows too. batches: for each stage those of the rows."""
        for run, touched in zip([*self._before, self._last], batches, strict=True):
            run.touch(touched)
        self.writes = len(self._last.batches) + len(batches[-1])

    def decide(self, numbers: Sequence[Mapping[str, Any]]) -> list[list[float]] | None:
        """As `Executor.decide`. Raises ValueError, which shows the numbers, if they cannot be computed with."""
        program = self.program
        try:
            if program.apart:
                states = self._quietly(lambda: self._reduced(self._begun(numbers), self._before[0].reduced()))
            elif program.reductions:
                states = self._reduced(self._begun(numbers), self._before[0].reduced())
            elif program.last:
                known, count = list(map(program.known_function, numbers)), len(self._last.stage.scalars)
                states, self._scalars = [row[count:] for row in known], [row[:count] for row in known]
            else:
                self._scalars = list(map(program.known_function, numbers))
                states = [[]] * len(numbers)
        except (ArithmeticError, ValueError) as error:
            raise _explained(program, numbers, error) from error
        return None if program.guard and not all(row.pop() for row in states) else states

    def begin(self, numbers: Sequence[Mapping[str, Any]]) -> "Begun":
        """Begin as `decide` does: run the first of the stages that reduce."""
        run = self._before[0]
        try:
            known = self._quietly(lambda: self._begun(numbers)) if self.program.apart else self._begun(numbers)
        except (ArithmeticError, ValueError) as error:
            raise _explained(self.program, numbers, error) from error
        return Begun(numbers, known, run, run.totals())

    def end(self, begun: "Begun") -> list[list[float]] | None:
        """End as `decide` does. begun: with the totals to go on with."""
        known, run = begun.known, begun.run
        try:
            if self.program.apart:
                states = self._quietly(lambda: self._reduced(known, run.combined(begun.totals)))
            else:
                states = self._reduced(known, run.combined(begun.totals))
        except (ArithmeticError, ValueError) as error:
            raise _explained(self.program, begun.numbers, error) from error
        return None if self.program.guard and not all(row.pop() for row in states) else states

    @staticmethod
    def _quietly(compute: Callable[[], Any]) -> Any:
        """The result of scalars that are columns of NumPy's numbers, which warn where Python's do not."""
        with np.errstate(all="ignore"):
            return compute()

    def _begun(self, numbers: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The numbers that are known before the first of the stages that reduce, which then has run."""
        known: list[Any] = list(map(self.program.known_function, numbers))
        if self.program.apart:
            known = list(np.array(known, np.float64)[list(self._groups)].T)
        self._before[0].run(self._each(self.program.stage_functions[0], known), [])
        return known

    def _reduced(self, known: list[Any], values: list[Any]) -> list[list[float]]:
        """`program.last`; keeps the scalars of the last stage.

        known: as `_begun` gives it: rows of numbers, or columns where scalars are of single arrays. values: the
        reductions of the first stage.
        """
        program = self.program
        known = self._with(known, values)
        for run, function in zip(self._before[1:], program.stage_functions[1:], strict=False):
            run.run(self._each(function, known), [])
            known = self._with(known, run.reduced())
        self.found = known if program.apart else known[0]
        # Before anything is written, since it may raise.
        states, self._scalars = self._each(program.last_function, known), self._each(program.stage_functions[-1], known)
        return states.tolist() if program.apart else [list(map(float, row)) for row in states]

    def _with(self, known: list[Any], values: list[Any]) -> list[Any]:
        if self.program.apart:
            return known + values
        values = list(map(float, values))
        return [row + values for row in known]

    def _each(self, function: Callable[..., Any], known: list[Any]) -> Any:
        """For each row of scalars the values of a function of what is known."""
        if self.program.apart:
            return _table(function(*known), len(self._groups))
        return [function(*row) for row in known]

    def scalars(self, position: int) -> Any:
        """The scalars of the stage that writes, as they were decided for a set."""
        return self._scalars[self._own[position]]

    def write(self, done: list[Any]) -> None:
        """As `Executor.write`."""
        self._last.run(self._scalars, done)

    def launches(self) -> tuple[list[Callable[[], Any]], Any]:
        """As `Executor.launches`."""
        return self._last.launches(self._scalars)


class Unattended:
    """The GPU works out what follows from norms, and is only told the numbers that it needs for that.

    make: a function of the number of rows of numbers, and of the notice of the steps before or None, that makes the
    steps. last: the stage that writes. before: the executor of earlier steps, if there was one: a step that stopped on
    the GPU is noticed in a later step, which may be of another executor.
    """

    def __init__(
        self,
        program: Program,
        make: Callable[[int, Any], "UnattendedSteps"],
        last: StageRun,
        before: "Unattended | None",
    ) -> None:
        self.program, self._make, self.writes = program, make, len(last.batches)
        self._steps: UnattendedSteps | None = None
        self._earlier: Any = before.notice if before else None
        self.found: GpuProgram | None = None

    @property
    def notice(self) -> Any:
        """The word in which the GPU says that it stopped; None before any step."""
        return self._steps.notice if self._steps else self._earlier

    def decide(self, numbers: Sequence[Mapping[str, Any]]) -> list[list[float]] | None:
        """As `Executor.decide`, but never None."""
        if self._steps is None or self.found is None:
            self._steps = self._make(len(numbers), self._earlier)
            (self.found,) = self._steps.programs
        known = foretold(self.found.numbers, numbers)
        self._steps.tell([[told for told, _ in known]])
        return [list(states.values()) for _, states in known]

    def write(self, done: list[Any]) -> None:
        """As `Executor.write`; the step is only issued."""
        assert self._steps is not None
        self._steps.run()
        done.extend([None] * self.writes)

    def launches(self) -> tuple[list[Callable[[], Any]], Any]:
        """As `Executor.launches`."""
        assert self._steps is not None
        return [self._steps.run, *[tuple] * (self.writes - 1)], None


class Begun(NamedTuple):
    """A step of one of several rules whose first stage has run.

    numbers: its rows. known: what Attended has of them. run: the stage. totals: those of its columns, as StageRun has
    them.
    """

    numbers: Sequence[Mapping[str, Any]]
    known: list[Any]
    run: StageRun
    totals: list[Any]


class Joint:
    """Steps of several rules in one optimizer, decided and written together.

    executors: one for each rule. members: for each rule the numbers of its parameters among all of the optimizer, in
    whose order the reductions over them all add up, as a NumPy array. sets: which of these parameters have a gradient.
    program, found: of the first, which has the norm of all arrays as the others do.
    """

    def __init__(self, executors: Sequence[Executor], members: Sequence[Any], sets: Sequence[Sequence[int]]) -> None:
        self._executors = executors
        self.program = executors[0].program
        firsts = [executor.first if isinstance(executor, Attended) else None for executor in executors]
        self._sharing = [first is not None and bool(first.shared) for first in firsts]
        # Of each reduction over them all its least column, the rules that have it, each with its column, and the order
        # of their sets. A rule that does not read the gradient has no norm of it.
        self._joins = []
        for key in dict.fromkeys(key for first in firsts if first for key in first.shared):
            having = [(k, first.shared[key]) for k, first in enumerate(firsts) if first and key in first.shared]
            places = [members[k][np.asarray(sets[k])] for k, _ in having]
            least = min(column for _, column in having)
            self._joins.append((least, having, np.argsort(np.concatenate(places))))

    @property
    def writes(self) -> int:
        """As `Executor.writes`."""
        return sum(executor.writes for executor in self._executors)

    @property
    def found(self) -> Any:
        """As `Executor.found`."""
        return self._executors[0].found

    def decide(self, numbers: Sequence[Sequence[Mapping[str, Any]]]) -> list[list[list[float]]] | None:
        """For each rule the result of `Executor.decide`; None if one of them says that the step does not count.

        numbers: for each rule its rows.
        """
        each = list(zip(self._executors, self._sharing, numbers, strict=True))
        begun: list[Any] = [executor.begin(rows) if shares else None for executor, shares, rows in each]  # type: ignore[attr-defined]
        widths = [0 if own is None else len(own.totals) for own in begun]
        widest = max(widths)
        for least, having, order in self._joins:
            # No array of any rule has this part.
            if least >= widest:
                continue
            parts = []
            for k, column in having:
                own = begun[k]
                if column >= widths[k]:
                    # Arrays of another rule have this column.
                    own.totals.extend([np.zeros(own.run.count)] * (column + 1 - len(own.totals)))
                parts.append(own.totals[column])
            # Of any of them: all combine this column alike.
            total = own.run.joined(column, np.concatenate(parts)[order])
            for k, column in having:
                begun[k].totals[column] = total
        states = [
            executor.end(own) if shares else executor.decide(rows)  # type: ignore[attr-defined]
            for (executor, shares, rows), own in zip(each, begun, strict=True)
        ]
        return None if None in states else states  # type: ignore[return-value]

    def write(self, done: list[Any]) -> None:
        """As `Executor.write`."""
        ready, locks = zip(*(executor.launches() for executor in self._executors), strict=True)
        perform([*itertools.chain.from_iterable(ready)], next(filter(None, locks), None), done)


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


def _table(columns: Sequence[Any], rows: int) -> Any:
    """A table of columns, each of which is an array of numbers or a single number for all rows."""
    table = np.empty((rows, len(columns)))
    for k, column in enumerate(columns):
        table[:, k] = column
    return table
