"""The hardware and the versions that a figure belongs to."""

import contextlib
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    *("fastopt", "numpy", "ml_dtypes", "numba", "llvmlite", "numba-cuda", "cupy", "cupy-cuda12x", "cupy-cuda13x"),
    *("torch", "deepspeed", "jax", "optax", "thinc", "spacy", "scikit-learn"),
)


def hardware() -> dict[str, Any]:
    """The hardware and the versions that a figure belongs to."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    versions = {}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return {
        "processor": model or platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "versions": versions,
    }
