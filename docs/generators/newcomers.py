"""The page on newcomers: what newer rules and rules without a rate do on three tasks.

Run as a program it makes the runs of newcomer_runs.py, some 20 minutes of them, and writes newcomers.json and the
picture of the page. `page` writes newcomers.md: every sentence there stands beside the condition on the figures that
makes it true.
"""

import json
import math
import statistics
from pathlib import Path
from typing import Any

HERE, PAGES = Path(__file__).parent, Path(__file__).parents[1]
TASKS = ("digits", "words", "diabetes")
ADAM = "adam"
# The rules of before; all others are newcomers.
OLD = (
    *("sgd", "momentum", "nesterov", "adagrad", "adagrad_momentum", "rmsprop", "rmsprop_centered"),
    *("rmsprop_momentum", "rmsprop_centered_momentum", "adadelta", "adam", "adam_eps_root", "amsgrad"),
    *("adam_uncorrected", "adamw", "adamw_amsgrad", "adamax", "adam_lp", "adam_max_norm", "nadam", "nag_adam", "radam"),
    *("adabelief", "yogi", "lion", "lamb", "lars", "sgd_hypergradient", "adam_hypergradient"),
)


class Figures:
    """The losses of newcomers.json, in the ways in which the page reads them."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.found = found

    def losses(self, task: str, kind: str, contender: str) -> list[float]:
        """The test losses of the seeds; infinite where a run diverged."""
        return [math.inf if loss is None else loss for loss in self.found[task][kind][contender]["test"]]

    def loss(self, task: str, kind: str, contender: str) -> float:
        return statistics.mean(self.losses(task, kind, contender))

    def adam(self, task: str) -> float:
        return self.loss(task, "tuned", ADAM)

    def ratio(self, kind: str, contender: str) -> float:
        """The geometric mean over the tasks of the loss as a multiple of tuned Adam's."""
        return math.exp(
            statistics.mean(math.log(self.loss(task, kind, contender) / self.adam(task)) for task in TASKS)
        )

    def below(self, kind: str, contender: str, task: str | None = None) -> int:
        """In how many runs the loss is below that of tuned Adam with the same seed."""
        tasks = TASKS if task is None else (task,)
        return sum(
            loss < adam
            for one in tasks
            for loss, adam in zip(self.losses(one, kind, contender), self.losses(one, "tuned", ADAM), strict=True)
        )

    def best(self, task: str, kind: str = "tuned") -> str:
        return min(self.found[task][kind], key=lambda one: self.loss(task, kind, one))

    def ranked(self, *kinds: str) -> list[tuple[str, str]]:
        """Kinds and contenders that are there in every task, the least ratio first."""
        every = [(kind, one) for kind in kinds for one in self.found[TASKS[0]][kind]]
        shared = [(kind, one) for kind, one in every if all(one in self.found[task][kind] for task in TASKS)]
        return sorted(shared, key=lambda row: self.ratio(*row))

    def cell(self, task: str, kind: str, contender: str, spread: bool = True) -> str:
        """The mean, and the least and the most of the seeds."""
        losses = self.losses(task, kind, contender)
        if statistics.mean(losses) > 10 * self.found[task]["untrained"]:
            return "diverged"
        mean = f"{statistics.mean(losses):.3f}"
        return f"{mean} ({min(losses):.3f} to {max(losses):.3f})" if spread else mean

    def at_an_edge(self, task: str) -> list[str]:
        """Rules whose best rate is the lowest or the highest of the grid."""
        return [
            rule
            for rule, row in self.found[task]["tuned"].items()
            if row["lr"] in (self.found["rates"][0], self.found["rates"][-1])
        ]


