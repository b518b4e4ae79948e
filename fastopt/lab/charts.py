"""The pictures of effective rates and of ways in one dimension, from the runs that test the statements."""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from ..plots.end_labels import End, label_ends
from .adagrad_charts import ADAGRAD_CHARTS
from .curves import curves
from .paths_plot import paths
from .runs import descend
from .sheet import GREY, named_axes, new, palette, plain_numbers, titled
from .statements import adadelta, adam, adamax, rmsprop, sparse


def rmsprop_levels() -> Figure:
    figure, panels = new(3.5)
    drawn = curves(panels[0, 0], rmsprop.levels())
    named_axes(panels[0, 0], "step", "effective rate, |change| / |gradient|")
    label_ends(figure, [drawn])
    return figure


def rmsprop_regions() -> Figure:
    figure, panels = new(3.2)
    axes = panels[0, 0]
    axes.set_yscale("log")
    drawn = curves(axes, rmsprop.regions(), log=False)
    for place, text in ((50, "gradients of 1"), (150, "of 10"), (250, "of 0.1")):
        axes.text(place, 0.97, text, transform=axes.get_xaxis_transform(), fontsize=8.5, color=GREY,
                  horizontalalignment="center", verticalalignment="top")  # fmt: skip
    for edge in (100.5, 200.5):
        axes.axvline(edge, color=GREY, linewidth=0.8, linestyle="--")
    axes.set_ylim(top=0.5)
    named_axes(axes, "step", "effective rate, |change| / |gradient|")
    label_ends(figure, [drawn])
    return figure


def rmsprop_directions() -> Figure:
    figure, panels = new(5.2, 2, sharex=True)
    runs = dict(zip(("rmsprop", "sgd"), rmsprop.along_and_across(), strict=True))
    panels[0, 0].set_yscale("log")
    ours = runs["rmsprop"]
    lines = {"along (x)": ours.rates[:60, 0], "across (y)": ours.rates[:60, 1], "sgd": runs["sgd"].rates[:60, 0]}
    drawn = [curves(panels[0, 0], lines, log=False)]
    plain_numbers(panels[0, 0].yaxis)
    titled(panels[0, 0], "effective rates of RMSprop in the valley")
    named_axes(panels[0, 0], "", "|change| / |gradient|")
    drawn.append(curves(panels[1, 0], {name: run.points[:61, 1] for name, run in runs.items()}, 0, log=False))
    titled(panels[1, 0], "the way across the valley")
    named_axes(panels[1, 0], "step", "y")
    label_ends(figure, drawn)
    return figure


def rmsprop_oscillation() -> Figure:
    figure, panels = new(5.2, 2)
    ways = rmsprop.about_a_minimum()
    axes = panels[0, 0]
    drawn = [curves(axes, {name: np.maximum(abs(way[1:]), 1e-12) for name, way in ways.items()})]
    titled(axes, "distance from the minimum of x²/2")
    named_axes(axes, "", "|x|")
    axes.set_ylim(1e-8, 5)
    late = {name: way[2960:] for name, way in ways.items()}
    drawn.append(curves(panels[1, 0], late, 2960, log=False))
    titled(panels[1, 0], "the last 40 of 3,000 steps")
    named_axes(panels[1, 0], "step", "x")
    label_ends(figure, drawn)
    return figure


def adadelta_ratios() -> Figure:
    figure, panels = new(3.8)
    axes = panels[0, 0]
    lines = {}
    for label, rates in adadelta.ratios().items():
        lines[f"{label}\ngradients around 1"] = rates[:, 0]
        lines[f"{label}\naround 1,000"] = rates[:, 1]
    drawn = curves(axes, lines, dashed=[list(lines)[-1]])
    axes.set_ylim(1e-7, 20)
    named_axes(axes, "step", "ratio, |change| / |gradient|")
    label_ends(figure, [drawn])
    return figure


def adam_bias() -> Figure:
    figure, panels = new(3.2)
    axes = panels[0, 0]
    drawn = curves(axes, adam.bias())
    axes.set_yscale("linear")
    axes.set_ylim(0, 7.2)
    named_axes(axes, "step", "effective rate / lr")
    label_ends(figure, [drawn])
    return figure


# With a single weight the printed form is Adam; beside another weight its rate stays, as Adamax's nearly does.
_EQUAL = ("max norm as printed", "as printed, in company")


def adamax_scenario_1() -> Figure:
    figure, panels = new(5.4, 2)
    forms = {**adamax.alternating(), "as printed, in company": adamax.in_company()}
    first = {name: rates[:60] for name, rates in forms.items()}
    drawn = [curves(panels[0, 0], first, log=False, dashed=_EQUAL)]
    titled(panels[0, 0], "the first 60 steps")
    last = {name: rates[-20:] / rates[-20:].mean() for name, rates in forms.items()}
    drawn.append(curves(panels[1, 0], last, adamax.STEPS - 19, log=False, dashed=_EQUAL))
    titled(panels[1, 0], "settled: the last 20 of 1,000 steps, over their mean")
    named_axes(panels[0, 0], "", "effective rate / lr")
    named_axes(panels[1, 0], "step", "effective rate / its mean")
    panels[1, 0].ticklabel_format(useOffset=False)
    label_ends(figure, drawn)
    return figure


