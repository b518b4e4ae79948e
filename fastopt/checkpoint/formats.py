"""Checkpoints of older formats: each function converts a checkpoint to the next format."""

from collections.abc import Callable
from typing import Any

from .file import Checkpoint
from .made import OURS


def _to_format_2(saved: Checkpoint) -> Checkpoint:
    """Centered RMSprop keeps the variance of the gradients, not their mean square. The steps of the run are counted.

    What t counts was not said: None.
    """
    steps = saved.state.get("steps")
    counts = [count for count in steps.values() if type(count) is int] if isinstance(steps, dict) else []
    added: dict[str, Any] = {"applied": max(counts, default=0), "count": None, "averaged_since": {}}
    return saved.remade({**saved.state, **added, "format": 2}, OURS.get(str(saved.state.get("rule")), {}))


def _to_format_3(saved: Checkpoint) -> Checkpoint:
    """Each average has means of its own, with their decays. Which these were was not said."""
    rest = {name: value for name, value in saved.state.items() if name != "averaged_since"}
    since, steps, means = saved.state.get("averaged_since"), rest.get("steps"), None
    if isinstance(since, dict) and isinstance(steps, dict):
        counts = {key: (steps.get(key), own) for key, own in since.items()}
        means = {
            key: {
                "ema": {"earlier": 1.0, "decay": None, "run": count - own if type(count) is type(own) is int else own}
            }
            for key, (count, own) in counts.items()
        }
    return saved.remade({**rest, "means": means, "format": 3}, {})


# For each older format the function that converts a checkpoint to the next format.
UPGRADES: dict[int, Callable[[Checkpoint], Checkpoint]] = {1: _to_format_2, 2: _to_format_3}
