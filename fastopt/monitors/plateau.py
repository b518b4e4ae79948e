"""Reduce on plateau: cut the rate when the loss has not fallen for a while."""

from collections.abc import Mapping
from typing import Any, ClassVar

from ..kernels.language.hyperparameters import real, whole
from .best import BestSoFar
from .factor import Factor
from .monitor import Counted, number


class ReduceOnPlateau(BestSoFar, Factor):
    """A factor of the rate that is cut when a loss has stopped falling.

        plateau = fastopt.ReduceOnPlateau(patience=5)
        opt = fastopt.Adam(params, lr=plateau * 1e-3)   # or plateau * schedule
        ...
        plateau.update(validation_loss, opt)            # once per evaluation

    After more than `patience` evaluations in a row without a better loss the factor is multiplied by `factor`, but not
    brought below `lowest`; for the `cooldown` evaluations after that none counts as bad. Defaults and conventions are
    torch's ReduceLROnPlateau, without its eps; keras's cuts at `patience` already, and its threshold is absolute. For
    their min_lr, a floor of the rate: lr=plateau.of(1e-3, lowest=1e-6).
    Better losses and NaN: see fastopt.monitors.best. What counts, and skipped steps: see fastopt.monitors.monitor.
    value: the factor now. cooling: evaluations left to cool down.
    """

    _kept = (*BestSoFar._kept, "value", "cooling")
    # An older name of ours, and torch's and keras's.
    _spelled: ClassVar[Mapping[str, str]] = {**BestSoFar._spelled, "cut": "factor", "min_lr": "lowest"}

    def __init__(
        self,
        *,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        mode: str = "min",
        cooldown: int = 0,
        lowest: float = 0.0,
    ) -> None:
        super().__init__(patience, threshold, threshold_mode, mode)
        factor, lowest = real("factor", factor), real("lowest", lowest)
        if not 0 < factor < 1:
            raise ValueError(f"factor must be more than 0 and less than 1; got {factor!r}")
        if not 0 <= lowest < 1:
            raise ValueError(
                f"lowest is of the factor, which starts at 1: it must be 0 or more, and less than 1; got {lowest!r}; "
                "for a floor of the rate use of(rate, lowest=...)"
            )
        self.factor, self.cooldown, self.lowest = factor, whole("cooldown", cooldown, 0, "evaluations"), lowest
        self.value = 1.0
        self.cooling = 0

    def update(self, loss: Any, optimizer: Counted | None = None) -> bool:
        """Note the loss of an evaluation; returns whether the rate was cut.

        optimizer: if passed, losses that its skipped steps have spoilt are left out. NaN without
        a skipped step counts as not better. Raises TypeError if the loss is no number.
        """
        loss = number(loss)
        if not self._counts(loss, optimizer):
            return False
        self._improves(loss)
        if self.cooling:
            self.cooling -= 1
            self.bad = 0
        if self.bad <= self.patience:
            return False
        self.value = max(self.value * self.factor, self.lowest)
        self.bad, self.cooling = 0, self.cooldown
        return True
