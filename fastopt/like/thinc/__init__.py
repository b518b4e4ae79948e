"""thinc by its own names."""

from .optimizers import SGD, Adam, RAdam

__all__ = ["SGD", "Adam", "RAdam"]
