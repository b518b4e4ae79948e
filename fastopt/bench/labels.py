"""Labels beside points of a plot, none on top of another."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox, BboxBase

Offset = tuple[float, float]

# Where a label may stand: so many typographic points away, in these directions. The first free place is taken.
_AWAY = (8, 14, 22, 32, 44, 58, 74, 92, 112, 134)
_DIRECTIONS = ((1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 0), (-1, 1), (-1, -1))
_AROUND = [(x * away, y * away) for away, (x, y) in itertools.product(_AWAY, _DIRECTIONS)]
_BESIDE = [(6.0, float(sign * y)) for y in range(0, 200, 3) for sign in (1, -1)]


@dataclass(frozen=True)
class Label:
    """A text that belongs to a place in the data."""

    x: float
    y: float
    text: str
    colour: str


def place(figure: Figure, axes: Axes, lines: Sequence[Label], points: Sequence[Label]) -> None:
    """Write the labels of lines, right of the axes, and of points, within; a label without room is left out."""
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    taken = [_around(axes, point) for point in points]
    for label in sorted(lines, key=lambda label: -label.y):
        _write(renderer, axes, figure.bbox, label, _BESIDE, taken)
    for label in sorted(points, key=lambda label: (label.x, label.y)):
        _write(renderer, axes, axes.bbox, label, _AROUND, taken)


def _write(
    renderer: Any, axes: Axes, edge: BboxBase, label: Label, offsets: Sequence[Offset], taken: list[Bbox]
) -> None:
    """Write a label at the first offset where it meets nothing that is taken and stays within an edge."""
    for offset in offsets:
        text = _annotation(axes, label, offset, {})
        box = text.get_window_extent(renderer)
        text.remove()
        inside = edge.x0 <= box.x0 and box.x1 <= edge.x1 and edge.y0 <= box.y0 and box.y1 <= edge.y1
        if inside and not box.count_overlaps(taken):
            taken.append(box)
            near = max(map(abs, offset)) <= _AWAY[0]
            leader = {"arrowstyle": "-", "color": label.colour, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3}
            _annotation(axes, label, offset, {} if near else {"arrowprops": leader})
            return


def _annotation(axes: Axes, label: Label, offset: Offset, leader: dict[str, Any]) -> Annotation:
    x, y = offset
    return axes.annotate(
        label.text,
        (label.x, label.y),
        offset,
        textcoords="offset points",
        horizontalalignment="right" if x < 0 else "left" if x else "center",
        verticalalignment="top" if y < 0 else "bottom" if y else "center",
        color=label.colour,
        fontsize=8,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
        **leader,
    )


def _around(axes: Axes, point: Label) -> Bbox:
    x, y = axes.transData.transform((point.x, point.y))
    return Bbox.from_extents(x - 6, y - 6, x + 6, y + 6)