def page(found: dict[str, Any]) -> str:
    """The text of newcomers.md. Raises ValueError for a sentence that the figures do not support."""
    figures = Figures(found)
    digits, words, diabetes = (found[task] for task in TASKS)
    free = list(digits["free"])
    unmoved = [one for one in free if abs(figures.loss("words", "free", one) / words["untrained"] - 1) < 0.001]
    worse = [one for one in free if figures.loss("words", "free", one) > 1.1 * words["untrained"]]

    def said(sentence: str, holds: bool) -> str:
        if not holds:
            raise ValueError(f"the figures do not support: {sentence}")
        return sentence

    def beside_adam(one: str, task: str, kind: str = "free") -> float:
        return figures.loss(task, kind, one) / figures.adam(task)

    near = [one for one in free if beside_adam(one, "digits") < 1.15]
    parts = [
        "# Newcomers: newer rules, and rules without a rate",
        "Written by docs/generators/generate.py from the runs of docs/generators/newcomers.py. Each sentence was checked "
        "against the figures.",
        "Three tasks, on which every rule that the library had then was run, in float32: the handwritten digits "
        f"({'-'.join(map(str, digits['sizes']))}, {digits['epochs']} epochs, {digits['steps']} steps, cross-entropy); "
        f"word vectors ([words.md](words.md) on less text: {words['words']:,} words, a vocabulary of "
        f"{words['vocabulary']:,}, {words['width']} wide, {words['epochs']} passes, {words['steps']} steps, dense "
        "gradients); and a regression, how the diabetes of 442 patients goes on "
        f"({'-'.join(map(str, diabetes['sizes']))}, {diabetes['epochs']} epochs, {diabetes['steps']} steps, half the "
        "squared error in variances). Untrained, the losses are "
        + ", ".join(f"{found[task]['untrained']:.2f}" for task in TASKS)
        + ".",
        f"All rules have the same {found['trials']} trials on a task: {len(found['rates'])} rates in half-decades from "
        f"{found['rates'][0]:g} to {found['rates'][-1]:g}, then two decays at the best rate and its two neighbours. The "
        "decay is given as the share that it takes from the weights in the whole run, "
        f"0, {found['shares'][0]:g} or {found['shares'][1]:g}, whatever the rate. What has the least loss on validation data, the "
        f"mean of {found['seeds']['tuning']} seeds, is run with {found['seeds']['final']} other seeds, and the tables "
        "have the losses on test data that no choice has seen: means, and the least and the most of the seeds. A seed is "
        "the same start, data and order of batches for every rule. All else, such as betas, is at its default. "
        "Schedule-Free's loss is that of its average.",
        said(
            f"A best rate is at an edge of the grid for {listed(edges(figures))} alone: AdaBound and AMSBound have a "
            "second rate, `final_lr`, which bounds the step from below.",
            set(edges(figures)) <= {"adabound", "amsbound"},
        ),
        "![Validation loss against the rate](newcomers.svg)",
        "## Rules without a rate",
        f"At `lr=1`, without decay and without any trial, beside what {found['trials']} trials give. "
        "`dog, averaged` is read from `opt.ema`, with `ema=0.99`; `momo_adam` takes lr for its upper bound, whose default is 0.01.",
        free_table(figures),
    ]
    return "\n\n".join(parts) + "\n"


