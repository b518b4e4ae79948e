"""What a stage that runs over task tables needs of its backend."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..program.stages import Stage
from .table import Batch

# Where a backend has no unattended steps.
ON_CUPY_ALONE = "captured steps are for CuPy arrays; on others call step"


class Launcher(Protocol):
    """Kernels over task tables. What is kept of a batch from run to run, `Batch.prepared`, is the backend's own."""

    def piece(self, stage: Stage, elements: int) -> int:
        """How many elements a task has, of so many in all."""

    def prepare(self, name: str, stage: Stage, batch: Batch) -> None:
        """Compile and allocate whatever `launch` needs, so that it cannot fail for want of it. Called before every
        run."""

    def launch(self, name: str, stage: Stage, batch: Batch, rows: Sequence[Sequence[Any]]) -> Callable[[], Any]:
        """What runs one stage over a batch, when called. A stage of reductions then has its partial results, (rows of
        the table, reductions), in batch.prepared.partials.

        rows: the stage's scalars, in the rows that the table names.
        """

    def lock(self, batches: Sequence[Batch]) -> Any:
        """The lock to hold while these run, or None."""
