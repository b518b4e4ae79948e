"""Optimizers for NumPy and CuPy arrays: update rules written once, fused kernels on CPU and GPU, the same bits."""

from importlib import import_module as _import_module
from pathlib import Path as _Path
from types import ModuleType as _ModuleType

if not (_Path(__file__).parent / "kernels").is_dir():
    raise ImportError(
        "fastopt/kernels is not a folder: this clone was made without symbolic links. On Windows turn on developer "
        "mode, run `git config core.symlinks true` and `git checkout -- fastopt/kernels`; or install the wheel"
    )

from . import kernels
from .classes import CLASSES
from .loss_scale import LossScaler
from .optimizer import Optimizer

__version__ = "0.1.0"
__all__ = ["LossScaler", "Optimizer", "kernels", "like", "schedules", *CLASSES]

globals().update(CLASSES)


# Imported when first asked for, so that they cost nothing to those who do without.
def __getattr__(name: str) -> _ModuleType:
    if name in ("like", "schedules"):
        return _import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
