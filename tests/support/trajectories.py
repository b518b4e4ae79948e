"""The weights that the peers' packages reached, as tests/data/make_peer_trajectories.py wrote them."""

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data"
TRAJECTORIES: dict[str, Any] = json.loads((DATA / "peer_trajectories.json").read_text())
