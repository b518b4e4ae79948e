"""The weights that the peers' packages reached, as tests/data/make_peer_trajectories.py wrote them."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parents[1] / "data"
TRAJECTORIES: dict[str, Any] = json.loads((DATA / "peer_trajectories.json").read_text())


def split(flat: Any) -> list[np.ndarray]:
    """Arrays of the file's shapes from their numbers, one after the other."""
    sizes = [math.prod(shape) for shape in TRAJECTORIES["shapes"]]
    ends = np.cumsum(sizes)[:-1]
    return [
        part.reshape(shape) for part, shape in zip(np.split(np.array(flat), ends), TRAJECTORIES["shapes"], strict=True)
    ]
