"""`fastopt lab`: pictures of what optimizers do, from real runs, and statements put to the test, in one page."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from .figures import duration
from .refusing import refusing


def lab(
    output: Annotated[Path, typer.Option(help="The folder for page and pictures; it is made if need be.")] = Path(
        "lab"
    ),
    rule: Annotated[
        list[str] | None, typer.Option(help="A rule to run on surfaces, or your own as module:name; may be repeated.")
    ] = None,
    surface: Annotated[
        list[str] | None, typer.Option(help="A surface, or your own as module:name; may be repeated.")
    ] = None,
    lr: Annotated[float | None, typer.Option(help="One rate for all rules; by default each has its best.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps on each surface; by default the surface's own.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Draw where rules go on loss surfaces, what their effective rates do, and what the textbooks say of both.

    With a rule, a surface, lr or steps only runs on surfaces are drawn.

    The page is index.html in the folder, with all pictures in it; each is
    also there as .svg and .png.
    """
    from rich.console import Console

    from ..lab import sheet  # noqa: F401  (asks for matplotlib before anything is run)

    start = time.perf_counter()
    with refusing(TypeError, ValueError, ImportError, RuntimeError, OSError):
        from ..lab.build import RULES, Order, build, steps_of
        from ..lab.surfaces import SURFACES
        from ..studies.progress import bar

        only = bool(rule or surface or lr is not None or steps is not None)
        plan = Order(output, rule or RULES, surface or tuple(SURFACES), lr, steps, whole=not only)
        plan.check()
        output.mkdir(parents=True, exist_ok=True)
        with bar("jobs", steps_of(plan)) as tick:
            built = build(plan, tick)
    seconds = time.perf_counter() - start
    if as_json:
        print(json.dumps({**built, "seconds": seconds}, allow_nan=False))
        return
    out = Console(highlight=False, markup=False)
    out.soft_wrap = not out.is_terminal
    styles = {"holds": "green", "in part": "yellow", "does not hold": "red"}
    for name, finding in built["statements"].items():
        out.print(f"{finding['verdict']:>13}  ", end="", style=styles[finding["verdict"]])
        out.print(name)
    out.print(f"\n{len(built['pictures'])} pictures and {built['page']} in {duration(seconds)}")
