"""The task of `fastopt train` on handwritten digits, with each step checked against plain NumPy."""

import math
from typing import TYPE_CHECKING, Any

from .figures import duration

if TYPE_CHECKING:
    from ..train.digits.training import Epoch, Summary, Training

OPTIONS = {"epochs", "batch_size", "hidden", "activation", "device"}
TITLES = "epoch        loss   train accuracy   test accuracy        time"


def prepare(rule: str, *, hidden: str | None = None, **given: Any) -> "Training":
    from ..train.digits.training import Training

    if hidden is not None:
        given["hidden"] = _widths(hidden)
    return Training(rule, **given)


def _widths(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")] if text.strip() else []
    except ValueError:
        raise ValueError(f"hidden must be whole numbers with commas, as in 64,32; got {text!r}") from None


def heading(training: "Training") -> str:
    hyper = ", ".join(f"{name}={value!r}" for name, value in training.hyper.items())
    return (
        f"{len(training.train_set[0]):,} handwritten digits to learn, {len(training.test_set[0]):,} to test\n"
        f"layers of {'-'.join(map(str, training.sizes))}, {training.activation}: {training.parameters:,} parameters, "
        f"{training.dtype}, {training.device}\n"
        f"{training.rule.name}: {hyper}"
    )


def row(epoch: "Epoch") -> str:
    return (
        f"{epoch.number:5d} {epoch.loss:11.4f} {epoch.train_accuracy:14.1%} {epoch.test_accuracy:15.1%}"
        f" {epoch.seconds * 1e3:10.0f} ms"
    )


def result(training: "Training", summary: "Summary", seconds: float) -> dict[str, str]:
    return {
        "test accuracy": f"{summary.test_accuracy:.1%}",
        "optimizer step": _speed(training, summary),
        "first step": f"{duration(summary.first_step_seconds)}, the kernel compiled or loaded from the cache",
        "NumPy's bits": _verdict(training, summary),
        "whole run": f"{duration(seconds)}, checks included",
    }


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


def record(training: "Training") -> dict[str, Any]:
    return {
        "layers": training.sizes,
        "activation": training.activation,
        "parameters": training.parameters,
        "device": training.device,
    }
