"""`fastopt plot-schedule`: a picture of a schedule, in a file or as text."""

import math
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .refusing import refusing

SAMPLES = 20_000
MOST = 10**12


def plot_schedule(
    schedule: Annotated[str, typer.Argument(help="As in Python: 'cosine(3e-4, steps=1000, warmup=100)'.")],
    steps: Annotated[int | None, typer.Option(help="How many steps to show; by default the schedule's own.")] = None,
    output: Annotated[Path | None, typer.Option(help="Draw into this file, .png or .svg, instead of as text.")] = None,
) -> None:
    """Show what a schedule of fastopt.schedules does, as text here or as a picture in a file.

    The text has names of fastopt.schedules, numbers, lists and + - * / **; it is
    read, and never evaluated as code. Of more than 20,000 steps a sample is shown.
    """
    with refusing(TypeError, ValueError):
        from ..schedules.parse import parsed

        chosen = parsed(schedule)
        if steps is None:
            # A few steps after the end show that it is the end.
            steps = math.ceil(chosen.horizon * 1.05)
        if not 2 <= steps <= MOST:
            raise ValueError(f"steps must be from 2 to {MOST:,}; got {steps:,}")
        if output is not None and output.suffix not in (".png", ".svg"):
            raise ValueError(f"output must end in .png or .svg; got {str(output)!r}")
        if output is not None and not output.parent.is_dir():
            raise ValueError(f"output is to be in {str(output.parent)!r}, which is not a folder; make it first")
        numbers, values = _sampled(chosen, steps)
    if output is not None:
        from ..schedules.picture import draw

        with refusing(OSError):
            draw(repr(chosen), numbers, values, output)
        typer.echo(f"{chosen!r} in {output}")
        return
    from rich.console import Console

    from ..schedules.text_plot import plotted

    # Without a terminal no width is known, and piped text is not wrapped.
    width = Console().width if sys.stdout.isatty() else 80
    encoding = (sys.stdout.encoding or "ascii").lower()
    typer.echo(plotted(repr(chosen), numbers, values, width, braille=encoding.startswith("utf")))


def _sampled(schedule: Any, steps: int) -> tuple[Any, Any]:
    import numpy as np

    numbers = np.arange(1, steps + 1) if steps <= SAMPLES else np.unique(np.linspace(1, steps, SAMPLES).astype(int))
    return numbers, schedule(numbers)
