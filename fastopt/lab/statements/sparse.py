"""What the documents say of sparse features: data with one dense column and one sparse one."""

import functools
from typing import Any

import numpy as np

from ...optimizer.optimizer import Optimizer
from ..runs import RATES
from ..statement import Finding, Statement

SHARE, BATCH, STEPS, NOISE = 0.02, 8, 1000, 0.3
WEIGHTS = np.array([2.3, 1.7])
# When rules are compared.
EARLY = 200
RULES = ("sgd", "momentum", "adagrad", "rmsprop", "adam")


def _batches() -> Any:
    """Inputs (BATCH, 2) and the noise of the targets, in the same order for every rule."""
    generator = np.random.default_rng(0)
    for _ in range(STEPS):
        x = generator.standard_normal((BATCH, 2))
        x[:, 1] *= generator.random(BATCH) < SHARE
        yield x, NOISE * generator.standard_normal(BATCH)


def _gradient(x: Any, noise: Any, p: Any, alone: bool) -> Any:
    # Sums spelt out: a matrix product has other last bits on other machines.
    error = x[:, 1] * (p[1] - WEIGHTS[1]) - noise
    if not alone:
        error = error + x[:, 0] * (p[0] - WEIGHTS[0])
    return np.array([0.0 if alone else (x[:, 0] * error).mean(), (x[:, 1] * error).mean()])


@functools.cache
def way(rule: str, lr: float, alone: bool = False) -> Any:
    """The weights from (0, 0) on, of the dense column and the sparse one; (STEPS + 1, 2). alone: without the dense."""
    p, ways = np.zeros(2), [np.zeros(2)]
    opt = Optimizer(p, rule, lr=lr)
    with np.errstate(all="ignore"):
        for x, noise in _batches():
            opt.step(_gradient(x, noise, p, alone))
            ways.append(p.copy())
    return np.array(ways)


@functools.cache
def best_way(rule: str) -> tuple[float, Any]:
    """The rate with the smallest mean distance from the true weights over the second half, and its way."""
    ways = [(lr, way(rule, lr)) for lr in RATES if 1e-3 <= lr <= 1]
    return min(ways, key=lambda one: np.nan_to_num(np.abs(one[1][STEPS // 2 :] - WEIGHTS).mean(), nan=np.inf))


def small_derivative() -> Finding:
    gradients = np.array([_gradient(x, noise, np.zeros(2), False) for x, noise in _batches()])
    present = gradients[:, 1] != 0
    dense, sparse = abs(gradients).mean(axis=0)
    met = abs(gradients[present, 1]).mean()
    return Finding(
        f"At the start the sparse column's derivative is 0 in {1 - present.mean():.0%} of the batches of {BATCH}; its "
        f"mean size is {sparse / dense:.2f} of the dense one's, and {met / dense:.2f} where it is not 0.",
        {"it is small, since it is mostly zero": bool(sparse < 0.5 * dense)},
    )


def effective_updates() -> Finding:
    told, left = [], {}
    for rule in RULES:
        _, path = best_way(rule)
        left[rule] = abs(path[EARLY] - WEIGHTS)
        told.append(f"{rule} {left[rule][0]:.2f} and {left[rule][1]:.2f}")
    return Finding(
        f"After {EARLY} steps at its best rate, the errors of the dense and the sparse weight: {'; '.join(told)}.",
        {
            "with plain descent the sparse weight learns little": bool(left["sgd"][1] > 0.25 * WEIGHTS[1]),
            **{
                f"{rule} brings the sparse weight further": bool(left[rule][1] < left["sgd"][1])
                for rule in ("adagrad", "rmsprop", "adam")
            },
        },
    )


def proportionate() -> Finding:
    lr, adagrad = best_way("adagrad")
    plain_lr, plain = best_way("sgd")
    ours, theirs = (float(path[EARLY // 2, 1] / path[EARLY // 2, 0]) for path in (adagrad, plain))
    return Finding(
        f"After {EARLY // 2} steps Adagrad (lr {lr:g}) has gone {ours:.2f} times as far for the sparse weight as for "
        f"the dense one, SGD (lr {plain_lr:g}) {theirs:.2f} times.",
        {"Adagrad moves proportionately in both directions": 0.5 < ours < 2, "SGD does not": theirs < 0.5},
    )


def hindered() -> Finding:
    lr, beside = best_way("adagrad")
    alone = way("adagrad", lr, alone=True)
    steps = [int((abs(path[:, 1] / WEIGHTS[1] - 1) < 0.1).argmax()) for path in (beside, alone)]
    return Finding(
        f"Adagrad (lr {lr:g}) brings the sparse weight within a tenth of the truth in {steps[0]} steps beside the "
        f"dense column, and in {steps[1]} with the dense column taken away.",
        {"the dense column slows the sparse weight by more than a tenth": steps[0] > 1.1 * steps[1]},
    )


STATEMENTS = (
    Statement(
        "sparse-derivative",
        "The derivative for the weight of a sparse feature tends to be small, as the feature is mostly zero",
        f"A linear regression on two columns, one of them 0 in {1 - SHARE:.0%} of the rows",
        small_derivative,
        "sparse-paths",
    ),
    Statement(
        "sparse-updates",
        "In gradient descent the weights of sparse features barely change; adaptive rates give them meaningful updates",
        "The regression, 1,000 steps, best of seven rates",
        effective_updates,
        "sparse-errors",
    ),
    Statement(
        "sparse-proportionate",
        "Adagrad moves proportionately in the directions of sparse and dense features",
        "The regression",
        proportionate,
        "sparse-paths",
    ),
    Statement(
        "sparse-hindered",
        "Adagrad's dense history hinders the sparse direction, on data",
        "The regression with and without the dense column",
        hindered,
        "sparse-errors",
    ),
)
