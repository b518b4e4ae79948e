"""`fastopt sweep`: how sensitive rules are to the initial rate, on handwritten digits."""

import functools
import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..kernels import RULES
from .figures import duration, finite
from .refusing import refusing

if TYPE_CHECKING:
    from rich.console import Console

    from ..studies.sweep import Sweep

# The rules that the documents describe: their experiment is on RMSprop's sensitivity to its first rate.
DOCUMENTED = (
    *("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta"),
    *("adam", "adamax", "adam_max_norm", "nadam", "nag_adam", "adam_hypergradient"),
)


def sweep(
    rules: Annotated[
        list[str] | None, typer.Argument(help="Rules of the library, or all; by default those of the textbooks.")
    ] = None,
    low: Annotated[float, typer.Option(help="The lowest rate.")] = 1e-5,
    high: Annotated[float, typer.Option(help="The highest rate.")] = 10.0,
    rates: Annotated[int, typer.Option(help="How many rates, evenly on a log scale.")] = 13,
    epochs: Annotated[int, typer.Option(help="Passes over the training set.")] = 5,
    batch_size: Annotated[int, typer.Option(help="Digits in a step.")] = 32,
    seeds: Annotated[int, typer.Option(help="Runs of each rule at each rate; the table has their medians.")] = 3,
    workers: Annotated[int | None, typer.Option(help="Processes; by default one a core.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the curves into this file, .png or .svg.")] = None,
) -> None:
    """Train on handwritten digits with each rule at many initial rates, and compare the final losses.

    The final loss is the mean over the last epoch, as the network learnt. Exit
    code 1 if a run failed; one that diverged has not failed.
    """
    from rich.console import Console

    if plot:
        from ..plots.style import check_path
    start = time.perf_counter()
    with refusing(TypeError, ValueError, ImportError, RuntimeError, OSError):
        from ..studies.sweep import sweep as run
        from ..train.digits.final_loss import final_loss
        from ..train.digits.training import Training

        if plot:
            check_path(plot)
        chosen = _rules(rules)
        if seeds < 1:
            raise ValueError(f"seeds must be 1 or more; got {seeds}")
        train = functools.partial(final_loss, epochs=epochs, batch_size=batch_size)
        # Checks the arguments now: a wrong one would fail in every run.
        Training(epochs=epochs, batch_size=batch_size, checked=False)
        result = run(train, chosen, _spaced(low, high, rates), seeds=range(seeds), workers=workers)
        if plot:
            runs = f"{epochs} epochs, {seeds} seed{'s' * (seeds > 1)}"
            result.plot(plot, f"handwritten digits: final loss against the initial rate, {runs}")
    failed = [failure for failure in result.runs if failure.error]
    for failure in failed:
        typer.echo(f"fastopt: {failure.rule} at lr={failure.lr:g}, seed {failure.seed}: {failure.error}", err=True)
    seconds = time.perf_counter() - start
    if as_json:
        print(json.dumps(finite({**result.as_record(), "epochs": epochs, "seconds": seconds}), allow_nan=False))
    else:
        out = Console(highlight=False, markup=False)
        out.soft_wrap = not out.is_terminal
        _print(result, out)
        out.print(f"\n{len(result.runs)} runs in {duration(seconds)}" + (f"; plot in {plot}" if plot else ""))
    if failed:
        raise typer.Exit(1)


def _rules(given: list[str] | None) -> list[str]:
    from ..kernels.language.hyperparameters import suggestion

    if given == ["all"]:
        return [name for name, rule in RULES.items() if "lr" in rule.hyper]
    for name in given or ():
        if name not in RULES:
            raise ValueError(f"there is no rule {name!r}; {suggestion(name, RULES)}")
    return list(given or DOCUMENTED)


def _spaced(low: float, high: float, count: int) -> list[float]:
    if not 0 < low < high < math.inf or count < 2:
        raise ValueError(f"rates must be 2 or more, from a low above 0 to a high above it; got {count}, {low}, {high}")
    step = math.log(high / low) / (count - 1)
    return [float(f"{low * math.exp(step * k):.3g}") for k in range(count)]


def _print(found: "Sweep", out: "Console") -> None:
    width = max(map(len, (*found.rules, "rule")))
    out.print(f"{'rule':{width}}  {'best rate':>9}  {'loss':>8}  {'good over':>14}  diverged from", style="bold")
    for rule in found.rules:
        best = found.best(rule)
        gone = [lr for lr, loss in found.curve(rule) if math.isinf(loss)]
        columns = [
            f"{rule:{width}}",
            f"{best[0]:>9.2g}  {best[1]:>8.2g}" if best else f"{'-':>9}  {'-':>8}",
            f"{found.width(rule):>6.1f} decades",
            f"{min(gone):.2g}" if gone else "",
        ]
        out.print("  ".join(columns).rstrip())
    out.print("\ngood: a final loss of at most twice the rule's best; few decades: sensitive", style="dim")
