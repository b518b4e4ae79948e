"""The formulas against the peers' own: a reference derived from the rule proves only the derivation."""

from typing import Any

import numpy as np
import pytest
from peer_rows import DIFFERENT, ROWS, UNCOMPARED, Row
from peers import PATHS, Path

import fastopt
from fastopt.kernels import RULES

TOLERANCE = 1e-12


def random(generator: Any, shape: Any) -> Any:
    return generator.standard_normal(shape)


def sparse(generator: Any, shape: Any) -> Any:
    return np.where(generator.random(shape) < 0.1, generator.standard_normal(shape), 0.0)


def alternating(generator: Any, shape: Any) -> Any:
    high = 100 * generator.standard_normal(shape)
    high[1::2] = 0.0
    return high


def scaled(generator: Any, shape: Any) -> Any:
    """Each weight on a scale of its own, from far below every eps to far above."""
    return generator.standard_normal(shape) * 10.0 ** generator.uniform(-10, 4, shape[1])


KINDS = (random, sparse, alternating, scaled)
COUNT = 32


def problem(steps: int) -> tuple[np.ndarray, Path]:
    """The parameter and its gradients, COUNT weights of each kind.

    Every second weight starts at zero: it is the sum of its steps, whose errors no large start hides.
    """
    generator = np.random.default_rng(steps)
    start = generator.standard_normal(COUNT * len(KINDS))
    start[::2] = 0.0
    return start, list(np.concatenate([kind(generator, (steps, COUNT)) for kind in KINDS], axis=1))


def our_path(row: Row, start: np.ndarray, grads: Path) -> Path:
    parameter = start.copy()
    params, cut = (list(parameter[:, None]), list) if row.apart else (parameter, np.squeeze)
    optimizer = getattr(fastopt, row.ours)(params, **row.hyper)
    path = []
    for grad in grads:
        optimizer.step(cut(grad[:, None]))
        path.append(parameter.copy())
    return path


def worst_difference(ours: Path, theirs: Path) -> dict[str, float]:
    """The largest difference of each kind, relative to the largest that the weight has been by then.

    A weight is a sum, and a sum's rounding errors are relative to its largest partial sum, not to what it comes to.
    """
    a, b = np.array(ours), np.array(theirs)
    assert a.shape == b.shape
    assert np.all(np.isfinite(a) & np.isfinite(b))
    size = np.maximum.accumulate(abs(b), axis=0)
    relative = abs(a - b) / np.where(size == 0, 1.0, size)
    parts = np.split(relative, len(KINDS), axis=1)
    return {kind.__name__: float(part.max()) for kind, part in zip(KINDS, parts, strict=True)}


def difference(row: Row) -> dict[str, float]:
    start, grads = problem(row.steps)
    peer, name = row.peer.split(".")
    return worst_difference(our_path(row, start, grads), PATHS[peer](name, row.options, start, grads))


@pytest.mark.peers
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_rule_follows_its_peer(row: Row) -> None:
    worst = difference(row)
    assert max(worst.values()) < TOLERANCE, worst


@pytest.mark.peers
@pytest.mark.parametrize("row", DIFFERENT, ids=str)
def test_what_is_said_to_differ_differs(row: Row) -> None:
    assert max(difference(row).values()) > 1e6 * TOLERANCE, row.why


def test_every_rule_is_compared_or_has_a_reason() -> None:
    compared = {row.rule for row in ROWS}
    assert not compared & set(UNCOMPARED)
    assert compared | set(UNCOMPARED) == set(RULES)


def test_the_comparison_can_fail() -> None:
    start, grads = problem(3)
    path = our_path(ROWS[0], start, grads)
    assert max(worst_difference(path, path).values()) == 0
    for position, kind in ((0, "random"), (-1, "scaled")):
        wrong = [a.copy() for a in path]
        wrong[0][position] *= 1 + 2 * TOLERANCE
        assert TOLERANCE < worst_difference(wrong, path)[kind] < 3 * TOLERANCE
    with pytest.raises(AssertionError):
        worst_difference([a * np.nan for a in path], path)
