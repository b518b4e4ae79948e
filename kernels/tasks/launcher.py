"""The functions of a backend that a stage over task tables needs."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..program.stages import Stage
from .table import Batch

# The message of a backend that has no unattended steps.
ON_CUPY_ALONE = "captured steps are for CuPy arrays; for other arrays call opt.step(grads)"


class Launcher(Protocol):
    """Kernels over task tables. Each backend keeps data of its own for a batch, `Batch.prepared`, from run to run."""

    def piece(self, stage: Stage, elements: int) -> int:
        """How many elements a task has. elements: how many there are in all."""

    def prepare(self, name: str, stage: Stage, batch: Batch) -> None:
        """Compile and allocate whatever `launch` needs, so that it cannot fail for want of it. Called before every
        run."""

    def launch(self, name: str, stage: Stage, batch: Batch, rows: Sequence[Sequence[Any]]) -> Callable[[], Any]:
        """A function that runs one stage over a batch. A stage of reductions then has its partial results, (rows of
        the table, `Stage.columns`), in batch.prepared.partials.

        rows: the stage's scalars, in the rows that the table names.
        """

    def lock(self, batches: Sequence[Batch]) -> Any:
        """The lock to hold while these batches run, or None."""
