"""A short run under compute-sanitizer, where that is installed: accesses out of bounds, and races in shared memory."""

import importlib.metadata
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from .neighbours import ROOT
from .runner import Rows

TOOLS = ("memcheck", "racecheck")
_FOUND = 17  # the exit code by which the sanitizer says that it found something
_PLACES = ("/usr/local/cuda/bin", "/usr/local/cuda/compute-sanitizer")


def installed() -> str | None:
    """The program: on the path, in CUDA's folder, or of NVIDIA's wheel."""
    name = "compute-sanitizer"
    for place in (None, *_PLACES):
        if program := shutil.which(name, path=place):
            return program
    for wheel in ("nvidia-cuda-sanitizer-api", "nvidia-cuda-sanitizer-api-cu12"):
        try:
            files = importlib.metadata.files(wheel) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        if path := next((Path(str(file.locate())) for file in files if file.name == name), None):
            return str(path)
    return None


def rows(left: Callable[[], float]) -> Rows:
    """A row for each tool."""
    program = installed()
    for tool in TOOLS:
        if program is None:
            yield tool, {"skipped": "compute-sanitizer is not installed"}
            continue
        command = [program, "--tool", tool, "--error-exitcode", str(_FOUND), "--print-limit", "10"]
        command += [sys.executable, "-m", f"{__package__}.short_run"]
        began = time.monotonic()
        try:
            done = subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, timeout=max(1.0, left()), check=False
            )
        except subprocess.TimeoutExpired:
            yield tool, {"wrong": "it did not end in time"}
            continue
        lines = (done.stdout + done.stderr).splitlines()
        said = [line for line in lines if "SUMMARY" in line]
        row = {"exit_code": done.returncode, "summary": said, "seconds": round(time.monotonic() - began, 1)}
        # A run of which the sanitizer has seen nothing ends without a summary.
        wrong = lines[-30:] if done.returncode or not said else []
        yield tool, {**row, "wrong": wrong, "line": " ".join(said)}
