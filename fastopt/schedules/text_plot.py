"""A curve as text, for a terminal without a display."""

from itertools import pairwise
from typing import Any

import numpy as np

HEIGHT = 13
# The dots of a character of braille, by row and column, as bits of its code point.
BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def plotted(title: str, steps: Any, values: Any, width: int = 80, *, braille: bool = True) -> str:
    """The lines of a plot of values over steps, no wider than width and no narrower than 30 columns.

    braille: eight dots a character; without it one dot a character, in ASCII.
    """
    low, high = _range(values)
    labels = [f"{value:.4g}" for value in np.linspace(high, low, 5)]
    margin = max(map(len, labels))
    columns = max(width, 30) - margin - 3
    across, down = (2, 4) if braille else (1, 1)
    grid = _grid(steps, (values - low) / (high - low), columns * across, HEIGHT * down)
    rows = [_row(grid[row : row + down], braille) for row in range(0, HEIGHT * down, down)]
    places = {round(place): text for place, text in zip(np.linspace(0, HEIGHT - 1, len(labels)), labels, strict=True)}
    bar, tick, corner = ("│", "┤", "└") if braille else ("|", "+", "+")
    lines = [title]
    for number, row in enumerate(rows):
        label = places.get(number, "")
        lines.append(f"{label:>{margin}} {tick if label else bar}{row}".rstrip())
    lines.append(f"{'':{margin}} {corner}{('─' if braille else '-') * columns}")
    first, last = f"{steps[0]:,}", f"step {steps[-1]:,}"
    lines.append(f"{'':{margin}}  {first}{last:>{columns - len(first)}}")
    return "\n".join(lines)


def _range(values: Any) -> tuple[float, float]:
    """The limits of the axis: from zero, unless all values are close together."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return 0.0, 2 * high or 1.0
    return (low if low > high / 2 else 0.0), high


def _grid(steps: Any, heights: Any, across: int, down: int) -> Any:
    """The places of the dots: in each column from the lowest to the highest, without gaps to the next column."""
    columns = np.minimum((steps - steps[0]) / (steps[-1] - steps[0]) * across, across - 1).astype(int)
    rows = np.round((1 - heights) * (down - 1)).astype(int)
    grid = np.zeros((down, across), bool)
    grid[rows, columns] = True
    for (left, above), (right, below) in pairwise(zip(columns.tolist(), rows.tolist(), strict=True)):
        for column in range(left, right + 1):
            # A column shows its share of the line from one sample to the next.
            begin = above + (below - above) * max(column - left - 0.5, 0) / max(right - left, 1)
            end = above + (below - above) * min(column - left + 0.5, right - left) / max(right - left, 1)
            if right == left:
                begin, end = above, below
            grid[round(min(begin, end)) : round(max(begin, end)) + 1, column] = True
    return grid


def _row(dots: Any, braille: bool) -> str:
    if not braille:
        return "".join("*" if dot else " " for dot in dots[0])
    bits = sum(dots[row, side::2] * BRAILLE[row][side] for row in range(4) for side in range(2))
    return "".join(chr(0x2800 + int(code)) if code else " " for code in bits)
