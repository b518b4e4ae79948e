"""The origin of the results: the GPU, its clocks, driver and libraries, and the commit."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

from fastopt import measure

from .device import Gpu
from .neighbours import ROOT

CLOCKS = "clocks.sm,clocks.mem,clocks.max.sm,clocks.max.mem,temperature.gpu,power.draw"


def header(command: str, gpu: Gpu, commit: str | None) -> dict[str, Any]:
    """All that is known before the first section."""
    return {
        "command": command,
        "commit": commit or os.environ.get("FASTOPT_COMMIT") or _commit(),
        "machine": {**measure.hardware(), "gpu": gpu.about(), "driver": _driver()},
        "clocks": clocks(),
    }


def _commit() -> str:
    """The commit that is checked out, with "-dirty" where files differ from it; "unknown" outside of a repository."""
    return _output(["git", "-C", str(ROOT), "describe", "--always", "--abbrev=40", "--dirty"]) or "unknown"


def _driver() -> str:
    return _smi("driver_version").get("driver_version", "unknown: there is no nvidia-smi")


def clocks() -> dict[str, str]:
    """The clocks as they are now, those of a busy GPU if it was busy just before; empty without nvidia-smi."""
    return _smi(CLOCKS)


def _smi(query: str) -> dict[str, str]:
    """nvidia-smi's answers of the first GPU that CUDA may use."""
    device = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0] or "0"
    answer = _output(["nvidia-smi", "-i", device, f"--query-gpu={query}", "--format=csv,noheader"])
    return dict(zip(query.split(","), (part.strip() for part in answer.split(",")), strict=False)) if answer else {}


def _output(command: Sequence[str]) -> str:
    """The output of a command; an empty text if the command is missing or fails."""
    if not shutil.which(command[0]):
        return ""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
