"""Runs on a surface: their paths over its contour lines, their losses, their effective learning rates."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..plots.end_labels import End, ink, label_ends
from .runs import Descent
from .sheet import FAINT, GREY, named_axes, new, palette, titled
from .surfaces import Surface

_GRID, _LEVELS = 100, 11
# From the depths to the heights: a tint that leaves every colour of the palette legible.
_GROUND = LinearSegmentedColormap.from_list("ground", ["#dfe8ee", "#f4f6f7", "#fdfcf9"])


def paths(runs: Sequence[Descent]) -> Figure:
    """A panel for each run, over the contour lines; the others stand behind it in grey."""
    where = _one_surface(runs)
    colours = palette(labels(runs))
    columns = min(2, len(runs))
    rows = -(-len(runs) // columns)
    figure, panels = new(0.5 + 2.15 * rows if columns == 2 else 4.2, rows, columns, sharex=True, sharey=True)
    ground = _Ground(where)
    for number, axes in enumerate(panels.flat):
        axes.tick_params(labelbottom=number >= columns * (rows - 1))
        if number >= len(runs):
            _key(axes)
    for axes, run, (label, colour) in zip(panels.flat, runs, colours.items(), strict=False):
        ground.draw(axes)
        for behind in runs:
            if behind is not run:
                axes.plot(*_few(_shown(behind), 150).T, color="0.72", linewidth=0.7, zorder=2)
        _path(axes, run, colour)
        titled(axes, label, _outcome(run, label), ink(colour))
    figure.supxlabel("x", fontsize=9)
    figure.supylabel("y", fontsize=9)
    return figure


def losses(runs: Sequence[Descent]) -> Figure:
    """The loss against the steps; on a log scale, above the lowest known minimum, if the surface has one."""
    where = _one_surface(runs)
    floor = min(map(where.loss, where.minima), default=0.0)
    figure, panels = new(3.5)
    axes = panels[0, 0]
    log = bool(where.minima) or all(np.nanmin(run.losses) > 0 for run in runs)
    # Below this are values that a log scale cannot show, and rounding errors of a loss of 0.
    least = 1e-16 if log else -math.inf
    first = runs[0].losses[0] - floor
    top = 30 * abs(first)  # A run that diverges is drawn to there.
    ends = []
    for run, (label, colour) in zip(runs, palette(labels(runs)).items(), strict=True):
        above = run.losses - floor
        above[~(above > least)] = np.nan
        shown = np.flatnonzero(np.isfinite(above))
        if not len(shown):
            continue
        last, end = int(shown[-1]), min(float(above[shown[-1]]), top)
        axes.plot(np.arange(len(above)), above, color=colour, linewidth=1.6, zorder=3)
        text = label if last == len(above) - 1 else f"{label}: below 1e-16"
        if run.left is not None:
            text = f"{label}: diverged"
            beyond = np.flatnonzero(above > top)
            last = int(beyond[0]) if len(beyond) else last
            axes.plot(last, end, "x", color=colour, markersize=7, zorder=5, clip_on=False)
        ends.append(End(last, end, text, colour))
    if log:
        axes.set_yscale("log")
    if any(run.left is not None for run in runs):
        axes.set_ylim(top=top)
    axes.set_xlim(0, max(run.steps for run in runs))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    shift = "" if abs(floor) < 1e-12 else f" {'-' if floor > 0 else '+'} {abs(floor):g}"
    named_axes(axes, "steps", f"loss{shift}")
    label_ends(figure, [(axes, ends)])
    return figure


def rates(runs: Sequence[Descent]) -> Figure:
    """The effective learning rates of x and of y, a panel each, against the steps."""
    _one_surface(runs)
    figure, panels = new(5.2, 2, sharex=True)
    drawn = []
    for k, axes in enumerate(panels[:, 0]):
        axes.set_yscale("log")
        ends = []
        for run, (label, colour) in zip(runs, palette(labels(runs)).items(), strict=True):
            values = run.rates[:, k]
            values = np.where(values > 0, values, np.nan)
            axes.plot(np.arange(1, len(values) + 1), values, color=colour, linewidth=1.4, zorder=3)
            shown = np.flatnonzero(np.isfinite(values))
            if len(shown):
                ends.append(End(shown[-1] + 1, values[shown[-1]], label, colour))
        axes.set_xlim(1, max(run.steps for run in runs) + 1)
        titled(axes, f"effective rate of {'xy'[k]}")
        drawn.append((axes, ends))
    named_axes(panels[1, 0], "step", "|change| / |gradient|")
    panels[0, 0].set_ylabel("|change| / |gradient|", fontsize=9)
    label_ends(figure, drawn)
    return figure


def labels(runs: Sequence[Descent]) -> list[str]:
    """A label for each run: its rule, and its rate where runs have the same rule."""
    names = [run.rule for run in runs]
    if len(set(names)) == len(names):
        return names
    texts = [f"{run.rule}, lr {run.lr:g}" if run.lr is not None else run.rule for run in runs]
    return [text if texts.count(text) == 1 else f"{text} ({k + 1})" for k, text in enumerate(texts)]


def _one_surface(runs: Sequence[Descent]) -> Surface:
    if not runs:
        raise ValueError("there are no runs to draw")
    if any(run.surface is not runs[0].surface for run in runs):
        raise ValueError(f"runs of one picture are on one surface; got {', '.join({r.surface.name for r in runs})}")
    return runs[0].surface


class _Ground:
    """The surface as a tint and contour lines, computed once for all panels."""

    def __init__(self, where: Surface) -> None:
        self._where = where
        self._x, self._y, loss = where.grid(_GRID)
        low = min([np.nanmin(loss), *map(where.loss, where.minima)])
        high = np.nanmax(loss)
        # The loss in even steps of a root: lines are as dense around a minimum as on the walls.
        self._height = np.sqrt(np.sqrt(np.maximum(loss - low, 0) / max(high - low, 1e-300)))

    def draw(self, axes: Axes) -> None:
        where = self._where
        axes.imshow(
            self._height,
            extent=(*where.x, *where.y),
            origin="lower",
            aspect="auto",
            cmap=_GROUND,
            interpolation="none",  # so that a .svg has the grid itself, and not a larger picture of it
            zorder=0,
        )
        levels = np.linspace(0, 1, _LEVELS + 2)[1:-1]
        axes.contour(self._x, self._y, self._height, levels, colors=FAINT, linewidths=0.6, zorder=1)
        for point in where.minima:
            axes.plot(*point, "+", color=GREY, markersize=9, markeredgewidth=1.4, zorder=2)
        axes.set_xlim(*where.x)
        axes.set_ylim(*where.y)
        axes.grid(False)


def _path(axes: Axes, run: Descent, colour: str) -> None:
    """Draw a run's path: a dot for each step, a ring at the start, a disc at the end or a cross where it left."""
    x, y = _shown(run).T
    axes.plot(x, y, "-", color=colour, linewidth=1.0, zorder=3)
    axes.plot(*_few(_shown(run), 250).T, ".", color=colour, markersize=4.5, markeredgewidth=0, zorder=3)
    axes.plot(x[0], y[0], "o", color=colour, markerfacecolor="white", markersize=5, markeredgewidth=1.3, zorder=4)
    if run.left is None:
        axes.plot(x[-1], y[-1], "o", color=colour, markersize=5, zorder=5)
        return
    axes.plot(x[-1], y[-1], "x", color=colour, markersize=8, markeredgewidth=2, zorder=5, clip_on=False)


