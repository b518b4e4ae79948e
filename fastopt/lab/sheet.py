"""The style of the lab's pictures: one palette, one size of type, light grids."""

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ..measure import whole
from ..plots.style import COLOURS, check_path, plain_axes

# Greys for the background of the curves, and for lines that a curve is compared with.
GREY, FAINT = "0.45", "0.82"
WIDTH = 6.4  # inches, of every picture: at a phone's width its smallest type is still legible


# The rules that most pictures show, each in one colour throughout.
_FIXED = dict(zip(("sgd", "momentum", "adagrad", "rmsprop", "adadelta", "adam", "adamax"), COLOURS, strict=True))


def palette(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name: a rule's own, else the next free one; seven differ to the colour-blind too."""
    wanted = list(names)
    fixed = {name: _FIXED[name] for name in wanted if name in _FIXED}
    free = itertools.cycle([colour for colour in COLOURS if colour not in fixed.values()] or COLOURS)
    return {name: fixed.get(name) or next(free) for name in wanted}


def new(height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, Any]:
    """A figure of the lab's width, in inches, with its panels, a two-dimensional array."""
    figure = Figure(figsize=(WIDTH, height), dpi=150, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, **options)
    for axes in panels.flat:
        plain_axes(axes)
        axes.tick_params(labelsize=8.5, length=3, color="0.6")
        axes.spines[["left", "bottom"]].set_color("0.6")
    return figure, panels


def titled(axes: Axes, left: str, right: str = "", colour: Any = "black") -> None:
    """A title at the left and a remark at the right, above the axes."""
    axes.set_title(left, loc="left", fontsize=9.5, fontweight="bold", color=colour, pad=5)
    axes.set_title(right, loc="right", fontsize=8, color="0.35", pad=5)


def named_axes(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)


def plain_numbers(axis: Any) -> None:
    """Ticks as 0.01 rather than as a power, at 1, 2 and 5."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def written(figure: Figure, path: Path) -> None:
    """Write a figure into a .png or .svg file, whole or not at all; the same figure gives the same bytes."""
    check_path(path)
    for axes in figure.axes:
        low, high = axes.get_ylim()
        if axes.get_yscale() == "log" and high < 100 * low:
            plain_numbers(axes.yaxis)
    with matplotlib.rc_context({"svg.hashsalt": "fastopt"}), whole(path) as file:
        ending = path.suffix.removeprefix(".")
        figure.savefig(file, format=ending, metadata={"Date": None} if ending == "svg" else {})