def listed(names: list[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted) or "none"


def edges(figures: Figures) -> list[str]:
    return sorted({rule for task in TASKS for rule in figures.at_an_edge(task)})


def table(titles: list[str], rows: list[list[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def free_table(figures: Figures) -> str:
    """Rules without a rate, beside others at their default rates and at tuned ones; the best first."""
    ways = {"free": "", "default": ", its default rate", "rate alone": ", tuned, no decay", "tuned": ", tuned"}
    tuned = [("tuned", rule) for rule in figures.found["yardsticks"]]
    rows = []
    for kind, one in sorted([*figures.ranked("free", "default", "rate alone"), *tuned], key=lambda row: figures.ratio(*row)):
        name = f"`{one}`{ways[kind]}"
        ratio = figures.ratio(kind, one)
        rows.append(
            [
                name if kind == "free" else f"*{name}*",
                *(figures.cell(task, kind, one) for task in TASKS),
                f"{ratio:.2f}" if ratio < 10 else "",
            ]
        )
    return table(["rule", *TASKS, "times tuned Adam's loss"], rows)


def cosine_table(figures: Figures, task: str) -> str:
    """What a cosine brings, on one task; the best first."""
    rows = figures.found[task]
    kinds = [("cosine", one) for one in rows["cosine"]]
    kinds += [("tuned", one) for one in rows["tuned"] if one in rows["cosine"] or one.startswith("schedule_free")]
    kinds.sort(key=lambda row: figures.loss(task, *row))
    return table(
        [task, "schedule", "rate", "loss"],
        [
            [f"`{one}`", kind.replace("tuned", "none"), f"{rows[kind][one]['lr']:g}", figures.cell(task, kind, one)]
            for kind, one in kinds
        ],
    )


def tuned_table(figures: Figures) -> str:
    """Every tuned rule; rules with the same figures share a row."""
    same: dict[str, list[str]] = {}
    for _, rule in figures.ranked("tuned"):
        same.setdefault(str([figures.losses(task, "tuned", rule) for task in TASKS]), []).append(rule)
    rows = []
    for rules in same.values():
        cells = []
        for task in TASKS:
            run = figures.found[task]["tuned"][rules[0]]
            cells += [figures.cell(task, "tuned", rules[0]), f"{run['lr']:g}, {run['share']:g}"]
        ratio = figures.ratio("tuned", rules[0])
        rows.append(
            [
                ", ".join(f"*`{rule}`*" if rule in OLD else f"`{rule}`" for rule in rules),
                *cells,
                f"{ratio:.2f}" if ratio < 10 else "",
                f"{figures.below('tuned', rules[0])}",
            ]
        )
    titles = [title for task in TASKS for title in (task, "rate, decay")]
    return table(["rule", *titles, "times Adam's loss", "runs below Adam's, of 15"], rows)


def draw(found: dict[str, Any], path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "fastopt"
    import matplotlib.pyplot as plt

    # Okabe & Ito's colours, told apart by the colour-blind too.
    tuned = {
        "sgd": "#000000",
        "momentum": "#E69F00",
        "adam": "#0072B2",
        "lion": "#009E73",
        "schedule_free_adamw": "#CC79A7",
    }
    free = {"cocob": "#000000", "prodigy": "#0072B2", "dog": "#E69F00", "dowg": "#D55E00", "momo": "#009E73"}
    figure, panels = plt.subplots(1, 3, figsize=(10, 4.4), layout="constrained")
    handles: dict[str, Any] = {}
    for panel, task in zip(panels, TASKS, strict=True):
        runs = found[task]
        losses = {rule: [math.nan if x is None else x for x in runs["tuned"][rule]["sweep"]] for rule in tuned}
        low = min(min(row["sweep"], key=lambda x: x or math.inf) for row in runs["tuned"].values() if None not in row)
        for rule, colour in tuned.items():
            (handles[rule],) = panel.plot(found["rates"], losses[rule], color=colour, linewidth=1.6, label=rule)
        for rule, colour in free.items():
            loss = runs["free"][rule]["validation"]
            name = f"{rule}, no rate"
            handles[name] = panel.axhline(
                loss if loss is not None else math.nan, color=colour, linewidth=1.4, linestyle=(0, (4, 2)), label=name
            )
        panel.set(xscale="log", yscale="log", xlabel="rate", title=task, ylim=(low * 0.93, runs["untrained"] * 1.3))
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("validation loss after the run")
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    import newcomer_runs

    from fastopt.commands.figures import finite

    result = finite(newcomer_runs.facts() | {task: newcomer_runs.measured(task) for task in TASKS})
    draw(result, PAGES / "newcomers.svg")
    (HERE / "newcomers.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