def adamax_scenario_2() -> Figure:
    figure, panels = new(5.4, 2)
    drawn = []
    for axes, (when, begin) in zip(panels[:, 0], adamax.BEGIN.items(), strict=True):
        lines = {name: rates[begin - 200 :] / rates[begin - 1] for name, rates in adamax.zeros(when).items()}
        drawn.append(curves(axes, lines, -199, log=False, dashed=_EQUAL))
        axes.axvspan(0, adamax.ZEROS, color="0.93", zorder=0)
        axes.text(adamax.ZEROS / 2, 0.96, "inputs of zero", transform=axes.get_xaxis_transform(), fontsize=8.5,
                  color=GREY, horizontalalignment="center", verticalalignment="top")  # fmt: skip
        axes.set_ylim(0.8, 2.15)
        titled(axes, f"after {begin:,} steps with a gradient of 1")
        named_axes(axes, "", "rate / rate before")
    panels[1, 0].set_xlabel("steps since the zeros began", fontsize=9)
    label_ends(figure, drawn)
    return figure


def sparse_paths() -> Figure:
    figure, panels = new(4.6)
    axes = panels[0, 0]
    x, y = np.meshgrid(np.linspace(-0.4, 3.2, 120), np.linspace(-0.4, 2.4, 120))
    loss = ((x - sparse.WEIGHTS[0]) ** 2 + sparse.SHARE * (y - sparse.WEIGHTS[1]) ** 2) / 2
    axes.contour(x, y, np.sqrt(loss), 12, colors="0.85", linewidths=0.7, zorder=1)
    axes.grid(False)
    axes.plot(*sparse.WEIGHTS, "+", color=GREY, markersize=11, markeredgewidth=1.6, zorder=6)
    ends = []
    for rule, colour in palette(sparse.RULES).items():
        lr, way = sparse.best_way(rule)
        way = way[: sparse.EARLY + 1]
        axes.plot(*way.T, color=colour, linewidth=1.4, zorder=3)
        axes.plot(*way[-1], "o", color=colour, markersize=5, zorder=5)
        ends.append(End(float(way[-1, 0]), float(way[-1, 1]), f"{rule}, lr {lr:g}", colour))
    axes.plot(0, 0, "o", color="black", markerfacecolor="white", markersize=6, zorder=6)
    axes.set_xlim(-0.4, 3.2)
    axes.set_ylim(-0.4, 2.1)
    named_axes(
        axes, "weight of the dense column", f"weight of the sparse column (0 in {1 - sparse.SHARE:.0%} of the rows)"
    )
    titled(axes, f"the first {sparse.EARLY} steps", "+ the true weights")
    label_ends(figure, [(axes, ends)])
    return figure


def sparse_errors() -> Figure:
    figure, panels = new(5.6, 2, sharex=True)
    drawn = []
    for k, (axes, name) in enumerate(zip(panels[:, 0], ("dense", "sparse"), strict=True)):
        axes.set_yscale("log")
        errors = {rule: abs(sparse.best_way(rule)[1][:, k] - sparse.WEIGHTS[k]) for rule in sparse.RULES}
        if name == "sparse":
            lr, _ = sparse.best_way("adagrad")
            errors["adagrad, alone"] = abs(sparse.way("adagrad", lr, alone=True)[:, k] - sparse.WEIGHTS[k])
        smooth = {label: np.convolve(values, np.full(40, 1 / 40), "valid")[:601] for label, values in errors.items()}
        drawn.append(curves(axes, smooth, 40, log=False))
        titled(axes, f"error of the weight of the {name} column", "mean of 40 steps")
        named_axes(axes, "", "|weight - true weight|")
        axes.set_ylim(5e-3, 4)
    panels[1, 0].set_xlabel("step", fontsize=9)
    label_ends(figure, drawn)
    return figure


def too_fast() -> Figure:
    return paths([descend("sgd", "valley", lr=lr, steps=60) for lr in (0.1, 1.0, 1.25, 1.32)])


CHARTS: dict[str, Callable[[], Figure]] = {
    **ADAGRAD_CHARTS,
    "rmsprop-levels": rmsprop_levels,
    "rmsprop-regions": rmsprop_regions,
    "rmsprop-directions": rmsprop_directions,
    "rmsprop-oscillation": rmsprop_oscillation,
    "adadelta-ratios": adadelta_ratios,
    "adam-bias": adam_bias,
    "adamax-scenario-1": adamax_scenario_1,
    "adamax-scenario-2": adamax_scenario_2,
    "sparse-paths": sparse_paths,
    "sparse-errors": sparse_errors,
    "too-fast": too_fast,
}
