"""Writes like_trajectories.json beside it: weights that the peers' optimizers reach, by their own names and arguments.

The rows are those of docs/generators/optimizer_rows.py whose weights are kept; the start and the gradients are those of
peer_trajectories.json, the losses those of rate_free_trajectories.json. Run it with the packages of the extra `peers`:
PYTHONPATH=tests/support:docs/generators python tests/data/make_like_trajectories.py.
"""

import json
from typing import Any

from make_peer_trajectories import FILE as PROBLEM
from make_peer_trajectories import KEPT, flat, problem
from make_rate_free_trajectories import losses

FILE = PROBLEM.with_name("like_trajectories.json")


def kept(row: Any) -> list[list[float]]:
    """What a peer has after the steps of KEPT."""
    from peers import RUNS

    start, grads = problem()
    run, rows = RUNS[row.peer](row.name, row.options, start), []
    for t, (step, loss) in enumerate(zip(grads, losses(), strict=True), 1):
        run.step(step, loss if row.takes_loss else None)
        if t in KEPT:
            rows.append(flat(run.weights))
    return rows


def main() -> None:
    from optimizer_rows import ROWS

    lines = [f"{json.dumps(str(row))}: {json.dumps(kept(row))}" for row in ROWS if row.kept]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
