"""The base of all monitors: which evaluations count, and a state of plain numbers."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from ..guarded import Guarded
from ..kernels.language.hyperparameters import plain_number
from ..kernels.language.values import shown


class Counted(Protocol):
    """The counts of an optimizer that a monitor reads: steps that were applied, and steps that were skipped."""

    @property
    def t(self) -> int: ...
    @property
    def skipped(self) -> int: ...


class Monitor(Guarded):
    """Is told a loss at each evaluation; remembers no array in its state.

    With the optimizer passed along, an evaluation does not count if no step was applied since the evaluation before, as
    the parameters are unchanged; nor does it count if its loss is not finite and a step was skipped, since the overflow
    that made it was undone. Without the optimizer every evaluation counts.
    """

    _kept: ClassVar[tuple[str, ...]] = ("applied", "skipped")

    def __init__(self) -> None:
        self.applied: int | None = None
        self.skipped = 0

    def _counts(self, loss: float, optimizer: Counted | None) -> bool:
        if optimizer is None:
            return True
        nothing_learnt = optimizer.t == self.applied
        undone = optimizer.skipped > self.skipped and not math.isfinite(loss)
        self.applied, self.skipped = optimizer.t, optimizer.skipped
        return not (nothing_learnt or undone)

    def state_dict(self) -> dict[str, Any]:
        """The values that change from evaluation to evaluation, as numbers, booleans and None: fit for JSON."""
        return {name: getattr(self, name) for name in self._kept}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from the state that `state_dict` gave. Raises ValueError or TypeError for any other state."""
        kind = type(self).__name__
        if set(state) != set(self._kept):
            came = ", ".join(map(str, state)) or "nothing"
            raise ValueError(f"the state of a {kind} must have {', '.join(self._kept)}; got {came}")
        numbers = {name: plain_number(value) for name, value in state.items()}
        for name, value in numbers.items():
            if value is not None and not isinstance(value, bool | int | float):
                raise TypeError(f"{name} in the state of a {kind} must be a number; got {shown(value)}")
        for name, value in numbers.items():
            setattr(self, name, value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(f'{n}={v!r}' for n, v in self.state_dict().items())}>"


def number(loss: Any) -> float:
    """A loss as a Python float, NaN and infinities included. Raises TypeError if it is no number."""
    try:
        return float(loss)
    except (TypeError, ValueError):
        raise TypeError(f"loss must be a number; got {shown(loss)}") from None
