"""A run that moves between a peer and fastopt in the middle is the run that stayed."""

from typing import Any

import numpy as np
import pytest
from examples import docs
from paths import relative
from peers import RUNS, Arrays, flat, peer_path

from fastopt import like

ROWS = [row for row in docs("optimizer_rows").ROWS if row.peer != "thinc"]
SHAPES = [(4, 5), (7,)]
HALF = 10
TOLERANCE = 1e-12


def problem(dtype: str = "float64") -> tuple[Arrays, list[Arrays]]:
    generator = np.random.default_rng(0)
    start = [generator.standard_normal(shape).astype(dtype) for shape in SHAPES]
    grads = [[generator.standard_normal(shape).astype(dtype) for shape in SHAPES] for _ in range(2 * HALF)]
    return start, grads


def ours(row: Any, arrays: Arrays) -> Any:
    return getattr(getattr(like, row.peer), row.name)(arrays, **row.options)


def distance(weights: Arrays, path: list[np.ndarray]) -> float:
    """How far the weights are from where the path ends."""
    return float(relative([*path[:-1], flat(weights)], path).max())


@pytest.mark.peers
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_run_moves_in_the_middle(row: Any) -> None:
    start, grads = problem()
    stayed = peer_path(row.peer, row.name, row.options, start, grads)

    there = RUNS[row.peer](row.name, row.options, start)
    for step in grads[:HALF]:
        there.step(step)
    arrays = [array.copy() for array in there.weights]
    here = ours(row, arrays)
    there.give(here)
    assert here.t == HALF
    for step in grads[HALF:]:
        here.step(step)
    assert distance(arrays, stayed) < TOLERANCE

    arrays = [array.copy() for array in start]
    here = ours(row, arrays)
    for step in grads[:HALF]:
        here.step([grad.copy() for grad in step])
    there = RUNS[row.peer](row.name, row.options, arrays)
    there.take(here)
    for step in grads[HALF:]:
        there.step(step)
    assert distance(there.weights, stayed) < TOLERANCE


def test_the_comparison_can_fail() -> None:
    start, grads = problem()
    path = [flat(start), flat(start)]
    moved = [array.copy() for array in start]
    moved[1][3] *= 1 + 3 * TOLERANCE
    assert distance(start, path) == 0
    assert TOLERANCE < distance(moved, path) < 4 * TOLERANCE
