"""Optimizers for NumPy and CuPy arrays: update rules written once, fused kernels on CPU and GPU, the same bits."""

from importlib import import_module as _import_module
from pathlib import Path as _Path
from typing import Any as _Any

if not (_Path(__file__).parent / "kernels").is_dir():
    raise ImportError(
        "fastopt/kernels is not a folder: this clone was made without symbolic links. On Windows turn on developer "
        "mode, run `git config core.symlinks true` and `git checkout -- fastopt/kernels`; or install the wheel"
    )

from . import kernels
from .checkpoint.restore import LoadReport
from .kernels.arrays.row_sparse import RowSparse
from .optimizer.classes import CLASSES
from .optimizer.optimizer import Optimizer
from .trees.attributes import attributes
from .updater.loss_scale import LossScaler
from .updater.sparsity_factor import SparsityFactor
from .updater.sync import SyncReport

__version__ = "0.1.0"
__all__ = [
    "BoldDriver",
    "EarlyStopping",
    "LoadReport",
    "LossScaler",
    "Optimizer",
    "RangeTest",
    "ReduceOnPlateau",
    "RowSparse",
    "SparsityFactor",
    "Sweep",
    "SyncReport",
    "attributes",
    "kernels",
    "lab",
    "like",
    "lr_find",
    "schedules",
    "sweep",
    *CLASSES,
]

globals().update(CLASSES)

# Names that are imported at their first use, with the module that holds them; None for a module itself.
_LATER = {
    **dict.fromkeys(("lab", "like", "schedules"), None),
    **dict.fromkeys(("BoldDriver", "EarlyStopping", "ReduceOnPlateau"), "monitors"),
    **dict.fromkeys(("RangeTest", "lr_find"), "studies.range_test"),
    **dict.fromkeys(("Sweep", "sweep"), "studies.sweep"),
}


def __getattr__(name: str) -> _Any:
    if name not in _LATER:
        raise AttributeError(f"module 'fastopt' has no attribute {name!r}")
    module = _LATER[name]
    imported = _import_module(f".{module or name}", __name__)
    globals()[name] = getattr(imported, name) if module else imported
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
