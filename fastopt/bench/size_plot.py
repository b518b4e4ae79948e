"""Bandwidth against size: where a step comes to be bound by memory, and how near it then is to a copy."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from ..plots.style import COLOURS, plain_axes, save
from .cases import unusual
from .contenders import COPY, RULE
from .labels import Label, place
from .roofline import MARKERS
from .run import Result, Timing
from .sizes import short

# Heights in inches: of a panel, of its axes, and of the line above all panels.
_HEIGHT, _AXES, _TOP = 4.2, 3.4, 0.45

Line = list[tuple[int, Timing]]


def draw(results: Sequence[Result], path: Path, processor: str) -> None:
    """Draw GB/s over the number of elements, a panel for cases that differ in rule and size alone.

    Bands show the quartiles. With one rule all contenders are drawn; with several the rules, and the median of their
    copies.
    path: ends in .png or .svg; the file appears whole or not at all. processor: what it was measured on.
    Raises ValueError if no rule has two sizes in a panel.
    """
    panels: dict[str, list[Result]] = {}
    for result in results:
        case = result.case
        title = f"{case.backend}, {case.dtype}, {result.cache} cache{unusual(case.facts)}"
        panels.setdefault(title, []).append(result)
    panels = {
        title: members for title, members in panels.items() if len({member.case.elements for member in members}) > 1
    }
    if not panels:
        raise ValueError("there is nothing to draw: a line takes two sizes, as in --size 1K..64M:9")
    tall = _HEIGHT * len(panels) + _TOP
    figure = Figure(figsize=(10, tall), dpi=150)
    figure.text(0.08, 1 - 0.3 / tall, f"Optimizer.step on {processor}; bands: quartiles; dashed: a copy", fontsize=10)
    for row, (title, members) in enumerate(panels.items()):
        bottom = tall - _TOP - _HEIGHT * row - _AXES - 0.25
        axes = figure.add_axes((0.08, bottom / tall, 0.74, _AXES / tall))
        _panel(figure, axes, title, members)
    save(figure, path)


def _panel(figure: Figure, axes: Axes, title: str, members: Sequence[Result]) -> None:
    plain_axes(axes)
    axes.set_xscale("log")
    sizes = [result.case.elements for result in members]
    # The labels then stand beside the axes, clear of the ticks.
    left, right = min(sizes) / 1.3, max(sizes) * 1.3
    axes.set_xlim(left, right)
    labels = []
    for number, (name, line) in enumerate(_lines(members).items()):
        colour, dashes = ("0.35", "--") if name == COPY else (COLOURS[number % len(COLOURS)], "-")
        line.sort(key=lambda point: point[0])
        sizes = [elements for elements, _ in line]
        rates = [timing.gigabytes_per_second for _, timing in line]
        marker = MARKERS[number // len(COLOURS) % len(MARKERS)]
        axes.plot(sizes, rates, dashes, color=colour, marker=marker, markersize=3, linewidth=1.4, zorder=3)
        low = [timing.bytes / timing.seconds.high / 1e9 for _, timing in line]
        high = [timing.bytes / timing.seconds.low / 1e9 for _, timing in line]
        axes.fill_between(sizes, low, high, color=colour, alpha=0.15, linewidth=0, zorder=2)
        labels.append(Label(right, rates[-1], f"{name} {rates[-1]:.3g}", colour))
    if peak := members[0].peak:
        axes.axhline(peak / 1e9, color="0.6", linewidth=1, linestyle=":")
        labels.append(Label(right, peak / 1e9, f"datasheet {peak / 1e9:.3g}", "0.45"))
    axes.set_ylim(bottom=0)
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel("elements")
    axes.set_ylabel("GB/s")
    axes.xaxis.set_major_locator(LogLocator(numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(round(value)) if value >= 1 else ""))
    place(figure, axes, labels, [])


def _lines(members: Sequence[Result]) -> dict[str, Line]:
    rules = {result.case.rule.name for result in members}
    lines: dict[str, Line] = {}
    copies: dict[int, list[Timing]] = {}
    for result in members:
        case = result.case
        copies.setdefault(case.elements, []).append(result.timings[COPY])
        for name, timing in result.timings.items():
            if name == RULE or (len(rules) == 1 and name != COPY):
                lines.setdefault(case.rule.name if name == RULE else name, []).append((case.elements, timing))
    lines[COPY] = [(elements, _median(timings)) for elements, timings in copies.items()]
    return lines


def _median(timings: Sequence[Timing]) -> Timing:
    """The timing in the middle by bandwidth."""
    middle = median([timing.gigabytes_per_second for timing in timings])
    return min(timings, key=lambda timing: abs(timing.gigabytes_per_second - middle))
