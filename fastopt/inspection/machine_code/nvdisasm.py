"""NVIDIA's disassembler of machine code."""

import importlib.metadata
import shutil
import subprocess
import tempfile
from pathlib import Path


def disassembler() -> str | None:
    """nvdisasm of the wheel nvidia-cuda-nvdisasm, which is as new as NVRTC's; else on the path; else None."""
    try:
        files = importlib.metadata.files("nvidia-cuda-nvdisasm") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    return next((str(file.locate()) for file in files if file.stem == "nvdisasm"), None) or shutil.which("nvdisasm")


def disassembled(cubin: bytes) -> str:
    """The machine code of a cubin as text. Raises FileNotFoundError where there is no disassembler."""
    command = disassembler()
    if command is None:
        raise FileNotFoundError(
            "nvdisasm is neither on the path nor in this environment: pip install nvidia-cuda-nvdisasm, or see --ptx"
        )
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "kernel.cubin"
        place.write_bytes(cubin)
        done = subprocess.run([command, "--print-code", str(place)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command} cannot read this machine code: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
