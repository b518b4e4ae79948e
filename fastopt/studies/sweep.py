"""The sensitivity of rules to the initial rate: the final loss of many runs, rule by rule and rate by rate."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .processes import cores, side_by_side
from .progress import bar


@dataclass(frozen=True)
class Run:
    """One run. loss: its final loss; NaN or infinite if it diverged, None if it failed. error: why it failed."""

    rule: str
    lr: float
    seed: int | None
    loss: float | None
    error: str | None = None

    @property
    def diverged(self) -> bool:
        return self.loss is not None and not math.isfinite(self.loss)


@dataclass(frozen=True)
class Sweep:
    """All runs of a sweep, in the order of rules, rates and seeds."""

    runs: tuple[Run, ...]

    @property
    def rules(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(run.rule for run in self.runs))

    def curve(self, rule: str) -> list[tuple[float, float]]:
        """For each rate the median of the seeds' final losses; for an even number the higher of the two in the middle.

        A run that diverged counts as infinite; a run that failed does not count.
        """
        by_rate: dict[float, list[float]] = {}
        for run in self.runs:
            if run.rule == rule and run.loss is not None:
                by_rate.setdefault(run.lr, []).append(math.inf if run.diverged else run.loss)
        return [(lr, statistics.median_high(losses)) for lr, losses in sorted(by_rate.items())]

    def best(self, rule: str) -> tuple[float, float] | None:
        """The rate of the least final loss, and that loss; None if all runs diverged or failed."""
        lr, loss = min(self.curve(rule), key=lambda point: point[1], default=(math.nan, math.inf))
        return None if math.isinf(loss) else (lr, loss)

    def width(self, rule: str, factor: float = 2.0) -> float:
        """The range of rates around the best, in decades, whose loss is at most `factor` times the best.

        A rule with a small width is sensitive. 0 for a single rate.
        """
        best = self.best(rule)
        if best is None:
            return 0.0
        curve = self.curve(rule)
        place = [lr for lr, _ in curve].index(best[0])
        good = [loss <= factor * best[1] for _, loss in curve]
        low = high = place
        while low > 0 and good[low - 1]:
            low -= 1
        while high + 1 < len(curve) and good[high + 1]:
            high += 1
        return math.log10(curve[high][0] / curve[low][0])

    def as_record(self) -> dict[str, Any]:
        """The runs as plain data. JSON has no NaN: `commands.figures.finite` makes it None, and `diverged` tells."""
        return {
            "runs": [{**asdict(run), "diverged": run.diverged} for run in self.runs],
            "rules": {rule: {"best": self.best(rule), "width": self.width(rule)} for rule in self.rules},
        }

    def plot(self, path: str | Path, title: str = "final loss against the initial rate") -> None:
        """Draw the curves into a file, .png or .svg; needs matplotlib: pip install 'fastopt[plot]'."""
        from .sweep_plot import SweepCurve, draw

        several = len({run.seed for run in self.runs}) > 1
        draw(
            {
                rule: SweepCurve(self.curve(rule), self.best(rule), self._seeds(rule) if several else ())
                for rule in self.rules
            },
            Path(path),
            title,
        )

    def _seeds(self, rule: str) -> list[tuple[float, float]]:
        """Each seed's rate and loss."""
        return [(run.lr, run.loss) for run in self.runs if run.rule == rule and run.loss is not None]


def sweep(
    train: Callable[..., float],
    rules: Sequence[str],
    rates: Sequence[float],
    *,
    seeds: Sequence[int] | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> Sweep:
    """Train with every rule at every rate, side by side, and note the final losses.

    train: called as train(rule, lr), or train(rule, lr, seed) if seeds are given, in new processes, so it is a function
    of a module; a script that sweeps has its call under `if __name__ == "__main__"`. It returns the final loss; NaN and
    infinity mean that the run diverged. If it raises, the run has failed, and its `error` says why; the others go on.
    rules: names that train understands. workers: processes, each with one thread; None for one a core.
    progress: a bar on stderr, where that is a terminal (with the package rich).
    Raises TypeError for a function that cannot be sent to a process, RuntimeError if every run failed.
    """
    rules, rates = _listed("rules", rules), [_rate(rate) for rate in _listed("rates", rates)]
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be 1 or more; got {workers!r}")
    extra = [(seed,) for seed in _listed("seeds", seeds)] if seeds is not None else [()]
    jobs = [(rule, rate, *seed) for rule in rules for rate in rates for seed in extra]
    runs: dict[int, Run] = {}
    with bar("runs", len(jobs), progress) as tick:
        for number, result, error in side_by_side(train, jobs, workers or cores()):
            rule, rate, *seed = jobs[number]
            loss = None
            if error is None:
                loss, error = _loss(result)
            runs[number] = Run(rule, rate, seed[0] if seed else None, loss, error)
            tick()
    ordered = tuple(runs[number] for number in range(len(jobs)))
    if all(run.error for run in ordered):
        first = ordered[0]
        raise RuntimeError(f"every run failed; {first.rule} at lr={first.lr:g}: {first.error}")
    return Sweep(ordered)


def _listed(name: str, values: Any) -> list[Any]:
    if isinstance(values, str):
        raise TypeError(f"{name} must be a list; got {values!r}")
    items = list(values)
    if not items:
        raise ValueError(f"{name} must not be empty")
    if len(set(items)) < len(items):
        raise ValueError(f"{name} has one twice: {', '.join(map(str, items))}")
    return items


def _rate(value: Any) -> float:
    rate = float(value)
    if not 0 < rate < math.inf:
        raise ValueError(f"rates must be above 0, and finite; got {value!r}")
    return rate


def _loss(result: Any) -> tuple[float | None, str | None]:
    try:
        return float(result), None
    except (TypeError, ValueError):
        return None, f"train must return the final loss, a number; it returned {result!r}"
