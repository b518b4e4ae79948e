"""The sections of `speed`."""

from . import large, launch, models, tail
from .device import Gpu
from .runner import Section


def sections(gpu: Gpu, jobs: int) -> list[Section]:
    """The sections, the most important first."""
    return [
        Section("AdamW on one large array", 90, lambda left: large.adamw(gpu)),
        Section("the lists of models", 90, lambda left: models.models(gpu)),
        Section("the tail of a training step", 60, lambda left: tail.rows(gpu)),
        Section("kernels side by side", 40, lambda left: large.side_by_side(gpu)),
        Section("captured steps", 60, lambda left: models.captured(gpu)),
        Section("every rule", 120, lambda left: large.every_rule(gpu)),
        Section("launch parameters", 90, lambda left: launch.rows(gpu)),
    ]
