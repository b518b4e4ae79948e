"""The means that an average of a parameter is of: the correction of its start follows from all their decays."""

from typing import Any, NamedTuple

from ..kernels.language.values import short
from ..kernels.riders import WithRiders


class Means(NamedTuple):
    """The means of an average so far, by their decays: those of equal decays in turn are one power.

    earlier: the product of the decays before the latest run of equal ones. decay: of that run; None for that of the
    mean to come, as of states in which it was not noted. run: how many means it has.
    """

    earlier: float = 1.0
    decay: float | None = None
    run: int = 0

    def after(self, decay: float) -> "Means":
        """With one more mean."""
        if self.decay is None or self.decay == decay:
            return Means(self.earlier, float(decay), self.run + 1)
        return Means(self.product, float(decay), 1)

    @property
    def product(self) -> float:
        """Of all decays."""
        return self.earlier * (1.0 if self.decay is None else self.decay**self.run)

    @property
    def plain(self) -> dict[str, Any]:
        """As a checkpoint has it."""
        return self._asdict()


def no_means(definition: WithRiders) -> dict[str, Means]:
    """Those of a parameter without steps, by the option of each average whose start is corrected."""
    return {name: Means() for name in definition.corrected}


def saved_means(saved: Any, place: str) -> dict[str, Means]:
    """What a checkpoint has of a parameter. place: how messages name it. Raises ValueError for what cannot be."""
    if not isinstance(saved, dict):
        raise ValueError(f"{place} must be a dict; got {short(saved)}")
    return {name: _saved(own, f"{place}[{name!r}]") for name, own in saved.items()}


def _saved(own: Any, place: str) -> Means:
    if isinstance(own, dict) and own.keys() == Means().plain.keys():
        earlier, decay, run = (own[name] for name in Means().plain)
        noted = decay is None or (type(decay) is float and 0 <= decay < 1)
        if type(earlier) is float and 0 <= earlier <= 1 and noted and type(run) is int and 0 <= run < 2**62:
            return Means(earlier, decay, run)
    raise ValueError(f"{place} must have the decays of an average, as {Means().plain}; got {short(own)}")
