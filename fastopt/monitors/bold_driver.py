"""The bold driver: a little faster while the loss falls, much slower once it rises."""

import math
from collections.abc import Mapping
from typing import Any

from ..kernels.language.hyperparameters import real
from ..trees.snapshot import Snapshot
from .factor import Factor
from .monitor import Counted, Monitor, number


class BoldDriver(Monitor, Factor):
    """A factor of the rate that grows when a loss falls and shrinks when it rises.

        driver = fastopt.BoldDriver()
        opt = fastopt.SGD(params, lr=driver * 0.1)
        ...
        driver.update(loss, opt)   # of the whole training set: noise between batches would look like rises

    Vogl et al. 1988, Accelerating the convergence of the back-propagation method, Biological Cybernetics 59; Battiti
    1989, Accelerated backpropagation learning, Complex Systems 3. up, down: what multiplies the factor, within `lowest`
    and `highest`. tolerance: a rise by no more than this part of the loss changes nothing (Vogl: 0.01 to 0.05).
    params: arrays that are put back after a rise, as in both papers; they are copied at each loss that has not risen,
    and the copy is no part of the state. The optimizer's own state is not undone, but an average that its rule keeps
    starts anew from them. Without params a rise stands, and the
    next loss is compared with it.
    A loss that is NaN or infinite has risen. Which evaluations count, and skipped steps: see fastopt.monitors.monitor.
    value: the factor now. last: the loss that the next loss is compared with, or None.
    """

    _kept = (*Monitor._kept, "value", "last")

    def __init__(
        self,
        *,
        up: float = 1.05,
        down: float = 0.5,
        tolerance: float = 0.0,
        lowest: float = 0.0,
        highest: float = math.inf,
        params: Any = None,
    ) -> None:
        super().__init__()
        up, down, tolerance = real("up", up), real("down", down), real("tolerance", tolerance)
        lowest, highest = real("lowest", lowest), real("highest", highest)
        if not 1 <= up < math.inf:
            raise ValueError(f"up must be 1 or more, and finite; got {up!r}")
        if not 0 < down < 1:
            raise ValueError(f"down must be more than 0 and less than 1; got {down!r}")
        if not 0 <= tolerance < math.inf:
            raise ValueError(f"tolerance must be 0 or more, and finite; got {tolerance!r}")
        if not 0 <= lowest <= 1 <= highest:
            raise ValueError(
                "lowest must be from 0 to 1 and highest 1 or more, since the factor starts at 1; got "
                f"lowest={lowest!r}, highest={highest!r}"
            )
        self.up, self.down, self.tolerance, self.lowest, self.highest = up, down, tolerance, lowest, highest
        self.value = 1.0
        self.last: float | None = None
        self._before = None if params is None else Snapshot(params, "BoldDriver")

    @property
    def params(self) -> Any:
        """The tree of arrays that are put back, or None."""
        return self._before and self._before.tree

    def update(self, loss: Any, optimizer: Counted | None = None) -> bool:
        """Note the loss of an evaluation; returns whether it has risen. Raises TypeError if loss is no number."""
        loss = number(loss)
        if self._before:
            self._before.check()
        if not self._counts(loss, optimizer):
            return False
        if self._risen(loss):
            self.value = max(self.value * self.down, self.lowest)
            if self._before and self._before.taken:
                self._before.restore()
            elif math.isfinite(loss):
                self.last = loss
            return True
        if self.last is not None and loss < self.last:
            self.value = min(self.value * self.up, self.highest)
        self.last = loss
        if self._before:
            self._before.take()
        return False

    def _risen(self, loss: float) -> bool:
        if not math.isfinite(loss):
            return True
        return self.last is not None and loss > self.last + self.tolerance * abs(self.last)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from the state that `state_dict` gave, which has no copy of the parameters."""
        super().load_state_dict(state)
        if self._before:
            self._before.drop()
