"""Timing that can be trusted on a shared machine, the hardware on record, and files written whole."""

from .environment import hardware
from .files import whole, write
from .timing import Spread, interleaved, ratio, spread, timed

__all__ = ["Spread", "hardware", "interleaved", "ratio", "spread", "timed", "whole", "write"]
