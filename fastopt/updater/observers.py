"""Those that look at an updater's steps, or take them: a watch and a captured step, as the updater sees them."""

from pathlib import Path
from typing import Any, Protocol


class Watching(Protocol):
    """An observer of some of the steps, which writes its measurements into the file `path`."""

    path: Path

    def due(self) -> bool:
        """Whether the step that begins is to be looked at."""

    def around(self, parameters: list[Any], gradients: list[Any]) -> None:
        """Make the step by `Updater.update`, and look at it."""


class Replayed(Protocol):
    """A captured step, whose replays the host does not see."""

    def settle(self) -> None:
        """Set the counts to the steps that the GPU has applied."""
