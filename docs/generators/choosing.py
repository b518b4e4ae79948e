"""Runs that put statements on rates and schedules to the test.

Run as a program it writes choosing.json, and the picture of the page.

Three problems: the handwritten digits (64-32-10, 12 epochs of batches of 32, five seeds), a linear regression on
features of which each is half as frequent as the one before, and a saddle, x**2 / 2 - y**2 / 2 + y**4 / 4, from
(1, 1e-6).
`page` writes choosing.md: every sentence there stands beside the condition on the figures that makes it true.
"""

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import fastopt
from fastopt import schedules
from fastopt.train.digits import data as digits
from fastopt.train.digits import network

HERE, PAGES = Path(__file__).parent, Path(__file__).parents[1]
EPOCHS, BATCH, SEEDS, STEPS = 12, 32, 5, 2000
RULES = ("sgd", "momentum", "adagrad", "rmsprop", "adadelta", "adam", "adamax")
RATES = tuple(10 ** (k / 2) for k in range(-6, 2))
LOW, HIGH = 0.05, 0.5


def on_digits(lr: Callable[[int], Any], seed: int) -> tuple[list[float], float]:
    """The training loss after each epoch, and the test accuracy, by SGD with momentum; lr: of the number of steps."""
    generator = np.random.default_rng(seed)
    params = network.initialise((digits.FEATURES, 32, digits.CLASSES), seed=seed)
    (x, y), (test_x, test_y) = digits.load("float32", generator)
    opt = fastopt.SGD(params, lr=lr(EPOCHS * -(-len(x) // BATCH)), momentum=0.9)
    losses = []
    for _ in range(EPOCHS):
        order = generator.permutation(len(x))
        for first in range(0, len(order), BATCH):
            batch = order[first : first + BATCH]
            _, h = network.forward(params, x[batch])
            opt.step(network.backward(params, h, y[batch]))
        losses.append(float(network.cross_entropy(network.forward(params, x)[0][-1], y)))
    return losses, float(network.accuracy(network.forward(params, test_x)[0][-1], test_y))


def on_saddle(lr: Any) -> int:
    """The steps of SGD until y has left the saddle: |y| > 1/2."""
    p, t = np.array([1.0, 1e-6]), 0
    opt = fastopt.SGD(p, lr=lr)
    while abs(p[1]) <= 0.5:
        opt.step(np.array([p[0], p[1] ** 3 - p[1]]))
        t += 1
    return t


def on_sparse(rule: str, lr: Any) -> list[float]:
    """The error of each weight after STEPS steps; the most frequent feature first."""
    generator = np.random.default_rng(0)
    frequency, weights, p = 2.0 ** -np.arange(10), generator.standard_normal(10), np.zeros(10)
    opt = fastopt.Optimizer(p, rule, lr=lr)
    with np.errstate(all="ignore"):
        for _ in range(STEPS):
            x = (generator.random((16, 10)) < frequency) * generator.standard_normal((16, 10))
            opt.step(x.T @ (x @ (p - weights)) / 16)
    return [float(error) for error in np.nan_to_num(abs(p - weights), nan=1e300, posinf=1e300)]


SCHEDULES: dict[str, Callable[[float], Callable[[int], Any]]] = {
    "fixed": lambda lr: lambda steps: lr,
    "cosine": lambda lr: lambda steps: schedules.cosine(lr, steps=steps),
    "warm restarts": lambda lr: lambda steps: schedules.warm_restarts(lr, period=steps // 4),
    "triangular": lambda lr: lambda steps: schedules.triangular(lr / 10, lr, up=steps // 8),
}


def annealed(lr: float) -> Any:
    return schedules.cosine(lr, steps=STEPS)


def measured() -> dict[str, Any]:
    runs: dict[str, Any] = {}
    for name, of in SCHEDULES.items():
        for lr in (0.1, 0.3):
            found = [on_digits(of(lr), seed) for seed in range(SEEDS)]
            losses = [statistics.median(epoch) for epoch in zip(*(loss for loss, _ in found), strict=True)]
            accuracy = statistics.mean(one for _, one in found)
            runs[f"{name}, {lr}"] = {"losses": losses, "loss": losses[-1], "accuracy": accuracy}
            print(f"{name}, {lr}: loss {losses[-1]:.4f}, test accuracy {accuracy:.4f}", flush=True)
    mean = (LOW + HIGH) / 2
    cycle = schedules.triangular(LOW, HIGH, up=20)
    saddle = {"low": LOW, "triangular": cycle, "mean": mean, "high": HIGH}
    sparse = {}
    for rule, of in [*((rule, float) for rule in RULES), ("rmsprop", annealed)]:
        best = min(((on_sparse(rule, of(lr)), lr) for lr in RATES), key=lambda found: max(found[0]))
        sparse[rule if of is float else f"{rule}, cosine"] = {"lr": best[1], "errors": best[0]}
    return {"digits": runs, "saddle": {name: on_saddle(lr) for name, lr in saddle.items()}, "sparse": sparse}


def page(found: dict[str, Any]) -> str:
    """The text of choosing.md. Raises ValueError for a sentence that the figures do not support."""
    runs, saddle, sparse = found["digits"], found["saddle"], found["sparse"]

    def said(sentence: str, holds: bool) -> str:
        if not holds:
            raise ValueError(f"the figures do not support: {sentence}")
        return sentence

    def loss(name: str) -> float:
        return float(runs[name]["loss"])

    def accuracy(name: str) -> float:
        return float(runs[name]["accuracy"])

    table = ["| schedule, first rate | training loss | test accuracy |", "| --- | --- | --- |"]
    table += [f"| {name} | {run['loss']:.4f} | {run['accuracy']:.1%} |" for name, run in runs.items()]
    errors = ["| rule | best rate | error, frequent features | error, rare features |", "| --- | --- | --- | --- |"]
    errors += [
        f"| `{rule}` | {one['lr']:.2g} | {max(one['errors'][:3]):.1e} | {max(one['errors'][-3:]):.1e} |"
        for rule, one in sparse.items()
    ]
    rare = {rule: max(one["errors"][-3:]) for rule, one in sparse.items()}
    parts = [
        "# Choosing an optimizer and a schedule",
        "Written by docs/generators/generate.py from the runs of docs/generators/choosing.py. Each sentence was "
        "checked against the figures. [newcomers.md](newcomers.md) compares the rules, each at its best rate.",
        "## Cosine against a fixed rate",
        said(
            "Notes say that cosine annealing converges faster than a fixed rate. On the digits, with SGD and momentum, "
            f"that depends on the rate. From {0.3} it ends at a training loss of {loss('cosine, 0.3'):.3f}, where the "
            f"fixed rate, too high to settle, ends at {loss('fixed, 0.3'):.3f}.",
            loss("cosine, 0.3") < loss("fixed, 0.3") / 2,
        ),
        said(
            f"From 0.1, a rate at which nothing has to settle, the fixed rate is the faster one: "
            f"{loss('fixed, 0.1'):.3f} against {loss('cosine, 0.1'):.3f}.",
            loss("fixed, 0.1") < loss("cosine, 0.1"),
        ),
        said(
            f"So anneal, and start higher: cosine from 0.3 reaches the best test accuracy of the two, "
            f"{accuracy('cosine, 0.3'):.1%} against {accuracy('fixed, 0.1'):.1%} of the best fixed rate.",
            accuracy("cosine, 0.3") > max(accuracy("fixed, 0.1"), accuracy("fixed, 0.3")),
        ),
        "\n".join(table),
        "Medians of the training loss, means of the test accuracy, over five seeds.",
        "![Training loss against epochs](choosing.svg)",
        "## Warm restarts",
        said(
            "A restart costs at first: after the second jump, in epoch 7, the loss from 0.3 is above that of epoch 6. "
            f"At the end it is at {loss('warm restarts, 0.3'):.3f}, no worse than one long cosine's "
            f"{loss('cosine, 0.3'):.3f}.",
            runs["warm restarts, 0.3"]["losses"][6] > runs["warm restarts, 0.3"]["losses"][5]
            and loss("warm restarts, 0.3") <= 1.1 * loss("cosine, 0.3"),
        ),
        "## Cyclic rates at a saddle",
        said(
            f"Notes say that a cyclic rate helps to escape saddles. From {LOW} up to {HIGH} and back, 20 steps each "
            f"way, SGD leaves the saddle after {saddle['triangular']} steps, and at the fixed rate of {LOW} after "
            f"{saddle['low']}.",
            saddle["triangular"] < saddle["low"] / 2,
        ),
        said(
            f"But it is the height of the rate that does it, not the cycle: the mean of the two, fixed, takes "
            f"{saddle['mean']} steps, and {HIGH} takes {saddle['high']}.",
            saddle["high"] < saddle["mean"] <= saddle["triangular"],
        ),
        "## Rare features",
        "A linear regression with ten features, each half as frequent as the one before; the best of eight rates.",
        "\n".join(errors),
        said(
            f"Plain SGD, at the best rate for all, is still {rare['sgd']:.1e} off on the rare ones after {STEPS:,} "
            f"steps; Adagrad, which gives each weight a rate of its own, is {rare['adagrad']:.0e} off.",
            rare["adagrad"] < rare["sgd"] / 1e3,
        ),
        said(
            f"RMSprop's step keeps its size, so at a fixed rate it hovers, {rare['rmsprop']:.1e} off; annealed by a "
            f"cosine it ends at {rare['rmsprop, cosine']:.1e}.",
            rare["rmsprop, cosine"] < rare["rmsprop"] / 100,
        ),
    ]
    return "\n\n".join(parts) + "\n"


def draw(found: dict[str, Any], path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "fastopt"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    # Okabe & Ito's colours, told apart by the colour-blind too.
    colours = dict(zip(SCHEDULES, ("#000000", "#0072B2", "#D55E00", "#009E73"), strict=True))
    ends = sorted((run["loss"], name) for name, run in found["digits"].items() if name.endswith("0.3"))
    height = 0.0
    for loss, name in ends:
        losses, schedule = found["digits"][name]["losses"], name.partition(",")[0]
        axes.plot(range(1, EPOCHS + 1), losses, color=colours[schedule], linewidth=1.8)
        height = max(loss, 1.25 * height)  # labels apart from one another
        axes.annotate(schedule, (EPOCHS, loss), (EPOCHS + 0.25, height), color=colours[schedule], va="center")
    axes.set(yscale="log", xlabel="epoch", ylabel="training loss", xlim=(1, EPOCHS + 2.6))
    axes.set_xticks(range(1, EPOCHS + 1))
    axes.set_title("Digits, SGD with momentum, first rate 0.3: the median of five seeds", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    result = measured()
    draw(result, PAGES / "choosing.svg")
    (HERE / "choosing.json").write_text(json.dumps(result, indent=1) + "\n")
