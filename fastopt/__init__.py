"""Optimizers for NumPy and CuPy arrays: update rules written once, fused kernels on CPU and GPU, the same bits."""

from pathlib import Path as _Path

if not (_Path(__file__).parent / "kernels").is_dir():
    raise ImportError(
        "fastopt/kernels is not a folder: this clone was made without symbolic links. On Windows turn on developer "
        "mode, run `git config core.symlinks true` and `git checkout -- fastopt/kernels`; or install the wheel"
    )

from . import kernels
from .classes import CLASSES
from .loss_scale import LossScaler
from .monitors import BoldDriver, EarlyStopping, ReduceOnPlateau
from .optimizer import Optimizer
from .range_test import RangeTest, lr_find
from .sensitivity import Sweep, sweep

__version__ = "0.1.0"
__all__ = [
    "BoldDriver",
    "EarlyStopping",
    "LossScaler",
    "Optimizer",
    "RangeTest",
    "ReduceOnPlateau",
    "Sweep",
    "kernels",
    "lr_find",
    "sweep",
    *CLASSES,
]

globals().update(CLASSES)
