"""What watches a loss and adapts the rate to it: reduce on plateau, bold driver; what stops a run early."""

from .bold_driver import BoldDriver
from .early_stopping import EarlyStopping
from .plateau import ReduceOnPlateau

__all__ = ["BoldDriver", "EarlyStopping", "ReduceOnPlateau"]
