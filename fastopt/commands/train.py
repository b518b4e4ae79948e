"""`fastopt train`: a first training run, with each step checked against plain NumPy."""

import contextlib
import json
import math
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..kernels import RULES
from . import refusing
from .figures import duration, finite

if TYPE_CHECKING:
    from rich.console import Console

    from ..train import Epoch, Summary, Training


def train(
    rule: Annotated[str, typer.Option(help=f"The update rule: {', '.join(RULES)}.")] = "adam",
    lr: Annotated[float | None, typer.Option(help="The learning rate; by default the rule's own.")] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the training set.")] = 30,
    batch_size: Annotated[int, typer.Option(help="Digits in a step.")] = 32,
    hidden: Annotated[str, typer.Option(help="The widths of the hidden layers; an empty text for none.")] = "64,32",
    activation: Annotated[str, typer.Option(help="relu, tanh or sigmoid.")] = "relu",
    device: Annotated[str, typer.Option(help="cpu, or cuda, which needs CuPy.")] = "cpu",
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    seed: Annotated[int, typer.Option(help="Chooses first weights, the test set and the order of the digits.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Train a network on scikit-learn's handwritten digits; compare and time each step against plain NumPy.

    Exit code 1 if the rule promises NumPy's bits and did not give them.
    """
    from rich.console import Console

    start = time.perf_counter()
    with refusing(TypeError, ValueError, RuntimeError, MemoryError):
        from ..train import Training

        training = Training(
            rule,
            lr=lr,
            epochs=epochs,
            batch_size=batch_size,
            hidden=_widths(hidden),
            activation=activation,
            device=device,
            dtype=dtype,
            seed=seed,
        )
    out = Console(highlight=False, markup=False, quiet=as_json)
    out.soft_wrap = not out.is_terminal
    out.print(_heading(training), "", sep="\n")
    passed = _run(training, out)
    summary = training.summary()
    if as_json:
        print(json.dumps(finite(_record(training, passed, summary, time.perf_counter() - start)), allow_nan=False))
    else:
        _print_summary(training, summary, time.perf_counter() - start, out)
    if summary.promised and summary.same_bits is False:
        raise typer.Exit(1)


def _widths(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")] if text.strip() else []
    except ValueError:
        raise ValueError(f"hidden must be whole numbers with commas, as in 64,32; got {text!r}") from None


def _run(training: "Training", out: "Console") -> list["Epoch"]:
    """Run it, with a row for each epoch and a progress bar where a person watches."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = out if out.is_terminal and not out.quiet else Console(stderr=True)
    columns = (TextColumn("steps"), MofNCompleteColumn(), BarColumn(None), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, expand=True)
    out.print("epoch        loss   train accuracy   test accuracy        time", style="bold")
    passed = []
    with bar if console.is_terminal else contextlib.nullcontext():
        task = bar.add_task("", total=training.steps)
        for epoch in training.run(lambda: bar.advance(task)):
            passed.append(epoch)
            out.print(
                f"{epoch.number:5d} {epoch.loss:11.4f} {epoch.train_accuracy:14.1%} {epoch.test_accuracy:15.1%}"
                f" {epoch.seconds * 1e3:10.0f} ms"
            )
    return passed


def _heading(training: "Training") -> str:
    hyper = ", ".join(f"{name}={value!r}" for name, value in training.hyper.items())
    return (
        f"{len(training.train_set[0]):,} handwritten digits to learn, {len(training.test_set[0]):,} to test\n"
        f"layers of {'-'.join(map(str, training.sizes))}, {training.activation}: {training.parameters:,} parameters, "
        f"{training.dtype}, {training.device}\n"
        f"{training.rule.name}: {hyper}"
    )


def _print_summary(training: "Training", summary: "Summary", seconds: float, out: "Console") -> None:
    from rich.text import Text

    rows = {
        "test accuracy": f"{summary.test_accuracy:.1%}",
        "optimizer step": _speed(training, summary),
        "first step": f"{duration(summary.first_step_seconds)}, the kernel compiled or loaded from the cache",
        "NumPy's bits": _verdict(training, summary),
        "whole run": f"{duration(seconds)}, checks included",
    }
    out.print()
    for name, text in rows.items():
        out.print(Text.assemble((f"{name:>14}", "bold"), f"  {text}"))


def _speed(training: "Training", summary: "Summary") -> str:
    fused, plain = summary.step_seconds, summary.plain_seconds
    if math.isnan(fused):
        return "not timed: the only step was the first"
    ratio = f"{plain / fused:.1f} times faster" if plain >= fused else f"{fused / plain:.1f} times slower"
    library = "NumPy" if training.device == "cpu" else "CuPy"
    return f"{duration(fused)}, against {duration(plain)} in plain {library}: {ratio}"


def _verdict(training: "Training", summary: "Summary") -> str:
    name = training.rule.name
    if summary.same_bits is None:
        return f"not compared: {name} takes a norm or a sum over the whole model"
    if summary.differs_at is None:
        steps = "1 step" if summary.steps == 1 else f"each of {summary.steps:,} steps"
        verdict = f"yes, in parameters and state, after {steps}"
    else:
        step, array = summary.differs_at
        verdict = f"{'WRONG' if summary.promised else 'no'}: others from step {step:,} on, in {array}"
    promise = "" if summary.promised else f"\n{'':16}(not promised: {name} takes a power, exp or log of arrays)"
    return verdict + promise


def _record(training: "Training", passed: list["Epoch"], summary: "Summary", seconds: float) -> dict[str, Any]:
    """What --json prints; times in seconds, accuracies from 0 to 1."""
    from dataclasses import asdict

    import numpy as np

    from .. import __version__

    return {
        "rule": training.rule.name,
        "hyper": training.hyper,
        "layers": training.sizes,
        "activation": training.activation,
        "parameters": training.parameters,
        "dtype": training.dtype,
        "device": training.device,
        "batch_size": training.batch_size,
        "seed": training.seed,
        "epochs": [asdict(epoch) for epoch in passed],
        **asdict(summary),
        "seconds": seconds,
        "versions": {"fastopt": __version__, "numpy": np.__version__, "python": sys.version.split()[0]},
    }
