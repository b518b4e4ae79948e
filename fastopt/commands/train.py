"""`fastopt train`: a first training run, on a task that shows what the library does."""

import contextlib
import json
import sys
import time
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..kernels import RULES
from . import train_digits, train_words
from .figures import finite
from .refusing import refusing

if TYPE_CHECKING:
    from rich.console import Console

# A task is a module: prepare(given) makes a training; heading, TITLES, row, result and record describe the training.
TASKS: dict[str, ModuleType] = {"digits": train_digits, "words": train_words}


def train(
    task: Annotated[str, typer.Option(help="digits: a network; words: word vectors, by row-sparse steps.")] = "digits",
    rule: Annotated[str, typer.Option(help=f"The update rule: {', '.join(RULES)}.")] = "adam",
    lr: Annotated[float | None, typer.Option(help="The learning rate; by default the rule's own.")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training set; by default 30 of digits, 3 of words.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Digits, or pairs of words, in a step; by default 32 or 512.")
    ] = None,
    hidden: Annotated[
        str | None,
        typer.Option(help="digits: the widths of the hidden layers; by default 64,32; an empty text for none."),
    ] = None,
    activation: Annotated[str | None, typer.Option(help="digits: relu (the default), tanh or sigmoid.")] = None,
    device: Annotated[str | None, typer.Option(help="digits: cpu (the default), or cuda, which needs CuPy.")] = None,
    sparse: Annotated[
        str | None,
        typer.Option(help="words: rows without a gradient: exact (the default), as if dense; lazy, left alone; dense."),
    ] = None,
    words: Annotated[
        int | None,
        typer.Option(help="words: how many words of the standard library's source to read; by default 400000."),
    ] = None,
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    seed: Annotated[int, typer.Option(help="Chooses the first weights and the order of the examples.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Train a network on scikit-learn's handwritten digits, each step compared and timed against plain NumPy;
    or word vectors on the source of Python's standard library, against dense gradients.

    Exit code 1 if the rule promises the other's bits and did not give them.
    """
    from rich.console import Console

    start = time.perf_counter()
    options = {
        **{"epochs": epochs, "batch_size": batch_size, "hidden": hidden, "activation": activation, "device": device},
        **{"sparse": sparse, "words": words},
    }
    with refusing(TypeError, ValueError, RuntimeError, MemoryError):
        chosen = _task(task)
        given = {name: value for name, value in options.items() if value is not None}
        for name in given.keys() - chosen.OPTIONS:
            raise ValueError(f"--{name} has no effect with --task {task}")
        training = chosen.prepare(rule, lr=lr, dtype=dtype, seed=seed, **given)
    out = Console(highlight=False, markup=False, quiet=as_json)
    out.soft_wrap = not out.is_terminal
    out.print(chosen.heading(training), "", sep="\n")
    passed = _run(chosen, training, out)
    summary = training.summary()
    seconds = time.perf_counter() - start
    if as_json:
        print(json.dumps(finite(_record(task, chosen, training, passed, summary, seconds)), allow_nan=False))
    else:
        _print(chosen.result(training, summary, seconds), out)
    if training.rule.exact and summary.same_bits is False:
        raise typer.Exit(1)


def _task(name: str) -> ModuleType:
    if name not in TASKS:
        raise ValueError(f"task must be {' or '.join(TASKS)}; got {name!r}")
    return TASKS[name]


def _run(task: ModuleType, training: Any, out: "Console") -> list[Any]:
    """Run a training, with a row for each epoch and a progress bar if the output is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = out if out.is_terminal and not out.quiet else Console(stderr=True)
    columns = (TextColumn("steps"), MofNCompleteColumn(), BarColumn(None), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, expand=True)
    out.print(task.TITLES, style="bold")
    passed = []
    with bar if console.is_terminal else contextlib.nullcontext():
        counted = bar.add_task("", total=training.steps)
        for epoch in training.run(lambda: bar.advance(counted)):
            passed.append(epoch)
            out.print(task.row(epoch))
    return passed


def _print(rows: dict[str, str], out: "Console") -> None:
    from rich.text import Text

    out.print()
    for name, text in rows.items():
        out.print(Text.assemble((f"{name:>14}", "bold"), f"  {text}") if name else "")


def _record(
    name: str, task: ModuleType, training: Any, passed: list[Any], summary: Any, seconds: float
) -> dict[str, Any]:
    """The record that --json prints; times in seconds, accuracies from 0 to 1."""
    from dataclasses import asdict

    import numpy as np

    from .. import __version__

    return {
        "task": name,
        "rule": training.rule.name,
        "hyper": training.hyper,
        **task.record(training),
        "dtype": training.dtype,
        "batch_size": training.batch_size,
        "seed": training.seed,
        "epochs": [asdict(epoch) for epoch in passed],
        **asdict(summary),
        "seconds": seconds,
        "versions": {"fastopt": __version__, "numpy": np.__version__, "python": sys.version.split()[0]},
    }
