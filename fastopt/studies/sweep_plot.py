"""The curves of a sweep: a panel for each rule, whose line stands out before those of all others."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ..plots.style import COLOURS, check_path, plain_axes, save

_COLUMNS = 4
# Losses above this multiple of the loss at the lowest rate are drawn at the top edge, with those that are not finite.
_ROOM = 3.0


@dataclass(frozen=True)
class SweepCurve:
    """points: rates with losses, in the order of the rates. best: the point of the lowest loss, if there is one.
    seeds: the points of single runs, where there are several seeds."""

    points: Sequence[tuple[float, float]]
    best: tuple[float, float] | None
    seeds: Sequence[tuple[float, float]]


def draw(found: Mapping[str, SweepCurve], path: Path, title: str) -> None:
    """Draw a curve for each rule into a .png or .svg file. Raises ValueError if no loss above 0 is there to draw."""
    check_path(path)
    curves = {rule: curve.points for rule, curve in found.items()}
    finite = [loss for curve in curves.values() for _, loss in curve if 0 < loss < math.inf]
    if not finite:
        raise ValueError("there is nothing to draw: no run has a loss that is finite and above 0")
    starts = [curve[0][1] for curve in curves.values() if curve and 0 < curve[0][1] < math.inf]
    top = min(max(finite) * 1.3, _ROOM * max(starts, default=max(finite)))
    columns = min(_COLUMNS, len(curves))
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(3 * columns + 0.6, 2.3 * rows + 1.1), dpi=150, layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for number, axes in enumerate(panels.flat):
        axes.set_visible(number < len(curves))
        axes.tick_params(labelbottom=number + columns >= len(curves))
    for axes, (rule, curve) in zip(panels.flat, curves.items(), strict=False):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(min(finite) / 1.5, top)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if top / min(finite) < 50 else (1,)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        for behind in curves.values():
            if behind is not curve:
                _line(axes, behind, top, "0.85", 0.8, False)
        _line(axes, curve, top, COLOURS[0], 1.8, True)
        _seeds(axes, found[rule].seeds, top)
        best = found[rule].best
        axes.set_title(rule, loc="left", fontsize=10, color=COLOURS[0], fontweight="bold")
        if best and best[1] > 0:
            axes.plot(*best, "o", color=COLOURS[1], markersize=5, zorder=5)
            axes.set_title(f"{best[1]:.2g} at {best[0]:.2g}", loc="right", fontsize=8, color=COLOURS[1])
        plain_axes(axes)
    figure.supxlabel("initial learning rate", fontsize=10)
    figure.supylabel("final loss", fontsize=10)
    figure.suptitle(f"{title}\ntriangles at the top edge: diverged, or a loss beyond it", fontsize=10)
    save(figure, path)


def _line(axes: Axes, curve: Sequence[tuple[float, float]], top: float, colour: str, width: float, front: bool) -> None:
    """Draw a rule's line; losses above the top are drawn at the top edge."""
    rates = [lr for lr, _ in curve]
    losses = [min(loss, top) for _, loss in curve]
    axes.plot(rates, losses, color=colour, linewidth=width, zorder=4 if front else 2)
    gone = [lr for lr, loss in curve if loss >= top]
    if front and gone:
        axes.plot(gone, [top] * len(gone), "^", color=colour, markersize=6, clip_on=False, zorder=6)


def _seeds(axes: Axes, points: Sequence[tuple[float, float]], top: float) -> None:
    """Draw each seed's run as a small point."""
    if points:
        rates, losses = zip(*[(lr, loss) for lr, loss in points if loss < top] or [(math.nan, math.nan)], strict=True)
        axes.plot(rates, losses, ".", color=COLOURS[4], markersize=3, zorder=3)
