"""The pictures of Adagrad, from the runs that test the statements on it."""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from ..kernels import Rule
from ..plots.end_labels import label_ends
from .curves import curves
from .own_rules import adagrad_without_root
from .runs import tuned
from .sheet import GREY, named_axes, new, plain_numbers, titled
from .statements import adagrad


def adagrad_decay() -> Figure:
    figure, panels = new(3.7)
    axes = panels[0, 0]
    rates = adagrad.decay()
    drawn = curves(axes, {f"met in {name}": rates[:, k] for k, name in enumerate(adagrad.EVERY)})
    steps = np.array([1.0, adagrad.STEPS])
    axes.plot(steps, 0.1 / np.sqrt(steps), ":", color=GREY, linewidth=1.2, zorder=4)
    axes.annotate("0.1 / √t", (30, 0.1 / 30**0.5), (-6, -10), textcoords="offset points", fontsize=8.5,
                  color=GREY, horizontalalignment="right")  # fmt: skip
    curve = np.geomspace(1, adagrad.STEPS, 400)
    axes.plot(curve, 0.1 * np.exp(-curve / 2000), "--", color=GREY, linewidth=1.0)
    axes.text(1300, 0.07, "an exponential decay", fontsize=8.5, color=GREY)
    axes.set_ylim(4e-4, 0.16)
    named_axes(axes, "step", "effective rate, |change| / |gradient|")
    label_ends(figure, [drawn])
    return figure


def adagrad_moving() -> Figure:
    figure, panels = new(3.2)
    ways = {"adagrad": adagrad.followed("adagrad", 0.1)[0], "rmsprop": adagrad.followed("rmsprop", 0.01)[0]}
    drawn = curves(panels[0, 0], {name: way[:4001] for name, way in ways.items()}, 0, log=False)
    panels[0, 0].step([0, 2000, 4000], [1, 1, 0], color=GREY, linewidth=1.2, linestyle="--", where="pre")
    panels[0, 0].text(2090, 1.04, "the minimum moves", fontsize=8.5, color=GREY)
    panels[0, 0].set_ylim(-0.12, 1.2)
    named_axes(panels[0, 0], "step", "weight")
    label_ends(figure, [drawn])
    return figure


def adagrad_near_minimum() -> Figure:
    figure, panels = new(3.0)
    exact, noisy = adagrad.near_a_minimum()
    drawn = curves(panels[0, 0], {"exact gradients": exact, "noisy gradients": noisy})
    named_axes(panels[0, 0], "step", "effective rate, |change| / |gradient|")
    plain_numbers(panels[0, 0].yaxis)
    label_ends(figure, [drawn])
    return figure


def adagrad_variants() -> Figure:
    figure, panels = new(5.4, 2)
    drawn = []
    rules: dict[str, str | Rule] = {
        "adagrad": "adagrad",
        "without the root": adagrad_without_root,
        "with momentum": "adagrad_momentum",
    }
    for axes, name in zip(panels[:, 0], ("quadratic", "beale"), strict=True):
        lines = {}
        for label, rule in rules.items():
            run = tuned(rule, name)
            floor = min(run.surface.loss(p) for p in run.surface.minima)
            lines[f"{label}, lr {run.lr:g}"] = np.maximum(run.losses - floor, 1e-16)[:151]
        axes.set_yscale("log")
        drawn.append(curves(axes, lines, 0, log=False))
        titled(axes, name)
        named_axes(axes, "", "loss")
    panels[1, 0].set_xlabel("steps", fontsize=9)
    label_ends(figure, drawn)
    return figure


ADAGRAD_CHARTS: dict[str, Callable[[], Figure]] = {
    "adagrad-decay": adagrad_decay,
    "adagrad-moving": adagrad_moving,
    "adagrad-near-minimum": adagrad_near_minimum,
    "adagrad-variants": adagrad_variants,
}
