"""Stop early: end a run whose loss has not fallen for a while, and go back to its best weights."""

from collections.abc import Mapping
from typing import Any

from ..trees.snapshot import Snapshot
from .best import BestSoFar
from .monitor import Counted, number


class EarlyStopping(BestSoFar):
    """Says when to stop: after more than `patience` evaluations in a row without a better loss.

        stopping = fastopt.EarlyStopping(patience=5, params=params)
        if stopping.update(validation_loss, opt):
            stopping.restore()
            break

    keras stops at `patience` already. Better losses and NaN: see fastopt.monitors.best. Which evaluations count, and
    skipped steps: see fastopt.monitors.monitor.
    params: arrays that are copied at each better loss, which takes their memory once more. The copy is no part of the
    state. stopped: whether the last `update` said to stop.
    """

    _kept = (*BestSoFar._kept, "stopped")

    def __init__(
        self,
        *,
        patience: int = 10,
        threshold: float = 0.0,
        threshold_mode: str = "rel",
        mode: str = "min",
        params: Any = None,
    ) -> None:
        super().__init__(patience, threshold, threshold_mode, mode)
        self.stopped = False
        self._weights = None if params is None else Snapshot(params, "EarlyStopping")

    @property
    def params(self) -> Any:
        """The tree of arrays that are put back, or None."""
        return self._weights and self._weights.tree

    def update(self, loss: Any, optimizer: Counted | None = None) -> bool:
        """Note the loss of an evaluation; returns whether to stop. Raises TypeError if the loss is no number."""
        loss = number(loss)
        if self._weights:
            self._weights.check()
        if self._counts(loss, optimizer):
            if self._improves(loss) and self._weights:
                self._weights.take()
            self.stopped = self.bad > self.patience
        return self.stopped

    def restore(self) -> None:
        """Put the weights of the best loss back into the arrays. Raises ValueError if none were kept."""
        if self._weights is None:
            raise ValueError("there are no weights to restore; make EarlyStopping with params=params")
        if not self._weights.taken:
            raise ValueError(
                "there are no weights to restore: no loss has been better since this was made or loaded; call "
                "update(loss) first"
            )
        self._weights.restore()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from the state that `state_dict` gave, which has no copy of the weights."""
        super().load_state_dict(state)
        if self._weights:
            self._weights.drop()
