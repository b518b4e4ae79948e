"""The style that plots have in common."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..measure import whole

# Okabe and Ito's colours, which the colour-blind tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")


def check_path(path: Path) -> None:
    """Raise ValueError unless a plot can be written there."""
    if path.suffix not in (".png", ".svg"):
        raise ValueError(f"plot must end in .png or .svg; got {str(path)!r}")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ValueError(f"plot cannot be written to {str(path)!r}: there is no such folder, or it is one itself")


def plain_axes(axes: Axes) -> None:
    """A light grid, and no frame above and on the right."""
    axes.grid(color="0.92", zorder=0)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: Path) -> None:
    """Write a figure; the file appears whole or not at all."""
    with whole(path) as file:
        figure.savefig(file, format=path.suffix.removeprefix("."))
