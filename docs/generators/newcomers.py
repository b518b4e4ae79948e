"""The page on newcomers: what newer rules and rules without a rate do on three tasks.

Run as a program it makes the runs of newcomer_runs.py, some 25 minutes of them, and writes newcomers.json and the
picture of the page. With OPENBLAS_NUM_THREADS=1 the figures are the same to the last digit. `page` writes newcomers.md:
every sentence there stands beside the condition on the figures that makes it true.
"""

import json
import math
import statistics
from pathlib import Path
from typing import Any

from newcomer_figures import ADAM, OLD, TASKS, Figures, cosine_table, free_table, listed, losses, share, tuned_table

HERE, PAGES = Path(__file__).parent, Path(__file__).parents[1]


def page(found: dict[str, Any]) -> str:
    """The text of newcomers.md. Raises ValueError for a sentence that the figures do not support."""
    figures = Figures(found)
    digits, words, diabetes = (found[task] for task in TASKS)
    free, tuned = list(digits["free"]), list(digits["tuned"])

    def said(sentence: str, holds: bool) -> str:
        if not holds:
            raise ValueError(f"the figures do not support: {sentence}")
        return sentence

    def worst(one: str) -> float:
        return max(figures.loss(task, "free", one) / figures.adam(task) for task in TASKS)

    def mean(task: str, kind: str, one: str) -> str:
        return f"{figures.loss(task, kind, one):.3f}"

    def train(kind: str, one: str) -> float:
        return statistics.mean(losses(diabetes[kind][one]["train"]))

    def same_as_adam(task: str) -> bool:
        """Whether MoMo-Adam's figures are those of Adam at its upper bound."""
        alone = found[task]["rate alone"][ADAM]
        return alone["lr"] == 0.01 and alone["test"] == found[task]["free"]["momo_adam, lr=0.01"]["test"]

    def accuracy(one: str) -> str:
        return f"{statistics.mean(digits['tuned'][one]['accuracy']):.1%}"

    def decayed(task: str) -> int:
        return sum(row["share"] == found["shares"][-1] for row in found[task]["tuned"].values())

    nearest = min(free, key=worst)
    near = [one for one in free if figures.loss("digits", "free", one) < 1.15 * figures.adam("digits")]
    unmoved = [one for one in free if abs(figures.loss("words", "free", one) / words["untrained"] - 1) < 0.001]
    lost = [one for one in free if figures.loss("words", "free", one) > 1.1 * words["untrained"]]
    overfitted = [one for one in free if train("free", one) < train("tuned", ADAM)]
    annealed = [(task, one) for task in TASKS for one in found[task]["free, cosine"]]
    pairs = len(annealed)
    newer = [rule for rule in tuned if rule not in OLD]
    older = [rule for rule in tuned if rule in OLD]
    ahead = [rule for rule in tuned if figures.below("tuned", rule) >= 12]
    behind = [rule for rule in newer if figures.ratio("tuned", rule) > 1.05]
    newest = min(newer, key=lambda rule: figures.loss("words", "tuned", rule))
    momentum = figures.ratio("tuned", "momentum") - 1
    close = sum(figures.ratio("tuned", rule) < 1.1 for rule in tuned)
    bounded = ["adabound", "amsbound"]
    stuck = [rule for rule in tuned if min(losses(words["tuned"][rule]["sweep"])) > 0.99 * words["untrained"]]
    averaging = [rule for rule in tuned if rule.startswith("schedule_free")]
    cosines = [(task, one) for task in TASKS for one in found[task]["cosine"]]
    gained = sum(figures.loss(task, "cosine", one) < figures.loss(task, "tuned", one) for task, one in cosines)
    helped = sum(figures.loss(task, "free, cosine", one) < figures.loss(task, "free", one) for task, one in annealed)
    parts = [
        "# Newcomers: newer rules, and rules without a rate",
        "Written by docs/generators/generate.py from the runs of docs/generators/newcomers.py. Each sentence was "
        "checked "
        "against the figures.",
        said(
            "In short: with the same tuning for all, no rule is best on every task, the newcomers are not ahead of "
            "the older "
            f"rules, and {close} of {len(tuned)} are less than 10% above Adam. Of the rules without a rate some match "
            "tuned "
            "Adam on the digits, and none does on all three tasks. Schedule-Free replaces a schedule on the digits, "
            "and not "
            "on the words. Newcomers are the rules that are new in this library; some, as Rprop of 1993, are older "
            "than "
            "Adam.",
            len({figures.best(task) for task in TASKS}) == 3
            and min(figures.loss("digits", "free", one) for one in free) < figures.adam("digits")
            and min(map(worst, free)) > 1.2,
        ),
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
        f"{found['rates'][0]:g} to {found['rates'][-1]:g}, then two decays at the best rate and its two neighbours. "
        "The "
        "decay is given as the share that it takes from the weights in the whole run, "
        f"0, {found['shares'][0]:g} or {found['shares'][1]:g}, whatever the rate; a rule with a decay of its own, "
        "such as LARS, uses that. What has the least loss on "
        "validation data, the "
        f"mean of {found['seeds']['tuning']} seeds, is run with {found['seeds']['final']} other seeds, and the tables "
        "have the losses on test data that no choice has seen: means, and the least and the most of the seeds. A "
        "seed is "
        "the same start, data and order of batches for every rule. All else, such as betas, is at its default. "
        "Schedule-Free's loss is that of its average.",
        said(
            f"No best rate is at an edge of the grid but for {listed(bounded)}, which have a second rate, `final_lr`, "
            "that "
            f"bounds the step from below, and on the words for {listed(stuck)}, which end no better than untrained at "
            "any "
            "rate.",
            {rule for task in TASKS for rule in figures.at_an_edge(task)} == {*bounded, *stuck},
        ),
        "![Validation loss against the rate](newcomers.svg)",
        "Without decay; dashed lines are rules without a rate.",
        "## Rules without a rate",
        f"At `lr=1`, without decay and without any trial, beside what {found['trials']} trials give. "
        "`dog, averaged` is read from `opt.ema`, with `ema=0.99`; `momo_adam` takes lr for its upper bound, whose "
        "default is 0.01.",
        free_table(figures),
        "In italics: the yardsticks. A run has diverged if its mean loss is above ten times that of no training.",
        said(
            f"No rule without a rate is within a fifth of tuned Adam on all three tasks. `{nearest}` is the nearest: "
            f"in its worst task it has {worst(nearest):.2f} times Adam's loss.",
            min(map(worst, free)) > 1.2,
        ),
        said(
            f"On the digits they do what they promise: {listed(near)} are within 15% of tuned Adam or better, where "
            "Adam "
            f"at its default rate, 0.001, which is too low for {digits['steps']} steps, is at "
            f"{mean('digits', 'default', 'adam')}, and momentum at 0.01 at {mean('digits', 'default', 'momentum')}.",
            len(near) >= len(free) / 2
            and figures.loss("digits", "default", "adam") > 3 * figures.adam("digits")
            and figures.loss("digits", "default", "momentum") > 1.5 * figures.adam("digits"),
        ),
        said(
            f"On the words {len(lost) + len(unmoved)} of these {len(free)} rows fail. {listed(lost)} end above the "
            "loss of untrained tables, "
            f"{words['untrained']:.2f}, and {listed(unmoved)} have not left the start after {words['steps']} steps. "
            f"Momentum at its default rate is at {mean('words', 'default', 'momentum')}, lower than any of them. "
            "`momo_adam` with the upper bound 0.01 has the figures of Adam at 0.01, there and on the digits: its "
            "rate is "
            "the bound.",
            len(lost) + len(unmoved) >= 4
            and all(figures.loss("words", "default", "momentum") < figures.loss("words", "free", one) for one in free)
            and all(same_as_adam(task) for task in ("digits", "words")),
        ),
        said(
            "On the diabetes it is not speed that they lack. All but "
            f"{listed([one for one in free if one not in overfitted])} end with a lower training loss than tuned Adam, "
            f"{train('tuned', ADAM):.3f}, and all have a higher test loss: on {diabetes['instances']} patients a low "
            "rate "
            "and decay keep a network from learning them by heart, and a rule that finds its rate by itself cannot "
            "know.",
            len(overfitted) > len(free) / 2
            and all(figures.loss("diabetes", "free", one) > figures.adam("diabetes") for one in free),
        ),
        said(
            f"A cosine from 1 to 0 makes the loss lower in {helped} of {pairs} pairs of a rule and a task; it needs "
            "the "
            f"number of steps beforehand. Prodigy then comes from {mean('digits', 'free', 'prodigy')} to "
            f"{mean('digits', 'free, cosine', 'prodigy')} on the digits and from {mean('words', 'free', 'prodigy')} to "
            f"{mean('words', 'free, cosine', 'prodigy')} on the words.",
            helped > pairs / 2
            and all(
                figures.loss(task, "free, cosine", "prodigy") < figures.loss(task, "free", "prodigy")
                for task in ("digits", "words")
            ),
        ),
        "## Schedule-Free or a cosine",
        "The rules of least validation loss at a fixed rate, and the yardsticks, with a cosine whose first rate is "
        "tuned "
        f"over the same {len(found['rates'])} rates, at the decay chosen for a fixed rate; and Schedule-Free, which "
        "has none.",
        *(cosine_table(figures, task) for task in TASKS),
        said(
            f"On the digits Schedule-Free replaces the schedule: `schedule_free_radam` at a fixed rate, "
            f"{mean('digits', 'tuned', 'schedule_free_radam')}, is no worse than the best cosine, that of "
            f"`{figures.best('digits', 'cosine')}`, {mean('digits', 'cosine', figures.best('digits', 'cosine'))}, and "
            f"`schedule_free_adamw`, {mean('digits', 'tuned', 'schedule_free_adamw')}, is as good as Adam with a "
            "cosine, "
            f"{mean('digits', 'cosine', ADAM)}. The accuracies are {accuracy('schedule_free_radam')} and "
            f"{accuracy('schedule_free_adamw')}; of Adam at a fixed rate {accuracy(ADAM)}.",
            figures.loss("digits", "tuned", "schedule_free_radam")
            <= figures.loss("digits", "cosine", figures.best("digits", "cosine"))
            and figures.loss("digits", "tuned", "schedule_free_adamw") < 1.02 * figures.loss("digits", "cosine", ADAM),
        ),
        said(
            "On the words it does not help: all three end above Adam at a fixed rate, "
            f"{mean('words', 'tuned', ADAM)}. On the diabetes `schedule_free_adamw` is level with Adam and a cosine, "
            f"{mean('diabetes', 'tuned', 'schedule_free_adamw')} and {mean('diabetes', 'cosine', ADAM)}, and the "
            "other two "
            "are behind.",
            all(figures.loss("words", "tuned", rule) > figures.adam("words") for rule in averaging)
            and abs(
                figures.loss("diabetes", "tuned", "schedule_free_adamw") / figures.loss("diabetes", "cosine", ADAM) - 1
            )
            < 0.02
            and all(
                figures.loss("diabetes", "tuned", rule) > figures.loss("diabetes", "cosine", ADAM)
                for rule in averaging
                if rule != "schedule_free_adamw"
            ),
        ),
        said(
            "It still has a rate to tune: at its default rate `schedule_free_adamw` is at "
            f"{mean('digits', 'default', 'schedule_free_adamw')} on the digits, `schedule_free_radam` at "
            f"{mean('digits', 'default', 'schedule_free_radam')}, and `schedule_free_sgd` diverges on the diabetes.",
            all(
                figures.loss("digits", "default", rule) > 3 * figures.loss("digits", "tuned", rule)
                for rule in ("schedule_free_adamw", "schedule_free_radam")
            )
            and figures.cell("diabetes", "default", "schedule_free_sgd") == "diverged",
        ),
        said(
            f"A cosine is not always better than a fixed rate with a tuned decay either: it is in {gained} of the "
            f"{len(cosines)} "
            "pairs above. For SGD, momentum and Adam on the digits it is.",
            gained < 0.75 * len(cosines)
            and all(
                figures.loss("digits", "cosine", rule) < figures.loss("digits", "tuned", rule)
                for rule in found["yardsticks"]
            ),
        ),
        "## What tuning leaves of the differences",
        said(
            f"Little. {close} of the {len(tuned)} rules are less than "
            f"10% above Adam, in the geometric mean over the tasks; SGD with momentum is {momentum:.0%} above. "
            f"The best is `{figures.best('digits')}` on the digits, `{figures.best('words')}` on the words and "
            f"`{figures.best('diabetes')}` on the diabetes.",
            close > 0.8 * len(tuned) and 0 < momentum < 0.05 and len({figures.best(task) for task in TASKS}) == 3,
        ),
        said(
            "The newer rules are not ahead of the older ones. In 12 or more of the 15 runs the loss is below Adam's "
            "for "
            f"{listed([rule for rule in ahead if rule in older])}, {share(ahead, older)} older rules, and for "
            f"{listed([rule for rule in ahead if rule in newer])}, {share(ahead, newer)} newer ones.",
            sum(rule in older for rule in ahead) / len(older) > sum(rule in newer for rule in ahead) / len(newer) > 0,
        ),
        said(
            "On the words no newcomer reaches Adagrad of 2011, "
            f"{mean('words', 'tuned', 'adagrad')}; the nearest is `{newest}`, "
            f"{mean('words', 'tuned', newest)}.",
            figures.best("words") == "adagrad",
        ),
        said(
            f"Newcomers that do not help here, more than 5% above Adam in the mean: {listed(behind)}. ACProp divides "
            "by the "
            "second moment of the step before, which is 0 for a weight that has had no gradient: on features that are "
            "rare it learns at no rate. Rprop follows the signs of gradients, which change with the batch.",
            {"acprop", "rprop"} <= set(behind) and "acprop" in stuck,
        ),
        said(
            "Decay matters more than the rule on the diabetes: it takes Adam from "
            f"{mean('diabetes', 'rate alone', ADAM)} "
            f"to {mean('diabetes', 'tuned', ADAM)}, and the best rule is at "
            f"{mean('diabetes', 'tuned', figures.best('diabetes'))}. {decayed('diabetes')} of the {len(tuned)} rules "
            "take "
            f"the strongest decay there and {decayed('words')} on the words, so that a stronger one might do more; on "
            "the "
            f"digits {decayed('digits')} do.",
            figures.loss("diabetes", "rate alone", ADAM) - figures.adam("diabetes")
            > 2 * (figures.adam("diabetes") - figures.loss("diabetes", "tuned", figures.best("diabetes")))
            and min(decayed("diabetes"), decayed("words")) > len(tuned) / 2,
        ),
        "These runs are short. AdEMAMix's slow average, with beta3 = 0.9999, is meant for ten thousand steps and "
        "more, and "
        "the rules without a rate begin at a rate near 0 and have to work their way up; longer runs may be kinder to "
        "both.",
        "## Every rule",
        "Each at its best rate and decay; newcomers upright, the older ones in italics. Of the 15 runs, five seeds on "
        "three tasks, the last column counts those whose loss is below that of Adam with the same seed.",
        tuned_table(figures),
    ]
    return "\n\n".join(parts) + "\n"


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
        low = min(loss for row in runs["tuned"].values() for loss in row["sweep"] if loss is not None)
        top = 1.5 * runs["untrained"]
        for rule, colour in tuned.items():
            sweep = [math.nan if loss is None else loss for loss in runs["tuned"][rule]["sweep"]]
            (handles[rule],) = panel.plot(found["rates"], sweep, color=colour, linewidth=1.6)
        for rule, colour in free.items():
            loss = runs["free"][rule]["validation"]
            if loss is not None and loss < top:
                handles[f"{rule}, no rate"] = panel.axhline(loss, color=colour, linewidth=1.4, linestyle=(0, (4, 2)))
        panel.set(xscale="log", yscale="log", xlabel="rate", title=task, ylim=(0.93 * low, top))
        ticks = [tick for tick in (0.1, 0.2, 0.3, 0.4, 0.5, 1, 2, 3, 4, 5) if 0.93 * low < tick < top]
        panel.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        panel.yaxis.minorticks_off()
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("validation loss after the run")
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def lines(value: Any, depth: int = 0) -> str:
    """JSON with a line for each rule on each task."""
    if not isinstance(value, dict) or depth == 3:
        return json.dumps(value)
    items = (f"{json.dumps(key)}: {lines(one, depth + 1)}" for key, one in value.items())
    return "{\n" + ",\n".join(" " * (depth + 1) + item for item in items) + "\n" + " " * depth + "}"


def main() -> None:
    import newcomer_runs

    from fastopt.commands.figures import finite

    result = finite(newcomer_runs.facts() | {task: newcomer_runs.measured(task) for task in TASKS})
    draw(result, PAGES / "newcomers.svg")
    (HERE / "newcomers.json").write_text(lines(result) + "\n")


if __name__ == "__main__":
    main()
