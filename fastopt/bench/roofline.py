"""A roofline plot: what each case computes a second, below the lines that the memory draws."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ..plots.style import COLOURS, plain_axes, save
from .cases import unusual
from .contenders import COPY
from .labels import Label, place
from .run import Result
from .sizes import short

# Beside the colours.
MARKERS = "osD^vPX"


def draw(results: Sequence[Result], path: Path, processor: str) -> None:
    """Draw results as points, and for cases of different rules alone two lines: a copy's bandwidth, and its streams'.

    path: ends in .png or .svg; the file appears whole or not at all. processor: what it was measured on.
    Raises ValueError if no rule computes anything.
    """
    results = [result for result in results if result.operations]
    if not results:
        raise ValueError("there is nothing to draw: the rules compute nothing")
    figure = Figure(figsize=(10, 6), dpi=150)
    axes = figure.add_axes((0.08, 0.1, 0.66, 0.79))
    groups: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        groups.setdefault(_group(result), []).append(result)
    _scale(axes, results)
    titles, shared = _titles(list(groups))
    lines, points = [], []
    for number, (title, members) in enumerate(zip(titles, groups.values(), strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        lines.append(_lines(axes, members, title, colour))
        for result in members:
            at = result.intensity, result.gigaflops
            axes.plot(*at, MARKERS[number % len(MARKERS)], color=colour, markersize=6, zorder=3)
            points.append(Label(*at, result.case.rule.name, colour))
    axes.set_xlabel("arithmetic intensity (flop/byte)")
    axes.set_ylabel("performance (GFLOP/s)")
    axes.set_title(
        f"Optimizer.step on {processor}{shared}\nsolid: bandwidth of a copy; dashed: of a kernel with the same streams",
        loc="left",
        fontsize=10,
    )
    place(figure, axes, lines, points)
    save(figure, path)


def _group(result: Result) -> tuple[str, ...]:
    """The case without its rule, in words; defaults are left out."""
    case = result.case
    layout = unusual(case.facts).removeprefix(", ")
    return case.backend, case.dtype, layout, f"{short(case.elements)} elements", f"{result.cache} cache"


def _titles(groups: list[tuple[str, ...]]) -> tuple[list[str], str]:
    """A title for each group, of what sets it apart and its size, and a text of what all groups have in common."""
    backend, dtype, layout, _, cache = (len(set(column)) > 1 for column in zip(*groups, strict=True))
    titles = [
        ", ".join(filter(None, itertools.compress(group, (backend, dtype, layout, True, cache)))) for group in groups
    ]
    shared = itertools.compress(groups[0], (not backend, not dtype, not layout))
    return titles, "".join(f", {text}" for text in shared if text)


def _lines(axes: Axes, members: Sequence[Result], title: str, colour: str) -> Label:
    """The two lines of a group, and the label of both at the right end of the upper one."""
    copy = median(result.timings[COPY].gigabytes_per_second for result in members)
    streams = median(result.timings[result.streams].gigabytes_per_second for result in members)
    left, right = axes.get_xlim()
    for bandwidth, dashes in (copy, "-"), (streams, "--"):
        axes.plot([left, right], [left * bandwidth, right * bandwidth], dashes, color=colour, linewidth=1.2)
    text = f"{title}\ncopy {copy:.3g}, same streams {streams:.3g} GB/s"
    return Label(right, right * max(copy, streams), text, colour)


def _scale(axes: Axes, results: Sequence[Result]) -> None:
    intensities = [result.intensity for result in results]
    rates = [result.gigaflops for result in results]
    bandwidths = [t.gigabytes_per_second for r in results for name, t in r.timings.items() if name in (COPY, r.streams)]
    left, right = min(intensities) / 1.5, max(intensities) * 1.6
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlim(left, right)
    axes.set_ylim(min(rates) / 2, right * max(bandwidths) * 1.3)
    axes.xaxis.set_major_locator(LogLocator(base=2))
    axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"1/{1 / value:.0f}" if value < 1 else f"{value:g}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())
    plain_axes(axes)
