"""The lab: pictures of what optimizers do, from runs of the real kernels, and statements on them put to the test.

    from fastopt import lab

    bowl = lab.Surface("bowl", lambda x, y: x**2 + 3 * y**2, start=(2, 1), x=(-3, 3), y=(-2, 2))
    run = lab.descend(my_rule, bowl, lr=0.1)  # run.points, run.losses, run.rates
    lab.draw_paths([run, lab.tuned("adam", bowl)], "paths.svg")
    lab.draw_losses([run, lab.tuned("adam", bowl)], "losses.svg")

`fastopt lab` draws everything. Pictures need matplotlib: pip install 'fastopt[plot]'.
"""

from collections.abc import Sequence
from pathlib import Path

from .runs import RATES, Descent, descend, effective, rates_met, tuned
from .surfaces import SURFACES, Surface, surface

__all__ = [
    "RATES",
    "SURFACES",
    "Descent",
    "Surface",
    "descend",
    "draw_losses",
    "draw_paths",
    "draw_rates",
    "effective",
    "rates_met",
    "surface",
    "tuned",
]


def draw_paths(runs: Sequence[Descent], path: str | Path) -> None:
    """Draw the paths of runs on one surface over its contour lines, a panel for each run, into a .png or .svg file."""
    from . import paths_plot
    from .sheet import written

    written(paths_plot.paths(runs), Path(path))


def draw_losses(runs: Sequence[Descent], path: str | Path) -> None:
    """Draw the losses of runs on one surface against the steps, into a .png or .svg file."""
    from . import paths_plot
    from .sheet import written

    written(paths_plot.losses(runs), Path(path))


def draw_rates(runs: Sequence[Descent], path: str | Path) -> None:
    """Draw the effective learning rates of runs, of x and of y, against the steps, into a .png or .svg file."""
    from . import paths_plot
    from .sheet import written

    written(paths_plot.rates(runs), Path(path))
