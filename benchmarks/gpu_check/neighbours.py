"""The scripts beside this package and the tests' examples, which lie in no package."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]


def neighbour(folder: str, name: str) -> ModuleType:
    """A module of a folder of the repository; the folder is on the path while it is imported, and no longer."""
    place = str(ROOT / folder)
    sys.path.insert(0, place)
    try:
        return import_module(name)
    finally:
        sys.path.remove(place)


examples = neighbour("tests/support", "examples")
own_rules = neighbour("tests/support", "own_rules")
lists = neighbour("benchmarks", "lists")
step_compare = neighbour("benchmarks", "step_compare")
step_peers = neighbour("benchmarks", "step_peers")
step_tail = neighbour("benchmarks", "step_tail")
