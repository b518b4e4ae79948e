"""The peers' optimizers by name against weights that the peers reached, kept as data: the formula in plain NumPy."""

import json
import sys
from typing import Any

import numpy as np
import pytest
from examples import docs
from paths import relative
from peer_names import made, path_of_formula
from trajectories import DATA, RATE_FREE, TOLERANCE, split
from trajectories import TRAJECTORIES as PROBLEM

FILE = json.loads((DATA / "like_trajectories.json").read_text())
ROWS = [row for row in docs("optimizer_rows").ROWS if row.kept]


def apart(opt: Any, kept: list[list[float]]) -> float:
    """How far the formula of an optimizer is from what was kept."""
    path = list(path_of_formula(opt, [split(grads) for grads in PROBLEM["grads"]], RATE_FREE["losses"]))
    return float(relative([path[t - 1] for t in PROBLEM["steps"]], [np.array(weights) for weights in kept]).max())


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_formula_behind_a_name_reaches_the_peers_weights(row: Any) -> None:
    opt = made(row.peer, row.name, split(PROBLEM["start"]), **row.options)
    assert opt.rule.name == row.rule
    assert apart(opt, FILE[str(row)]) <= TOLERANCE


def test_the_comparison_can_fail() -> None:
    row = next(row for row in ROWS if "alpha" in row.options)
    other = {**row.options, "alpha": row.options["alpha"] * (1 + 1e-9)}
    opt = made(row.peer, row.name, split(PROBLEM["start"]), **other)
    assert apart(opt, FILE[str(row)]) > TOLERANCE


@pytest.mark.peers
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_peers_still_reach_the_kept_weights(row: Any) -> None:
    sys.path.insert(0, str(DATA))
    try:
        import make_like_trajectories
    finally:
        sys.path.remove(str(DATA))
    kept = [np.array(weights) for weights in make_like_trajectories.kept(row)]
    assert relative(kept, [np.array(weights) for weights in FILE[str(row)]]).max() <= TOLERANCE


def test_the_rows_are_those_of_the_file() -> None:
    assert [str(row) for row in ROWS] == list(FILE)
