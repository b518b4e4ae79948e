"""Curves over steps, each with its label at its end."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ..plots.end_labels import End
from .sheet import palette

Drawn = tuple[Axes, list[End]]


def curves(
    axes: Axes, found: Mapping[str, Any], first: int = 1, log: bool = True, dashed: Collection[str] = ()
) -> Drawn:
    """Draw a labelled curve for each row of values over the steps. first: the number of the first step.

    dashed: labels of curves that equal another and would hide it.
    """
    ends = []
    for (label, values), colour in zip(found.items(), palette(found).values(), strict=True):
        steps = np.arange(first, first + len(values))
        chosen = _thinned(len(values), log)
        style = (0, (4, 4)) if label in dashed else "-"
        axes.plot(steps[chosen], np.asarray(values)[chosen], linestyle=style, color=colour, linewidth=1.6, zorder=3)
        ends.append(End(float(steps[-1]), float(values[-1]), label, colour))
    longest = max(len(values) for values in found.values())
    axes.set_xlim(first, first + longest - 1)
    if log:
        axes.set_xscale("log")
        axes.set_yscale("log")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))
    return axes, ends


def _thinned(count: int, log: bool) -> Any:
    """The indices of the values to draw: all if they are few, else as many as can be told apart."""
    if not log or count <= 2000:
        return np.arange(count)
    return np.unique(np.geomspace(1, count, 1500).astype(int)) - 1
