"""Those that stand beside an updater: a watch, a captured step, and averages for a while, as the updater sees them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol


class Watching(Protocol):
    """An observer of some of the steps, which writes its measurements into the file `path`."""

    path: Path

    def due(self) -> bool:
        """Whether the step that begins is to be looked at."""

    def around(self, parameters: list[Any], gradients: list[Any], loss: Any) -> None:
        """Make the step by `Updater.update`, and look at it."""


class Replayed(Protocol):
    """A captured step, whose replays the host does not see."""

    def settle(self) -> None:
        """Set the counts to the steps that the GPU has applied."""


class Averaging(Protocol):
    """Has put averages in the place of the parameters, and keeps their bits."""

    def keep(self, chosen: Iterable[int]) -> None:
        """Keep the present bits of parameters, others than before. chosen: which."""

    def trained(self, array: Any) -> Any:
        """The array that has the bits of a parameter that training goes on from."""

    def put_back(self) -> None:
        """Give the parameters these bits, and end."""
