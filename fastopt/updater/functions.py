"""Functions of the step where an optimizer is copied or pickled: those that cannot go along are refused by name."""

import io
import pickle
from collections.abc import Sequence
from types import FunctionType
from typing import Any

import numpy as np


def check_copied(place: str, value: Any, monitors: Sequence[Any]) -> None:
    """Raise TypeError for a plain function that has called monitors: a copy of it would still call the same ones.

    place: how messages name the hyperparameter.
    """
    if isinstance(value, FunctionType) and monitors:
        names = " and ".join(type(monitor).__name__ for monitor in monitors)
        raise TypeError(
            f"{place} is the function {value.__qualname__}, which calls a {names}. Python does not copy functions, so "
            "a copied optimizer would go on with the monitor of this one; multiply instead, as in plateau * 0.1 or "
            "plateau * schedule, which is copied with its monitor"
        )


def check_pickled(place: str, value: Any, but: type) -> None:
    """Raise TypeError for a function of the step that cannot be pickled. but: instances of this are taken for good."""
    if not callable(value):
        return
    try:
        _Trial(but).dump(value)
    except Exception as error:
        raise TypeError(
            f"{place} is a function of the step that cannot be pickled ({error}); write it at the top level of a "
            "module, or take a schedule of fastopt.schedules"
        ) from error


class _Trial(pickle.Pickler):
    """Pickles to nowhere, without arrays, and without what may lead back to the optimizer."""

    def __init__(self, but: type) -> None:
        super().__init__(io.BytesIO())
        self._but = but, np.ndarray

    def persistent_id(self, value: Any) -> Any:
        return 0 if isinstance(value, self._but) else None
