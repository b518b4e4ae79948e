"""The losses of newcomers.json in the ways in which the page on newcomers reads them, and its tables."""

import math
import statistics
from typing import Any

TASKS = ("digits", "words", "diabetes")
ADAM = "adam"
# The rules of before; all others are newcomers.
OLD = (
    *("sgd", "momentum", "nesterov", "adagrad", "adagrad_momentum", "rmsprop", "rmsprop_centered"),
    *("rmsprop_momentum", "rmsprop_centered_momentum", "adadelta", "adam", "adam_eps_root", "amsgrad"),
    *("adam_uncorrected", "adamw", "adamw_amsgrad", "adamax", "adam_lp", "adam_max_norm", "nadam", "nag_adam", "radam"),
    *("adabelief", "yogi", "lion", "lamb", "lars", "sgd_hypergradient", "adam_hypergradient"),
)


def losses(row: list[float | None]) -> list[float]:
    """Infinite where a run diverged, which JSON cannot say."""
    return [math.inf if loss is None else loss for loss in row]


class Figures:
    """The losses of newcomers.json, in the ways in which the page reads them."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.found = found

    def losses(self, task: str, kind: str, contender: str) -> list[float]:
        """The test losses of the seeds; infinite where a run diverged."""
        return losses(self.found[task][kind][contender]["test"])

    def loss(self, task: str, kind: str, contender: str) -> float:
        return statistics.mean(self.losses(task, kind, contender))

    def adam(self, task: str) -> float:
        return self.loss(task, "tuned", ADAM)

    def ratio(self, kind: str, contender: str) -> float:
        """The geometric mean over the tasks of the loss as a multiple of tuned Adam's."""
        return math.exp(statistics.mean(math.log(self.loss(task, kind, contender) / self.adam(task)) for task in TASKS))

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

    def cell(self, task: str, kind: str, contender: str) -> str:
        """The mean, and the least and the most of the seeds."""
        each = self.losses(task, kind, contender)
        if statistics.mean(each) > 10 * self.found[task]["untrained"]:
            return "diverged"
        return f"{statistics.mean(each):.3f} ({min(each):.3f} to {max(each):.3f})"

    def at_an_edge(self, task: str) -> list[str]:
        """Rules whose best rate is the lowest or the highest of the grid."""
        return [
            rule
            for rule, row in self.found[task]["tuned"].items()
            if row["lr"] in (self.found["rates"][0], self.found["rates"][-1])
        ]


def listed(names: list[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted) or "none"


def share(some: list[str], of: list[str]) -> str:
    return f"{sum(rule in of for rule in some)} of {len(of)}"


def table(titles: list[str], rows: list[list[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def free_table(figures: Figures) -> str:
    """Rules without a rate, beside others at their default rates and at tuned ones; the best first."""
    ways = {"free": "", "default": ", its default rate", "rate alone": ", tuned, no decay", "tuned": ", tuned"}
    tuned = [("tuned", rule) for rule in figures.found["yardsticks"]]
    rows = []
    for kind, one in sorted(
        [*figures.ranked("free", "default", "rate alone"), *tuned], key=lambda row: figures.ratio(*row)
    ):
        name = f"`{one}`{ways[kind]}"
        ratio = figures.ratio(kind, one)
        rows.append(
            [
                name if kind == "free" else f"*{name}*",
                *(figures.cell(task, kind, one) for task in TASKS),
                f"{ratio:.2f}" if ratio < 10 else "over 10",
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
            [
                f"`{one}`",
                kind.replace("tuned", "fixed rate"),
                f"{rows[kind][one]['lr']:g}",
                figures.cell(task, kind, one),
            ]
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
                f"{ratio:.2f}" if ratio < 10 else "over 10",
                f"{figures.below('tuned', rules[0])}",
            ]
        )
    titles = [title for task in TASKS for title in (task, "rate, decay")]
    return table(["rule", *titles, "times Adam's loss", "runs below Adam's, of 15"], rows)
