"""The dynamic loss scale of float16 training: as large as the gradients allow."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from ..guarded import Guarded
from ..kernels.language.hyperparameters import plain_number, real, whole


class LossScaler(Guarded):
    """A scale for the loss, so that small gradients stay within float16; an optimizer adapts it step by step.

    Multiply the loss, or the gradient that starts back-propagation, with `scale`; pass the scaler to the optimizer,
    which undoes the scale and skips the steps in which a gradient is not finite. After each of these the scale is
    multiplied by `backoff`; after `interval` applied steps in a row by `growth`. It stays within `lowest` and
    `highest`. torch.amp.GradScaler works so too, but without bounds. A scaler serves one optimizer, the last that it
    was given to: another would undo a scale that the first has just changed.

    scale: the first scale. Raises ValueError for a number out of its range, TypeError for what is none.
    """

    # torch's names.
    _spelled: ClassVar[Mapping[str, str]] = {
        "init_scale": "scale",
        "growth_factor": "growth",
        "backoff_factor": "backoff",
        "growth_interval": "interval",
    }

    def __init__(
        self,
        scale: float = 65536.0,
        *,
        growth: float = 2.0,
        backoff: float = 0.5,
        interval: int = 2000,
        lowest: float = 1.0,
        highest: float = 2.0**24,
    ) -> None:
        scale, growth, backoff = real("scale", scale), real("growth", growth), real("backoff", backoff)
        lowest, highest = real("lowest", lowest), real("highest", highest)
        if not 0 < lowest <= scale <= highest < math.inf:
            raise ValueError(
                f"scale must be from lowest to highest, and lowest more than 0; got scale={scale}, lowest={lowest}, "
                f"highest={highest}"
            )
        if not 1 <= growth < math.inf:
            raise ValueError(f"growth must be 1 or more, and finite; got {growth}")
        if not 0 < backoff <= 1:
            raise ValueError(f"backoff must be more than 0, and at most 1; got {backoff}")
        self.scale, self.growth, self.backoff = scale, growth, backoff
        self.interval = whole("interval", interval, 1, "steps")
        self.lowest, self.highest = lowest, highest
        self.applied = 0  # steps in a row since the scale last changed
        self._served: Any = None

    @contextmanager
    def lent(self) -> Iterator[None]:
        """A context in which another optimizer may have the scaler; at its end all is as before."""
        state, served = self.state_dict(), self._served
        try:
            yield
        finally:
            self.load_state_dict(state)
            self._served = served

    def serve(self, mark: object) -> None:
        """Serve an optimizer from now on, and no other. mark: an object by which the optimizer is known."""
        self._served = mark

    def serves(self, mark: object) -> bool:
        """Whether the scaler serves the optimizer with this mark."""
        return self._served is mark

    def __getstate__(self) -> dict[str, Any]:
        # A copy serves the copied optimizer, which says so, or none.
        return {**self.__dict__, "_served": None}

    def check_serves(self, mark: object) -> None:
        """Raise RuntimeError unless the scaler serves the optimizer with this mark."""
        if not self.serves(mark):
            raise RuntimeError(
                "the loss_scaler of this optimizer was given to another optimizer since, which changes the scale for "
                "itself; make a LossScaler for each optimizer"
            )

    def inverse(self) -> float:
        """The factor that undoes the scale."""
        return 1.0 / self.scale

    def after(self, applied: bool) -> tuple[float, int]:
        """What `scale` and `applied` will be after a step that is applied, or skipped for its gradients."""
        if not applied:
            return max(self.scale * self.backoff, self.lowest), 0
        if self.applied + 1 >= self.interval:
            return min(self.scale * self.growth, self.highest), 0
        return self.scale, self.applied + 1

    def update(self, applied: bool) -> None:
        """Note that a step was applied, or skipped since a gradient was not finite."""
        self.scale, self.applied = self.after(applied)

    def state_dict(self) -> dict[str, Any]:
        """The values that change from step to step, as numbers."""
        return {"scale": self.scale, "applied": self.applied}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from the state that `state_dict` gave. Raises ValueError for values out of their range."""
        scale, applied = plain_number(state.get("scale")), plain_number(state.get("applied"))
        if type(scale) not in (int, float) or not self.lowest <= scale <= self.highest:
            raise ValueError(
                f"scale of the saved loss scaler must be from {self.lowest} to {self.highest}, this scaler's lowest "
                f"and highest; got {scale!r}"
            )
        if type(applied) is not int or applied < 0:
            raise ValueError(f"applied of the saved loss scaler must be a count of steps; got {applied!r}")
        self.scale, self.applied = float(scale), applied

    def __repr__(self) -> str:
        return f"<LossScaler: {self.scale:g}, {self.applied} of {self.interval} steps to growth>"
