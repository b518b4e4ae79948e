"""The folders in the order of the work: the tables of docs/design.md and, run as a program, its picture."""

import ast
import itertools
import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What each way enters, in its order.
WAYS = {
    "a formula to compiled code": (
        "kernels/rules",
        "kernels/rule_type",
        "kernels/definition",
        "kernels/language",
        "kernels/program",
        "kernels/step",
        "kernels/tasks",
        "kernels/cpu",
        "kernels/jit",
    ),
    "a gradient to the weights": (
        "fastopt/optimizer",
        "fastopt/updater",
        "fastopt/trees",
        "kernels/step",
        "kernels/headers",
        "kernels/libraries",
        "kernels/tasks",
        "kernels/cpu",
    ),
    "a checkpoint out and back": (
        "fastopt/optimizer",
        "fastopt/checkpoint",
        "fastopt/updater",
        "kernels/libraries",
        "kernels/arrays",
    ),
}
COLOURS = ("#0072B2", "#D55E00", "#009E73")


def orders() -> dict[str, list[list[str]]]:
    """The lines of the two lists that tests/test_imports.py holds, lowest first."""
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "support")]
    try:
        lists = import_module("test_imports")
    finally:
        del sys.path[:2]
    return {top: [line.split() for line in text.split("\n") if line] for top, text in lists.ORDERS.items()}


def sentence(top: str, name: str) -> str:
    """The first sentence of a folder's, or a file's, own description."""
    place = ROOT / top / name
    path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    if name == "face":
        path = ROOT / top / "__init__.py"
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


def table(top: str) -> str:
    """A row for each folder or file, lowest first; those of one line do not import each other."""
    lines = ["| | has |", "| --- | --- |"]
    for together in orders()[top]:
        for name in together:
            shown = f"`{name}/`" if (ROOT / top / name).is_dir() else f"`{name}.py`"
            lines.append(f"| {shown.replace('face.py', '__init__.py')} | {sentence(top, name)} |")
    return "\n".join(lines)


def draw(path: Path) -> None:
    """The picture: two houses, and in which order three ways enter their rooms."""
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch

    figure = Figure(figsize=(10, 8.2))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.axis("off")
    stops: dict[str, list[tuple[int, int]]] = {}
    for way, rooms in enumerate(WAYS.values()):
        for number, room in enumerate(rooms, 1):
            stops.setdefault(room, []).append((way, number))
    chips: dict[tuple[int, int], tuple[float, float]] = {}
    for (top, lines), left in zip(reversed(orders().items()), (2.0, 52.0), strict=True):
        axes.text(left, 97, f"{top}/", fontsize=13, fontweight="bold", va="center")
        step = 91 / 14
        for level, names in enumerate(lines):
            width = 46.0 / len(names)
            y = 3 + level * step
            for place, name in enumerate(names):
                x = left + place * width
                box = FancyBboxPatch(
                    (x + 0.4, y), width - 0.8, step - 1.2, boxstyle="round,pad=0,rounding_size=0.8", fc="0.96", ec="0.7"
                )
                axes.add_patch(box)
                shown = "__init__" if name == "face" else name
                axes.text(x + 1.4, y + (step - 1.2) / 2, shown, fontsize=9, va="center")
                here = stops.get(f"{top}/{name}", [])
                for slot, (way, number) in enumerate(here):
                    spot = (x + width - 2.6 - 2.6 * (len(here) - 1 - slot), y + (step - 1.2) / 2)
                    chips[way, number] = spot
    for way, rooms in enumerate(WAYS.values()):
        spots = [chips[way, number] for number in range(1, len(rooms) + 1)]
        for (x, y), (to_x, to_y) in itertools.pairwise(spots):
            axes.annotate(
                "",
                (to_x, to_y),
                (x, y),
                arrowprops={
                    **{"arrowstyle": "-", "color": COLOURS[way], "alpha": 0.35, "linewidth": 1.4},
                    "connectionstyle": f"arc3,rad={0.16 if to_y < y else -0.16}",
                },
                zorder=1,
            )
        for number, (x, y) in enumerate(spots, 1):
            axes.plot(x, y, "o", color=COLOURS[way], markersize=12, zorder=3)
            axes.text(x, y - 0.05, str(number), color="white", fontsize=8, ha="center", va="center", zorder=4)
    axes.text(2, 92.6, "a room imports only what lies below it", fontsize=9, va="center", color="0.35")
    for way, name in enumerate(WAYS):
        axes.plot(3.2, 88.6 - 3.4 * way, "o", color=COLOURS[way], markersize=9)
        axes.text(5, 88.6 - 3.4 * way, name, fontsize=9, va="center")
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    draw(ROOT / "docs" / "layout.svg")
