"""The formulas against the peers' own: a reference derived from the rule proves only the derivation."""

from typing import Any

import numpy as np
import pytest
from paths import Path, path_of, relative
from peer_rows import DIFFERENT, ROWS, UNCOMPARED, Row
from peers import PATHS

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
    pieces = list(parameter[:, None]) if row.apart else [parameter]
    optimizer = getattr(fastopt, row.ours)(pieces, **row.hyper)
    return path_of(optimizer, parameter, [np.split(grad, len(pieces)) for grad in grads])


def worst(ours: Path, theirs: Path) -> dict[str, float]:
    """The largest relative difference among the weights of each kind."""
    parts = np.split(relative(ours, theirs), len(KINDS), axis=1)
    return {kind.__name__: float(part.max()) for kind, part in zip(KINDS, parts, strict=True)}


def difference(row: Row) -> dict[str, float]:
    start, grads = problem(row.steps)
    peer, name = row.peer.split(".")
    return worst(our_path(row, start, grads), PATHS[peer](name, row.options, start, grads))


@pytest.mark.peers
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_rule_follows_its_peer(row: Row) -> None:
    found = difference(row)
    assert max(found.values()) < TOLERANCE, found


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
    assert max(worst(path, path).values()) == 0
    for position, kind in ((0, "random"), (-1, "scaled")):
        wrong = [a.copy() for a in path]
        wrong[0][position] *= 1 + 2 * TOLERANCE
        assert TOLERANCE < worst(wrong, path)[kind] < 3 * TOLERANCE
    with pytest.raises(AssertionError):
        worst([a * np.nan for a in path], path)
