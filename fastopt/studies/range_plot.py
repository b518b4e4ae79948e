"""The curve of a range test: the loss against the rate, and the rates that it suggests."""

from pathlib import Path

from matplotlib.figure import Figure

from ..plots.style import COLOURS, check_path, plain_axes, save
from .range_test import RangeTest


def draw(found: RangeTest, path: Path) -> None:
    """Draw a range test into a .png or .svg file."""
    check_path(path)
    figure = Figure(figsize=(8, 5), dpi=150)
    axes = figure.add_axes((0.1, 0.12, 0.86, 0.78))
    axes.set_xscale("log")
    axes.plot(found.rates, found.losses, color="0.75", linewidth=0.8, zorder=2)
    axes.plot(found.rates, found.smoothed, color=COLOURS[0], linewidth=1.8, zorder=3)
    low, high = min(found.smoothed), max(found.smoothed[: len(found.smoothed) * 9 // 10] or found.smoothed)
    room = (high - low) or 1.0
    axes.set_ylim(low - 0.15 * room, high + 0.25 * room)
    marks = [(found.tenth, "a tenth of the minimum's", COLOURS[2])]
    if found.suggestion is not None:
        marks.append((found.suggestion, "steepest descent", COLOURS[1]))
    for height, (rate, text, colour) in zip((0.95, 0.88), marks, strict=False):
        axes.axvline(rate, color=colour, linewidth=1.2, linestyle="--", zorder=1)
        axes.annotate(
            f"{text}: {rate:.2g}",
            (rate, height),
            (-5, 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            horizontalalignment="right",
            color=colour,
            fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss (grey), running mean (blue)")
    end = "until the loss exploded" if found.exploded else "to the end of the range"
    axes.set_title(f"range test of {found.rule}: {len(found.rates)} steps, {end}", loc="left", fontsize=10)
    plain_axes(axes)
    save(figure, path)
