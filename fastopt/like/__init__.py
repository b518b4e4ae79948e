"""Other libraries by their own names, arguments and defaults: a user who moves changes an import.

An argument that cannot be honoured here is an error that says so, unless it has the value at which it does nothing.
"""

from . import keras, optax, thinc, torch

__all__ = ["keras", "optax", "thinc", "torch"]
