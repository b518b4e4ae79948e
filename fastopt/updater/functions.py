"""Functions of the step where an optimizer is copied or pickled: those that cannot go along are refused by name."""

import copyreg
import inspect
import io
import pickle
from collections.abc import Sequence
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from ..kernels.by_value import refused


def check_copied(place: str, value: Any, monitors: Sequence[Any], but: type, by_value: bool) -> None:
    """Raise TypeError if functions in the value have called monitors that its copy would not have: the copy would still
    call the same ones.

    place: how messages name the hyperparameter. but: instances of this are not looked into. by_value: look into
    functions that no module has by their name, which only a pickler that takes them by value can take at all.
    """
    if not monitors:
        return
    reached = _Reached(but, by_value)
    reached.dump(value)
    if lost := [type(monitor).__name__ for monitor in monitors if id(monitor) not in reached.ids]:
        told = f"the function {value.__qualname__}" if isinstance(value, FunctionType) else repr(value)
        raise TypeError(
            f"{place} is {told}, which calls a {' and '.join(lost)} by a function. Python does not copy functions, so "
            "a copied optimizer would go on with the monitor of this one; multiply instead, as in plateau * 0.1 or "
            "plateau * schedule, which is copied with its monitor"
        )


def by_value_only(place: str, value: Any, but: type) -> list[Any]:
    """What stands before a function of the step that pickle cannot take, so that its error says so; else nothing.

    but: instances of this are taken for good.
    """
    if not callable(value):
        return []
    try:
        _Trial(but).dump(value)
    except Exception as error:
        return [
            refused(
                f"{place} is a function of the step that cannot be pickled ({error}); write it at the top level of a "
                "module, or take a schedule of fastopt.schedules"
            )
        ]
    return []


class _Trial(pickle.Pickler):
    """Pickles to nowhere, without arrays, and without what may lead back to the optimizer."""

    def __init__(self, but: type) -> None:
        super().__init__(io.BytesIO())
        self._but: tuple[type, ...] = (but, np.ndarray)

    def persistent_id(self, value: Any) -> Any:
        return 0 if isinstance(value, self._but) or hasattr(type(value), "__dlpack__") else None


class _Reached(_Trial):
    """Goes through what a copy of a value is made of. ids: those of all objects that it has met.

    Functions are not copied, nor what refuses to be.
    """

    def __init__(self, but: type, by_value: bool) -> None:
        super().__init__(but)
        self.ids: set[int] = set()
        self._but = *self._but, type, BuiltinFunctionType, ModuleType
        self._by_value = by_value

    def persistent_id(self, value: Any) -> Any:
        self.ids.add(id(value))
        return super().persistent_id(value)

    def reducer_override(self, value: Any) -> Any:
        try:
            parts = self._parts(value)
        except Exception:
            parts = ()
        return dict, (), parts

    def _parts(self, value: Any) -> Any:
        if isinstance(value, FunctionType):
            if not self._by_value or _found(value):
                return ()
            outside = inspect.getclosurevars(value)
            return outside.nonlocals, outside.globals, value.__defaults__, value.__kwdefaults__
        reduce = copyreg.dispatch_table.get(type(value))
        made: Any = reduce(value) if reduce else value.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        return () if isinstance(made, str) else [tuple(part) if hasattr(part, "__next__") else part for part in made]


def _found(function: FunctionType) -> bool:
    """Whether pickle finds a function by its name."""
    try:
        pickle.dumps(function)
    except Exception:
        return False
    return True
