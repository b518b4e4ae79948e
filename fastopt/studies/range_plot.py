"""The curve of a range test: the loss against the rate, and the rates that it suggests."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from ..plots.style import COLOURS, check_path, plain_axes, save


def draw(
    path: Path,
    title: str,
    rates: Sequence[float],
    losses: Sequence[float],
    smoothed: Sequence[float],
    marks: Mapping[str, float],
) -> None:
    """Draw a range test into a .png or .svg file.

    losses, smoothed: at each rate the loss and its running mean. marks: rates, by what is said of them.
    """
    check_path(path)
    figure = Figure(figsize=(8, 5), dpi=150)
    axes = figure.add_axes((0.1, 0.12, 0.86, 0.78))
    axes.set_xscale("log")
    axes.plot(rates, losses, color="0.75", linewidth=0.8, zorder=2)
    axes.plot(rates, smoothed, color=COLOURS[0], linewidth=1.8, zorder=3)
    low, high = min(smoothed), max(smoothed[: len(smoothed) * 9 // 10] or smoothed)
    room = (high - low) or 1.0
    axes.set_ylim(low - 0.15 * room, high + 0.25 * room)
    for height, colour, (text, rate) in zip((0.95, 0.88), COLOURS[2:0:-1], marks.items(), strict=False):
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
    axes.set_title(title, loc="left", fontsize=10)
    plain_axes(axes)
    save(figure, path)
