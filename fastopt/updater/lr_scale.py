"""Learning rates of single elements and rows: arrays that multiply lr."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..kernels.language.values import shown
from ..kernels.libraries.library import array_like, view_of
from .groups import matches
from .sparsity_factor import SparsityFactor


def lr_scales(
    given: Mapping[str, Any] | None, names: Sequence[str], arrays: Sequence[Any], paths: Sequence[str]
) -> list[list[Any]]:
    """For each parameter the array that multiplies its lr, broadcast to its shape; empty lists if none is given.

    given: arrays by pattern, as for groups; later patterns win. Raises ValueError for an array that does not broadcast,
    TypeError for an array of another library or type than the parameter's computation.
    """
    if not given:
        return [[] for _ in names]
    scales = []
    for name, array, path in zip(names, arrays, paths, strict=True):
        chosen = [(pattern, value) for pattern, value in given.items() if matches(name, pattern)]
        pattern, value = chosen[-1] if chosen else ("", None)
        if value is None:
            view = view_of(array, path)[1]
            parts = view.array
            unit = array_like(parts.reshape(-1)[:1] if parts.shape else parts, 1.0, None, path).reshape(())
            scales.append([_broadcast(unit, view.shape)])
        else:
            scales.append([_fitting(value, array, f"lr_scale[{pattern!r}]", path)])
    return scales


def _fitting(value: Any, parameter: Any, name: str, path: str) -> Any:
    if isinstance(value, SparsityFactor):
        if not parameter.shape or value.factor.shape[0] != parameter.shape[0]:
            raise ValueError(
                f"{name} has a factor for each of {value.factor.shape[0]} features, but {path} has shape "
                f"{parameter.shape}; make the SparsityFactor with as many features as {path} has rows"
            )
        value = value.factor.reshape(-1, *[1] * (len(parameter.shape) - 1))
    if not hasattr(value, "shape"):
        pattern = name.removeprefix("lr_scale")
        raise TypeError(
            f"{name} must be an array or a SparsityFactor; got {shown(value)}; for one rate pass "
            f"groups={{{pattern[1:-1]}: {{'lr': ...}}}}"
        )
    library, view = view_of(value, name)
    wanted, ours = view_of(parameter, path)
    if library.BACKEND != wanted.BACKEND or view.device != ours.device:
        raise TypeError(
            f"{name} is a {view.kind} on {view.device} but {path} is a {ours.kind} on {ours.device}; put both on one"
        )
    if view.complex:
        raise TypeError(f"{name} is {view.own_type}; a rate is a real number: pass its real part, {name}.real")
    compute = "float64" if ours.storage == "float64" else "float32"
    if (view.storage == "float64") != (compute == "float64"):
        raise TypeError(
            f"{name} is {view.storage} but {path} is computed in {compute}; convert it with {name}.astype({compute!r})"
        )
    try:
        # Both parts of a complex number have one rate.
        return _broadcast(value[..., None] if ours.complex else value, ours.shape)
    except ValueError:
        raise ValueError(
            f"{name} has shape {tuple(value.shape)}, which does not broadcast to {path} of shape {parameter.shape}"
        ) from None


def _broadcast(array: Any, shape: Sequence[int]) -> Any:
    # A read-only view in NumPy; CuPy arrays answer by CuPy's own function.
    return np.broadcast_to(array, tuple(shape))
