"""Everything that `fastopt lab` makes, as jobs for processes side by side: pictures, findings, the page."""

import functools
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..inspection.names import named
from ..measure import whole
from ..studies.processes import cores, side_by_side
from . import captions, digits_runs, page
from .captions import Chapter
from .runs import descend, tuned
from .statements import FAMILIES, STATEMENTS
from .surfaces import SURFACES, surface

RULES = ("sgd", "momentum", "adagrad", "rmsprop", "adadelta", "adam", "adamax")
ENDINGS = (".svg", ".png")
# A rate that momentum mixes with past gradients is no picture of a rate.
_WITHOUT_MOMENTUM = ("sgd", "adagrad", "rmsprop", "adadelta")


@dataclass(frozen=True)
class Order:
    """The pictures to make. rules, surfaces: by name, or as module:name. lr: None takes the best for each rule. steps:
    None takes the surface's own. whole: whether to make all else too, beside the runs on surfaces."""

    folder: Path
    rules: Sequence[str] = RULES
    surfaces: Sequence[str] = tuple(SURFACES)
    lr: float | None = None
    steps: int | None = None
    whole: bool = True

    def check(self) -> None:
        """Raise ValueError or TypeError for a rule, surface, rate or number of steps that cannot be run."""
        if not self.rules or not self.surfaces:
            raise ValueError("rules and surfaces must not be empty")
        for name in (*self.rules, *self.surfaces):
            if (*self.rules, *self.surfaces).count(name) > 1:
                raise ValueError(f"{name} is given twice")
        if self.lr is not None and not 0 < self.lr < math.inf:
            raise ValueError(f"lr must be above 0, and finite; got {self.lr}")
        if self.steps is not None and not 1 <= self.steps <= 100_000:
            raise ValueError(f"steps must be from 1 to 100,000; got {self.steps:,}")
        for name in self.rules:
            rule = named(name)
            if self.lr is not None and "lr" not in rule.hyper:
                raise ValueError(f"{name} has no lr to be set")
        files: dict[str, str] = {}
        for name in self.surfaces:
            surface(name).grid(8)
            file = captions.of_surface(surface(name)).name
            if files.setdefault(file, name) != name:
                raise ValueError(f"the pictures of {name} would have the names of those of {files[file]}; rename one")


def jobs(order: Order) -> list[tuple[Any, ...]]:
    """The jobs of an order, the longest first, so that the processes end together."""
    todo: list[tuple[Any, ...]] = [("surface", name) for name in order.surfaces]
    if order.whole:
        todo += [("family", chapter.name) for chapter in captions.FAMILIES]
        specs = list(digits_runs.specs())
        todo += [("digits", specs[k : k + 20]) for k in range(0, len(specs), 20)]
    return todo


def build(order: Order, tick: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Make all that an order asks for in its folder, and call tick at the end of each job and of the page.

    Returns the findings on the statements, by name, and the files. Raises RuntimeError if a job failed.
    """
    chapters: list[Chapter] = []
    tested: dict[str, Any] = {}
    todo = jobs(order)
    results: dict[int, Any] = {}
    for number, result, error in side_by_side(functools.partial(work, order), todo, cores()):
        if error is not None:
            raise RuntimeError(f"{' '.join(map(str, todo[number][:2]))}: {error}")
        results[number] = result
        tick()
    for number, (kind, *_) in enumerate(todo):
        if kind == "digits":
            digits_runs.KNOWN.update(results[number])
        else:
            chapter, findings = results[number]
            chapters.append(chapter)
            tested |= findings
    if order.whole:
        chapters.append(captions.DIGITS)
        tested |= _digits(order.folder)
    ordered = {name: tested[name] for name in STATEMENTS if name in tested}
    text = page.html(chapters, ordered, {p.name: _read(order.folder, p.name) for c in chapters for p in c.pictures})
    for name, content in (("index.html", text), ("lab.json", json.dumps(ordered, indent=1) + "\n")):
        if name == "index.html" or order.whole:
            with whole(order.folder / name) as file:
                file.write(content.encode())
    tick()
    pictures = [f"{p.name}{ending}" for chapter in chapters for p in chapter.pictures for ending in ENDINGS]
    return {"statements": ordered, "pictures": pictures, "page": str(order.folder / "index.html")}


def work(order: Order, kind: str, what: Any) -> Any:
    """One job, in a process of its own."""
    if kind == "digits":
        return {spec: digits_runs.run(spec) for spec in what}
    if kind == "surface":
        return _surface(order, what), {}
    from .charts import CHARTS

    chapter = next(chapter for chapter in captions.FAMILIES if chapter.name == what)
    for picture in chapter.pictures:
        _write(order.folder, picture.name, CHARTS[picture.name]())
    return chapter, {
        statement.name: statement.measure().as_record()
        for statement in FAMILIES.get(chapter.name, ())
        if not statement.digits
    }


def _surface(order: Order, name: str) -> Chapter:
    from . import paths_plot

    where = surface(name)
    chapter = captions.of_surface(where)
    given: dict[str, Any] = {"steps": order.steps}
    runs = [
        tuned(rule, where, **given) if order.lr is None else descend(rule, where, lr=order.lr, **given)
        for rule in order.rules
    ]
    plain = [run for run in runs if run.rule in _WITHOUT_MOMENTUM] or runs
    drawn = (paths_plot.paths(runs), paths_plot.losses(runs), paths_plot.rates(plain))
    for picture, figure in zip(chapter.pictures, drawn, strict=True):
        _write(order.folder, picture.name, figure)
    return chapter


def _digits(folder: Path) -> dict[str, Any]:
    from .digits_charts import DIGITS_CHARTS

    for name, draw in DIGITS_CHARTS.items():
        _write(folder, name, draw())
    return {name: statement.measure().as_record() for name, statement in STATEMENTS.items() if statement.digits}


def _write(folder: Path, name: str, figure: Any) -> None:
    from .sheet import written

    for ending in ENDINGS:
        written(figure, folder / f"{name}{ending}")
        figure.set_layout_engine("none")  # It is laid out now.


def _read(folder: Path, name: str) -> bytes:
    return (folder / f"{name}.svg").read_bytes()


def steps_of(order: Order) -> int:
    """How often `build` will call tick."""
    return len(jobs(order)) + 1
