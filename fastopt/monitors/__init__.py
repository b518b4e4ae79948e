"""Monitors of a loss: reduce on plateau and bold driver adapt the rate, early stopping ends a run."""

from .bold_driver import BoldDriver
from .early_stopping import EarlyStopping
from .plateau import ReduceOnPlateau

__all__ = ["BoldDriver", "EarlyStopping", "ReduceOnPlateau"]
