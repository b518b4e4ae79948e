"""Timing that can be trusted on a shared machine, the hardware on record, and files written whole."""

from .timing import Spread, interleaved, machine, ratio, spread, timed, whole, write

__all__ = ["Spread", "interleaved", "machine", "ratio", "spread", "timed", "whole", "write"]
