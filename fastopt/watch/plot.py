"""The picture of a watched run: four panels over the steps, a curve for each array."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..plots.end_labels import End, label_ends
from ..plots.style import COLOURS, check_path, plain_axes, save
from .look import QUANTILES

# With more arrays the curves are grey, but for those that end highest and lowest.
_FEW = 6
_MEDIAN = QUANTILES.index(0.5)
_PANELS = {
    "rate": "effective learning rate,\nmedian and quartiles",
    "update_ratio": "norm of the update\nover that of the weights",
    "grad_norm": "norm of the gradient",
    "zeros": "exact zeros in the gradient",
}


def draw(records: Sequence[Mapping[str, Any]], path: Path, source: str) -> None:
    """Draw the records of a watch, as lines.read gives them, into a .png or .svg file. Raises ValueError for none."""
    check_path(path)
    names = list(dict.fromkeys(name for record in records for name in record["arrays"]))
    if not names:
        raise ValueError(f"{source!r} has no step to draw yet")
    figure = Figure(figsize=(10, 6.4), dpi=150, layout="constrained")
    panels = figure.subplots(2, 2, sharex=True)
    figure.suptitle(f"{len(records)} watched steps, {len(names)} array{'s' * (len(names) > 1)}", fontsize=10)
    drawn = []
    for axes, (field, title) in zip(panels.flat, _PANELS.items(), strict=True):
        curves = {name: _curve(records, name, field) for name in names}
        drawn.append((axes, _panel(axes, field, {name: curve for name, curve in curves.items() if curve})))
        axes.set_title(title, loc="left", fontsize=9)
        plain_axes(axes)
    for axes in panels[1]:
        axes.set_xlabel("step")
    label_ends(figure, drawn)
    save(figure, path)


def _curve(records: Sequence[Mapping[str, Any]], name: str, field: str) -> list[tuple[int, list[float]]]:
    """The steps with their values: one number, or quantiles."""
    curve = []
    for record in records:
        value = record["arrays"].get(name, {}).get(field)
        values = value if isinstance(value, list) else [value]
        if None not in values:
            curve.append((record["t"], values))
    return curve


def _panel(axes: Axes, field: str, curves: dict[str, Any]) -> list[End]:
    """Draw the curves; returns the ends to label."""
    if field == "zeros":
        axes.set_ylim(-0.03, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    elif any(value > 0 for curve in curves.values() for _, values in curve for value in values):
        axes.set_yscale("log")
    last = {name: curve[-1][1][_MEDIAN if field == "rate" else 0] for name, curve in curves.items()}
    chosen = list(curves)
    if len(curves) > _FEW:
        chosen = list(dict.fromkeys([max(last, key=last.__getitem__), min(last, key=last.__getitem__)]))
    ends = []
    for name, curve in curves.items():
        front = name in chosen
        colour = COLOURS[chosen.index(name) % len(COLOURS)] if front else "0.8"
        steps = [t for t, _ in curve]
        middle = [values[_MEDIAN if field == "rate" else 0] for _, values in curve]
        style = "o-" if len(steps) == 1 else "-"
        axes.plot(steps, middle, style, color=colour, linewidth=1.6 if front else 0.7, zorder=3 if front else 2)
        if field == "rate" and front:
            low, high = ([values[QUANTILES.index(edge)] for _, values in curve] for edge in (0.25, 0.75))
            axes.fill_between(steps, low, high, color=colour, alpha=0.1, linewidth=0)
        if front and (middle[-1] > 0 or axes.get_yscale() == "linear"):
            ends.append(End(steps[-1], middle[-1], name, colour))
    return ends
