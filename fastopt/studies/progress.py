"""A progress bar, if stderr is a terminal."""

import sys
from collections.abc import Callable
from typing import Any


class bar:
    """A progress bar on stderr if that is a terminal, with the package rich; the function it gives moves it by one.

    what: the word for the things that are counted, such as runs.
    """

    def __init__(self, what: str, total: int, wanted: bool = True) -> None:
        self._what, self._total, self._wanted = what, total, wanted and sys.stderr.isatty()
        self._progress: Any = None

    def __enter__(self) -> Callable[[], None]:
        if not self._wanted:
            return lambda: None
        try:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
        except ImportError:
            return lambda: None
        columns = (TextColumn(self._what), MofNCompleteColumn(), BarColumn(None), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True, expand=True)
        self._progress.start()
        task = self._progress.add_task("", total=self._total)
        return lambda: self._progress.advance(task)

    def __exit__(self, *_: Any) -> None:
        if self._progress:
            self._progress.stop()
