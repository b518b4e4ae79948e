"""A curve as a picture, .png or .svg."""

from pathlib import Path
from textwrap import wrap
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ..measure import whole

FEW = 60


def draw(title: str, steps: Any, values: Any, path: Path) -> None:
    """Draw values over steps into a file, which appears whole or not at all; few steps are drawn as dots."""
    figure = Figure(figsize=(9, 4.5), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.plot(
        steps, values, "o-" if len(steps) <= FEW else "-", color="#0072B2", linewidth=1.6, markersize=4, clip_on=False
    )
    axes.set_title("\n".join(wrap(title, 100)), loc="left", fontsize=10)
    axes.set_xlabel("step")
    low, high = float(values.min()), float(values.max())
    if not high / 2 < low < high:
        axes.set_ylim(bottom=0.0, top=1.05 * high or 1.0)
    axes.set_xlim(steps[0], steps[-1])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    with whole(path) as file:
        figure.savefig(file, format=path.suffix.removeprefix("."))
