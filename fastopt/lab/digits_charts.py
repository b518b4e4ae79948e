"""The pictures of the runs on the digits."""

from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..plots.end_labels import End, ink, label_ends
from .digits_runs import EPOCHS, EPS, EPS_RULES, PRINTED, RULES, SMALL, WITHOUT_ROOT, best, median, rates_of, width
from .sheet import named_axes, new, palette, plain_numbers

# A variant has the colour of its rule, and dashes or dots.
_NAMES: dict[str, tuple[str, str, Any]] = {
    WITHOUT_ROOT: ("adagrad, no root", "adagrad", ":"),
    PRINTED: ("adadelta, 2nd ratio", "adadelta", "--"),
    "adagrad_momentum": ("adagrad, momentum", "adagrad", "--"),
    "adam_uncorrected": ("adam, uncorrected", "adam", "--"),
}
_SHOWN = {rule: _NAMES.get(rule, (rule, rule, "-")) for rule in RULES}
_COLOURS = palette(base for _, base, _ in _SHOWN.values())
# Losses above _TOP are drawn at the upper edge: guessing has 2.3.
_TOP, _BOTTOM = 4.0, 0.02


def losses() -> Figure:
    figure, panels = new(4.4)
    axes = panels[0, 0]
    axes.set_yscale("log")
    ends = []
    for rule, (name, base, style) in _SHOWN.items():
        lowest = best(rule)
        axes.plot(range(1, EPOCHS + 1), lowest.losses, linestyle=style, color=_COLOURS[base], linewidth=1.6, zorder=3)
        ends.append(End(EPOCHS, lowest.loss, f"{name}, lr {lowest.lr:g}", _COLOURS[base]))
    axes.set_xlim(1, EPOCHS)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain_numbers(axes.yaxis)
    named_axes(axes, "epoch", "training loss (cross-entropy)")
    label_ends(figure, [(axes, ends)])
    return figure


def rates() -> Figure:
    """A panel for each rule: its line in front of those of all others."""
    figure, panels = new(6.6, 3, 3, sharex=True, sharey=True)
    lines = {}
    for rule in _SHOWN:
        scale = SMALL if rule == WITHOUT_ROOT else 1.0
        lines[rule] = [(lr / scale, min(median(rule, lr).loss, _TOP)) for lr in rates_of(rule)]
    for axes, (rule, (name, base, style)) in zip(panels.flat, _SHOWN.items(), strict=True):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(_BOTTOM, _TOP)
        for behind in lines.values():
            axes.plot(*zip(*behind, strict=True), color="0.87", linewidth=0.8, zorder=2)
        axes.plot(*zip(*lines[rule], strict=True), linestyle=style, color=_COLOURS[base], linewidth=1.8, zorder=4)
        gone = [lr for lr, loss in lines[rule] if loss >= _TOP]
        if gone:
            axes.plot(gone, [_TOP] * len(gone), "^", color=_COLOURS[base], markersize=5, clip_on=False, zorder=5)
        title = axes.set_title(name, loc="left", fontsize=8.5, fontweight="bold", color=ink(_COLOURS[base]))
        title.set_in_layout(False)
        lowest = best(rule)
        text = f"{lowest.loss:.2g} at {lowest.lr:.2g}; {width(rule):.1f} decades"
        axes.text(0.03, 0.04, text, transform=axes.transAxes, fontsize=7.5, color="0.3", in_layout=False)
        plain_numbers(axes.yaxis)
    figure.supxlabel(f"learning rate (without the root: × {SMALL:g})", fontsize=9)
    figure.supylabel("training loss after five epochs", fontsize=9)
    return figure


def eps() -> Figure:
    figure, panels = new(3.0)
    axes = panels[0, 0]
    axes.set_xscale("log")
    ends = []
    for rule, lr in EPS_RULES.items():
        final = [min(median(rule, lr, value).loss, _TOP) for value in EPS]
        axes.plot(EPS, final, "o-", color=_COLOURS[rule], linewidth=1.6, markersize=4, zorder=3)
        ends.append(End(max(EPS), final[0], f"{rule}, lr {lr:g}", _COLOURS[rule]))
    axes.set_xlim(min(EPS) / 1.5, max(EPS) * 1.5)
    axes.set_ylim(0, 1.4 * max(end.y for end in ends))
    named_axes(axes, "eps", "training loss after five epochs")
    label_ends(figure, [(axes, ends)])
    return figure


DIGITS_CHARTS: dict[str, Callable[[], Figure]] = {"digits-losses": losses, "digits-rates": rates, "digits-eps": eps}
