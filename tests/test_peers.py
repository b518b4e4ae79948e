"""The formulas against the peers' own: a reference derived from the rule proves only the derivation."""

import inspect
from typing import Any

import numpy as np
import pytest
from examples import docs
from paths import Path, relative
from peer_rows import ROWS as OTHERS
from peer_rows import UNCOMPARED, Other
from peers import Arrays, flat, peer_path

import fastopt
from fastopt import like
from fastopt.kernels import RULES

ROWS = docs("optimizer_rows").ROWS
STEPS = 50
TOLERANCE = 1e-12
ULP = float(np.finfo("float32").eps)


def random(generator: Any, shape: Any) -> Any:
    return generator.standard_normal(shape)


def sparse(generator: Any, shape: Any) -> Any:
    return np.where(generator.random(shape) < 0.1, generator.standard_normal(shape), 0.0)


def alternating(generator: Any, shape: Any) -> Any:
    high = 100 * generator.standard_normal(shape)
    high[1::2] = 0.0
    return high


def extreme(generator: Any, shape: Any) -> Any:
    """Each weight on a scale of its own, from far below every eps to far above."""
    return generator.standard_normal(shape) * 10.0 ** generator.uniform(-10, 4, shape[1])


KINDS = (random, sparse, alternating, extreme)
COUNT = 32
SHAPES = ((8, 12), (COUNT,))  # three kinds, and the last


def problem(steps: int = STEPS, dtype: str = "float64") -> tuple[Arrays, list[Arrays]]:
    """Two parameters and their gradients, COUNT weights of each kind.

    Every second weight starts at zero: it is the sum of its steps, whose errors no large start hides.
    """
    generator = np.random.default_rng(steps)
    start = generator.standard_normal(COUNT * len(KINDS))
    start[::2] = 0.0
    grads = np.concatenate([kind(generator, (steps, COUNT)) for kind in KINDS], axis=1)
    return parts(start.astype(dtype)), [parts(step.astype(dtype)) for step in grads]


def parts(weights: np.ndarray) -> Arrays:
    split = np.split(weights, [12 * 8])
    return [part.reshape(shape) for part, shape in zip(split, SHAPES, strict=True)]


def our_path(opt: Any, arrays: Arrays, grads: list[Arrays]) -> Path:
    path = []
    for step in grads:
        opt.step([grad.copy() for grad in step])
        path.append(flat(arrays))
    return path


def ours(row: Any, arrays: Arrays) -> Any:
    return getattr(getattr(like, row.peer), row.name)(arrays, **row.options)


def worst(ours: Path, theirs: Path) -> dict[str, float]:
    """The largest relative difference among the weights of each kind."""
    apart = np.split(relative(ours, theirs), len(KINDS), axis=1)
    return {kind.__name__: float(part.max()) for kind, part in zip(KINDS, apart, strict=True)}


@pytest.mark.peers
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_optimizer_follows_its_peer_in_float64(row: Any) -> None:
    start, grads = problem()
    arrays = [array.copy() for array in start]
    opt = ours(row, arrays)
    assert opt.rule.name == row.rule
    found = worst(our_path(opt, arrays, grads), peer_path(row.peer, row.name, row.options, start, grads))
    assert max(found.values()) < TOLERANCE, found


# What chooses among a peer's own ways of computing one formula.
WAYS: dict[str, list[dict[str, Any]]] = {"torch": [{"foreach": False}, {"foreach": True}, {"fused": True}]}


@pytest.mark.peers
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_optimizer_follows_its_peer_in_float32(row: Any) -> None:
    start, grads = problem(dtype="float32")
    theirs = []
    for way in WAYS.get(row.peer, [{}]):
        if set(way) <= set(inspect.signature(getattr(getattr(like, row.peer), row.name)).parameters):
            theirs.append(peer_path(row.peer, row.name, {**row.options, **way}, start, grads))
    # Another of its ways: the same in float64, from the same numbers.
    wide = [[grad.astype("float64") for grad in step] for step in grads]
    exact = peer_path(row.peer, row.name, row.options, [array.astype("float64") for array in start], wide)
    arrays = [array.copy() for array in start]
    path = our_path(ours(row, arrays), arrays, grads)
    for kind, apart in worst(path, theirs[0]).items():
        spread = max(worst(one, two)[kind] for one in theirs for two in [*theirs, exact])
        print(row, kind, apart / ULP, spread / ULP)
        assert apart <= max(4 * ULP, spread), (kind, apart / ULP, spread / ULP)


@pytest.mark.peers
@pytest.mark.parametrize("row", OTHERS, ids=str)
def test_rules_that_no_peer_has_by_name_follow_what_they_contain(row: Other) -> None:
    start, grads = problem()
    arrays = [array.copy() for array in start]
    pieces = [np.reshape(array, -1)[k : k + 1] for array in arrays for k in range(array.size)] if row.apart else arrays
    gradients = [[x for grad in step for x in grad.reshape(-1, 1)] if row.apart else step for step in grads]
    opt = getattr(fastopt, row.ours)(pieces, **row.hyper)
    path = []
    for step in gradients:
        opt.step(step)
        path.append(flat(arrays))
    peer, name = row.peer.split(".")
    found = worst(path, peer_path(peer, name, row.options, start, grads))
    assert max(found.values()) < TOLERANCE, found


def test_every_rule_is_compared_or_has_a_reason() -> None:
    compared = {row.rule for row in (*ROWS, *OTHERS)}
    assert not compared & set(UNCOMPARED)
    assert compared | set(UNCOMPARED) == set(RULES)


def test_the_comparison_can_fail() -> None:
    start, grads = problem(3)
    arrays = [array.copy() for array in start]
    path = our_path(ours(ROWS[0], arrays), arrays, grads)
    assert max(worst(path, path).values()) == 0
    for position, kind in ((0, "random"), (-1, "extreme")):
        wrong = [a.copy() for a in path]
        wrong[0][position] *= 1 + 2 * TOLERANCE
        assert TOLERANCE < worst(wrong, path)[kind] < 3 * TOLERANCE
    with pytest.raises(AssertionError):
        worst([a * np.nan for a in path], path)
