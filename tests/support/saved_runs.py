"""Runs to save in the middle: every rule with a schedule, clips, an average, skipped steps, a loss scale and groups."""

import sys
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from examples import DTYPES

import fastopt
from fastopt import schedules
from fastopt.kernels import RULES

STEPS = 7


# What a tree has beside dense arrays of its type, which share a kernel; each of these has one of its own.
KINDS = ("dense", "strided", "bfloat16")


def parameters(seed: int = 0, dtype: str = "float32", kind: str = "every") -> Any:
    """A tree with a transposed array, an empty and a 0-d one, and one of a kind, or of every kind."""
    generator = np.random.default_rng(seed)

    def draw(*shape: int) -> Any:
        return np.asarray(generator.standard_normal(shape), DTYPES[dtype])

    other, table = draw(4, 6), draw(7, 2)
    if kind in ("strided", "every"):
        other = other[:, ::2]
    if kind in ("bfloat16", "every"):
        table = table.astype(ml_dtypes.bfloat16)
    return {
        "layers": [{"W": draw(5, 3).T, "b": draw(3)}, {"W": other, "b": draw(0)}],
        "table": table,
        "scale": draw(),
        3: draw(2, 2, 2),
    }


def gradients(step: int, params: Any) -> Any:
    """Those of a step; at step 4 one is infinite, at odd steps one is None."""
    generator = np.random.default_rng(100 + step)

    def like(array: Any) -> Any:
        # It lies as the parameter does: other layouts have kernels of their own.
        made = np.empty_like(array)
        made[...] = 1024 * generator.standard_normal(array.shape)
        return made

    grads = {
        "layers": [{name: like(array) for name, array in layer.items()} for layer in params["layers"]],
        **{name: like(params[name]) for name in ("table", "scale", 3)},
    }
    if step == 4:
        grads["table"][0, 0] = np.inf
    if step % 2:
        grads[3] = None
    return grads


def optimizer(name: str, params: Any, dtype: str = "float32", alone: bool = False) -> Any:
    """With everything that has a state of its own, or the rule alone."""
    rule = RULES[name]
    if alone:
        return fastopt.Optimizer(params, rule)
    with_rate = "lr" in rule.hyper and "lr" not in rule.starts_from
    plateau = fastopt.ReduceOnPlateau(patience=0)
    options: dict[str, Any] = {"clip_norm": 5.0}
    if rule.average is None:
        options["ema"] = 0.9
    if dtype != "float64":
        options["cast_to"] = "bfloat16"
    if with_rate:
        options["lr"] = plateau * schedules.cosine(0.01, steps=20, warmup=3)
        of_model = "lr" in rule.program(rule.hyper).of_model
        options["groups"] = {"layers": {"lr": 0.0 if of_model else 0.02}}
    return fastopt.Optimizer(params, rule, loss_scaler=fastopt.LossScaler(1024.0, interval=3), **options)


def run(opt: Any, first: int, last: int) -> None:
    """The steps from first to last, and what the monitor sees."""
    for step in range(first, last + 1):
        opt.step(gradients(step, opt.params), **opt.rule.told(1.0 / step))
        for monitor in opt.monitors:
            monitor.update(1.0 / (step % 3 + 1), opt)


if __name__ == "__main__":
    folder, *names = sys.argv[1:]
    for name in names:
        resumed = optimizer(name, parameters(seed=9))
        report = resumed.load(Path(folder, f"{name}.half"))
        run(resumed, report.user["step"] + 1, STEPS)
        resumed.save(Path(folder, f"{name}.resumed"))
