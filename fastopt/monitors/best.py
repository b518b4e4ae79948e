"""The best loss so far, and when a loss is better."""

import math
from collections.abc import Mapping
from typing import ClassVar

from ..kernels.language.hyperparameters import real, whole
from .monitor import Monitor


class BestSoFar(Monitor):
    """Counts the evaluations in a row that were not better than the best.

    A loss is better if it is lower (mode="max": higher) than the best by more than the threshold: a part of the best
    (threshold_mode="rel") or a number (threshold_mode="abs"). torch has the same rules, but its relative
    threshold points the wrong way where the best is negative. A loss that is NaN or infinite is never better.

    best: None before the first loss. bad: evaluations in a row without a better loss.
    """

    _kept = (*Monitor._kept, "best", "bad")
    _spelled: ClassVar[Mapping[str, str]] = {"min_delta": "threshold", "num_bad_epochs": "bad"}  # keras's and torch's

    def __init__(self, patience: int, threshold: float, threshold_mode: str, mode: str) -> None:
        super().__init__()
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f'threshold_mode must be "rel" or "abs"; got {threshold_mode!r}')
        if mode not in ("min", "max"):
            raise ValueError(f'mode must be "min" or "max"; got {mode!r}')
        threshold = real("threshold", threshold)
        if not 0 <= threshold < (1 if threshold_mode == "rel" else math.inf):
            bound = "0 or more, and less than 1" if threshold_mode == "rel" else "0 or more, and finite"
            raise ValueError(f"threshold must be {bound}; got {threshold!r}")
        self.patience, self.mode = whole("patience", patience, 0, "evaluations"), mode
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.best: float | None = None
        self.bad = 0

    def _improves(self, loss: float) -> bool:
        """Whether a loss that counts is better; a better loss becomes the best."""
        better = math.isfinite(loss) and (self.best is None or self._beats(loss, self.best))
        self.best = loss if better else self.best
        self.bad = 0 if better else self.bad + 1
        return better

    def _beats(self, loss: float, best: float) -> bool:
        down = self.mode == "min"
        if self.threshold_mode == "abs":
            return loss < best - self.threshold if down else loss > best + self.threshold
        # torch's bits: the threshold is a factor and not a difference.
        scale = 1 - self.threshold if down is (best >= 0) else 1 + self.threshold
        return loss < best * scale if down else loss > best * scale