def _key(axes: Axes) -> None:
    """Explain the marks, in a panel that has no run."""
    axes.axis("off")
    marks = {"o": "start", ".": "end; small: a step", "x": "where it left the window", "+": "a minimum"}
    for k, (mark, text) in enumerate(marks.items()):
        at = 0.8 - 0.17 * k
        face = "white" if mark == "o" else GREY
        size = {"o": 6, ".": 10}.get(mark, 9)
        place: Any = {"transform": axes.transAxes, "color": GREY}
        axes.plot([0.12], [at], mark, markersize=size, markerfacecolor=face, markeredgewidth=1.4, **place)
        axes.text(0.2, at, text, fontsize=8.5, verticalalignment="center", **place)


def _few(points: Any, most: int) -> Any:
    """At most so many of the points, the first and the last among them."""
    return points[np.unique(np.linspace(0, len(points) - 1, most).astype(int))]


def _shown(run: Descent) -> Any:
    """The points of a run; for a run that left the window, up to the point where it crossed the edge."""
    if run.left is None:
        return run.points
    (x0, x1), (y0, y1) = run.surface.x, run.surface.y
    low, high = np.array([x0, y0]), np.array([x1, y1])
    last = max(run.inside - 1, 0)
    a = run.points[last]
    b = run.points[min(last + 1, len(run.points) - 1)]
    if not np.isfinite(b).all():
        return run.points[: last + 1]
    way = b - a
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(way > 0, (high - a) / way, np.where(way < 0, (low - a) / way, math.inf))
    return np.vstack([run.points[: last + 1], a + way * min(1.0, float(shares.min()))])


def _outcome(run: Descent, label: str) -> str:
    rate = f"lr {run.lr:g}, " if run.lr is not None and "lr" not in label else ""
    return f"{rate}left at step {run.inside}" if run.left is not None else f"{rate}loss {run.losses[-1]:.2g}"
