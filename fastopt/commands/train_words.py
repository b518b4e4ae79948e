"""The task of `fastopt train` on the words of the standard library, with steps compared with dense gradients."""

import math
from typing import TYPE_CHECKING, Any

from .figures import duration

if TYPE_CHECKING:
    from ..train.words.training import Epoch, Summary, Training

OPTIONS = {"epochs", "batch_size", "sparse", "words"}
TITLES = "epoch        loss    held out   rare words   frequent words        time"


def prepare(rule: str, **given: Any) -> "Training":
    from ..train.words.training import Training

    return Training(rule, **given)


def heading(training: "Training") -> str:
    corpus, hyper = training.corpus, ", ".join(f"{name}={value!r}" for name, value in training.hyper.items())
    return (
        f"{len(corpus.train.ids):,} words of Python's standard library to learn, {len(corpus.held_out.ids):,} held "
        f"out: {len(training.pairs[0]):,} pairs\n"
        f"two tables of {len(corpus.words):,} words, {training.tables['input'].shape[1]} wide, {training.dtype}\n"
        f"{training.rule.name}: {hyper}"
    )


def row(epoch: "Epoch") -> str:
    held_out = epoch.held_out
    return (
        f"{epoch.number:5d} {epoch.loss:11.4f} {held_out.all:11.4f} {held_out.rare:12.4f} {held_out.frequent:16.4f}"
        f" {epoch.seconds:10.1f} s"
    )


def result(training: "Training", summary: "Summary", seconds: float) -> dict[str, str]:
    start, end, own, dense = summary.start, summary.end, summary.step_seconds, summary.dense_seconds
    rare, frequent = training.held_out.rare_up_to, training.held_out.frequent_from
    ratio = f"{dense / own:.1f} times faster" if dense >= own else f"{own / dense:.1f} times slower"
    return {
        "held-out loss": f"{start.all:.3f} at first, {end.all:.3f} now",
        "of rare words": f"{start.rare:.3f} at first, {end.rare:.3f} now; up to {rare:.0f} times in the text",
        "of frequent": f"{start.frequent:.3f} at first, {end.frequent:.3f} now; {frequent:.0f} times or more",
        "optimizer step": (
            "not timed: the only step was the first"
            if math.isnan(own + dense)
            else f"{duration(own)}, against {duration(dense)} with dense gradients: {ratio}"
        ),
        "gradients": f"{summary.gradient_bytes / 1e6:.2f} MB a step, against {summary.dense_bytes / 1e6:.2f} MB",
        "as if dense": _verdict(training, summary),
        "whole run": duration(seconds),
        "": "",
        **{
            word: f"{', '.join(name for name, _ in near)}   ({count:,} times)"
            for word, count, near in training.examples()
        },
    }


def _verdict(training: "Training", summary: "Summary") -> str:
    if summary.same_bits is None:
        return f"not compared: the run was {training.sparse}"
    steps = "the first step" if summary.compared == 1 else f"the first {summary.compared} steps"
    if summary.same_bits:
        return f"yes, the same bits after {steps}"
    return f"{'WRONG' if training.rule.exact else 'no'}: others after {steps}"


def record(training: "Training") -> dict[str, Any]:
    return {
        "sparse": training.sparse,
        "vocabulary": len(training.corpus.words),
        "width": training.tables["input"].shape[1],
        "words": {"train": len(training.corpus.train.ids), "held_out": len(training.corpus.held_out.ids)},
        "pairs": len(training.pairs[0]),
        "rare_up_to": training.held_out.rare_up_to,
        "frequent_from": training.held_out.frequent_from,
        "neighbours": {word: dict(near) for word, _, near in training.examples()},
    }
