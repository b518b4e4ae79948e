"""What is no parameter among parameters: passed over, or refused with a way out."""

import enum
import functools
import types
from collections.abc import Iterable, Iterator, Mapping, MappingView, Set
from typing import Any

import numpy as np

from ..kernels.language.values import kind_of, shown
from ..kernels.libraries.library import SCALAR

# What a record may have beside its arrays: sizes, names, activations.
_BESIDE = (int, float, complex, np.integer, np.bool_, np.dtype, enum.Enum, type, functools.partial, np.ufunc)
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)


def passed_over(value: Any, record: bool) -> bool:
    """Whether a value among parameters is none of them: None and strings anywhere, numbers and functions in a record.

    record: whether it stands in a dataclass, a named tuple or a SimpleNamespace. A scalar of NumPy's float types is
    refused there too: it is what an operation makes of a parameter without dimensions.
    """
    if value is None or isinstance(value, str | bytes):
        return True
    return record and isinstance(value, (*_BESIDE, *_FUNCTIONS)) and not isinstance(value, np.inexact)


def refuse(value: Any, path: str) -> None:
    """Raise TypeError, with a way out, for a value among parameters that is no array."""
    if isinstance(value, np.generic | type) or not hasattr(value, "shape"):
        came = shown(value) if isinstance(value, int | float | complex | np.generic) else kind_of(value)
        raise TypeError(f"{path}: expected an array; got {came}{way_out(value, True)}")
    if getattr(value, "dtype", None) == np.dtype(object):
        raise TypeError(f"{path} is an array of objects; pass a list of its arrays: list(...)")


def way_out(value: Any, trained: bool) -> str:
    """What to do about a value where arrays are expected, as the rest of a sentence; empty if that is not known.

    trained: whether it stands among parameters, and not among what has their structure.
    """
    if isinstance(value, np.generic):
        return SCALAR if trained else ""
    if isinstance(value, int | float | complex):
        made = f"numpy.array({value + 0.0!r}, {'complex64' if isinstance(value, complex) else 'float32'!r})"
        return f", which cannot be changed in place: pass an array, {made}, or leave it out" if trained else ""
    if isinstance(value, MappingView):
        return "; pass the dict itself, so that its keys tell which gradient is whose"
    if isinstance(value, Mapping):
        return "; pass a dict of it: dict(...)"
    if isinstance(value, Set):
        return ", which has no order; pass a list or a dict"
    if isinstance(value, Iterator):
        return ", which can be read only once; pass a list of it: list(...)"
    if names := _with_arrays(value):
        quoted = ", ".join(map(repr, names))
        return f", which has arrays in attributes; name them, as in fastopt.attributes(..., {quoted})"
    return "; pass a list of it: list(...)" if isinstance(value, Iterable) else "; leave it out"


def _with_arrays(value: Any) -> list[str]:
    own = {} if isinstance(value, type) else getattr(value, "__dict__", {})
    return [name for name, held in own.items() if hasattr(held, "shape") and hasattr(held, "dtype")]
