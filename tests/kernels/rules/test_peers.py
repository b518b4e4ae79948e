"""The formulas against the peers' own: a reference derived from the rule proves only the derivation."""

import inspect
import itertools
from typing import Any

import numpy as np
import pytest
from examples import docs
from paths import Path, relative
from peer_gradients import COUNT, KINDS, TOLERANCE
from peer_rows import ROWS as OTHERS
from peer_rows import UNCOMPARED, Other
from peers import RUNS, Arrays, flat, peer_path
from trajectories import RATE_FREE, TRAJECTORIES

import fastopt
from fastopt import like
from fastopt.kernels import RULES

EVERY = docs("optimizer_rows").ROWS
# Of the others test_kept.py has weights, to which it holds the formulas.
ROWS = [row for row in EVERY if not row.kept]
STEPS = 50
ULP = float(np.finfo("float32").eps)


SHAPES = ((8, 12), (COUNT,))  # three kinds, and the last


def problem(steps: int = STEPS) -> tuple[Arrays, list[Arrays]]:
    """Two parameters and their gradients, COUNT weights of each kind, of numbers that float32 has too.

    Every second weight starts at zero: it is the sum of its steps, whose errors no large start hides.
    """
    generator = np.random.default_rng(steps)
    start = generator.standard_normal(COUNT * len(KINDS))
    start[::2] = 0.0
    grads = np.concatenate([kind(generator, (steps, COUNT)) for kind in KINDS], axis=1)
    return parts(start), [parts(step) for step in grads]


def parts(weights: np.ndarray) -> Arrays:
    split = np.split(weights.astype("float32").astype("float64"), [12 * 8])
    return [part.reshape(shape) for part, shape in zip(split, SHAPES, strict=True)]


def our_path(opt: Any, arrays: Arrays, grads: list[Arrays]) -> Path:
    """All weights of an optimizer at its start and after each step."""
    path = [flat(arrays)]
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


# What chooses among a peer's own ways of computing one formula.
WAYS: dict[str, list[dict[str, bool]]] = {
    "torch": [{"foreach": False}, {"foreach": True}, {"fused": True}],
    "keras": [{}, {"wide": False}, {"wide": False, "jit": True}],
    "optax": [{}, {"wide": False}, {"wide": False, "jit": True}],
    "thinc": [{}],
}


@pytest.mark.peers
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_optimizer_follows_its_peer(row: Any) -> None:
    start, grads = problem()
    exact = peer_path(row.peer, row.name, row.options, start, grads)
    arrays = [array.copy() for array in start]
    opt = ours(row, arrays)
    assert opt.rule.name == row.rule
    found = worst(our_path(opt, arrays, grads), exact)
    assert max(found.values()) < row.tolerance, found

    start, grads = [array.astype("float32") for array in start], [[g.astype("float32") for g in step] for step in grads]
    known = inspect.signature(getattr(getattr(like, row.peer), row.name)).parameters
    ways = [way for way in WAYS[row.peer] if row.peer != "torch" or set(way) <= set(known)]
    theirs = [peer_path(row.peer, row.name, row.options, start, grads, **way) for way in ways]
    arrays = [array.copy() for array in start]
    share, largest = float32_distances(our_path(ours(row, arrays), arrays, grads), [*theirs, exact])
    assert share <= 0.05
    assert largest <= 4


def float32_distances(path: Path, theirs: list[Path]) -> tuple[float, float]:
    """How far a path in float32 is from the nearest of a peer's, in units of 4 ulp or of how far these are apart.

    Returns the share of all weights in all steps that is farther than that, and how far the farthest is. The largest of
    6,528 sums of rounding errors, of which some are those of a difference of nearly equal numbers, is no steady figure:
    in one way of rounding it is often twice what it is in another.
    """
    apart = max(float(relative(one, two).max()) for one, two in itertools.combinations(theirs, 2))
    near = np.min([relative(path, one) for one in theirs], axis=0) / max(4 * ULP, apart)
    return float(np.mean(near > 1)), float(near.max())


@pytest.mark.peers
@pytest.mark.parametrize("row", OTHERS, ids=str)
def test_rules_that_no_peer_has_by_name_follow_what_they_contain(row: Other) -> None:
    start, grads = problem()
    arrays = [array.copy() for array in start]
    pieces = [np.reshape(array, -1)[k : k + 1] for array in arrays for k in range(array.size)] if row.apart else arrays
    gradients = [[x for grad in step for x in grad.reshape(-1, 1)] if row.apart else step for step in grads]
    opt = getattr(fastopt, row.ours)(pieces, **row.hyper)
    path = [flat(arrays)]
    for step in gradients:
        opt.step(step)
        path.append(flat(arrays))
    peer, name = row.peer.split(".")
    found = worst(path, peer_path(peer, name, row.options, start, grads))
    assert max(found.values()) < TOLERANCE, found


AVERAGES = [("keras", "SGD", {"use_ema": True, "ema_momentum": 0.9}), ("thinc", "SGD", {"learn_rate": 0.1})]


@pytest.mark.peers
@pytest.mark.parametrize(("peer", "name", "options"), AVERAGES)
def test_averages_of_the_weights_are_the_peers(peer: str, name: str, options: dict[str, Any]) -> None:
    start, grads = problem()
    arrays = [array.copy() for array in start]
    opt, run = getattr(getattr(like, peer), name)(arrays, **options), RUNS[peer](name, options, start)
    mine, theirs = [flat(start)], [flat(start)]
    for step in grads:
        run.step(step)
        opt.step([grad.copy() for grad in step])
        theirs.append(flat(run.averages))
        mine.append(flat(opt.ema))
    assert max(worst(mine, theirs).values()) < TOLERANCE


def test_every_rule_is_compared_or_has_a_reason() -> None:
    kept = [*TRAJECTORIES["rows"].values(), *RATE_FREE["rows"].values()]
    compared = {row.rule for row in (*EVERY, *OTHERS)} | {row["rule"] for row in kept}
    assert not compared & set(UNCOMPARED)
    assert compared | set(UNCOMPARED) == set(RULES)


def test_the_comparison_can_fail() -> None:
    start, grads = problem(3)
    arrays = [array.copy() for array in start]
    path = our_path(ours(ROWS[0], arrays), arrays, grads)
    assert max(worst(path, path).values()) == 0
    for position, kind in ((0, "random"), (-1, "extreme")):
        wrong = [a.copy() for a in path]
        wrong[1][position] *= 1 + 2 * TOLERANCE
        assert TOLERANCE < worst(wrong, path)[kind] < 3 * TOLERANCE
    with pytest.raises(AssertionError):
        worst([a * np.nan for a in path], path)


def test_the_comparison_in_float32_can_fail() -> None:
    path = [np.ones(100, "float32")] * 4
    for other, unit in ((np.ones(100), 4), (np.full(100, 1 + 16 * ULP), 16)):
        theirs = [path, [other] * 4]
        assert float32_distances(path, theirs) == (0.0, 0.0)
        wrong = [a.copy() for a in path]
        wrong[3][:10] = 1 - 2 * unit * ULP
        assert float32_distances(wrong, theirs) == pytest.approx((0.025, 2.0), rel=1e-5)
