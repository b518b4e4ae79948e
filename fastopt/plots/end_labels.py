"""Labels at the ends of curves, in their colours, so that no legend is needed; none on top of another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

_SIZE = 8.5
_GAP = 1.35 * _SIZE  # points from line to line


@dataclass(frozen=True)
class End:
    """The end of a curve: its place in the data, the curve's name and colour."""

    x: float
    y: float
    text: str
    colour: str


def ink(colour: str) -> tuple[float, float, float]:
    """A colour dark enough for text on white; lines may be lighter."""
    red, green, blue = to_rgb(colour)
    luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    shade = min(1.0, (0.18 / max(luminance, 1e-9)) ** 0.45)  # a contrast of 4.5 to 1
    return red * shade, green * shade, blue * shade


def label_ends(figure: Figure, panels: Sequence[tuple[Axes, Sequence[End]]]) -> None:
    """Write each end's text right of its axes, at its height or near it, with a line to it where that is not plain.

    Called when limits, scales and all else of the figure are set, since it looks where the ends lie.
    """
    rooms = [_note(axes, end) for axes, ends in panels for end in ends]
    figure.draw_without_rendering()  # makes room for the texts
    for room in rooms:
        room.remove()
    point = figure.dpi / 72
    for axes, ends in panels:
        bottom, top = axes.bbox.y0, axes.bbox.y1
        heights = [min(max(axes.transData.transform((end.x, end.y))[1], bottom), top) for end in ends]
        order = sorted(range(len(ends)), key=lambda k: (heights[k], -k))
        gaps = [_GAP * point * (1 + ends[k].text.count("\n")) for k in order]
        for k, height in zip(order, spread([heights[k] for k in order], gaps, bottom, top), strict=True):
            _note(axes, ends[k], (height - bottom) / (top - bottom), moved=abs(height - heights[k]) > 2 * point)


def spread(heights: Sequence[float], gaps: Sequence[float], bottom: float, top: float) -> list[float]:
    """Move rising heights as little as possible, so that each has its gap, within bottom and top if there is room.

    Blocks of labels that touch are moved together, to the mean of where they want to be.
    """
    blocks: list[list[Any]] = []  # of each: where it wants to start, its extent, its members
    for k, (height, gap) in enumerate(zip(heights, gaps, strict=True)):
        blocks.append([height - gap / 2, gap, [k]])
        while len(blocks) > 1 and blocks[-2][0] + blocks[-2][1] > blocks[-1][0]:
            start, extent, members = blocks.pop()
            first = blocks[-1]
            count = len(first[2]) + len(members)
            first[0] = (first[0] * len(first[2]) + (start - first[1]) * len(members)) / count
            first[1], first[2] = first[1] + extent, first[2] + members
            half = 0.5 * max(gaps)
            first[0] = max(min(first[0], top + half - first[1]), bottom - half)
    placed = [0.0] * len(heights)
    for start, _, members in blocks:
        for k in members:
            placed[k] = start + gaps[k] / 2
            start += gaps[k]
    return placed


def _note(axes: Axes, end: End, height: float | None = None, moved: bool = False) -> Any:
    colour = ink(end.colour)
    at: Any = (1.0, end.y) if height is None else (1.0, height)
    note = axes.annotate(
        end.text,
        at,
        (14, 0),
        xycoords=axes.get_yaxis_transform() if height is None else "axes fraction",
        textcoords="offset points",
        verticalalignment="center",
        color=colour,
        fontsize=_SIZE,
        annotation_clip=False,
    )
    if height is not None and (moved or end.x < axes.get_xlim()[1]):
        leader = {"arrowstyle": "-", "color": end.colour, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (end.x, end.y), (1.0, height), textcoords="axes fraction", arrowprops=leader, zorder=1)
        axes.annotate(
            "", (1.0, height), (12, 0), xycoords="axes fraction", textcoords="offset points", arrowprops=leader
        )
    return note
