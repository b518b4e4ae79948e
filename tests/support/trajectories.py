"""The weights that the peers' packages reached, as the programs in tests/data wrote them."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parents[1] / "data"
TRAJECTORIES: dict[str, Any] = json.loads((DATA / "peer_trajectories.json").read_text())
# With the same start and gradients.
RATE_FREE: dict[str, Any] = json.loads((DATA / "rate_free_trajectories.json").read_text())
TOLERANCE = 1e-12


def split(flat: Any) -> list[np.ndarray]:
    """Arrays of the files' shapes from their numbers, one after the other."""
    sizes = [math.prod(shape) for shape in TRAJECTORIES["shapes"]]
    parts = np.split(np.array(flat), np.cumsum(sizes)[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, TRAJECTORIES["shapes"], strict=True)]
