"""Arrays of every library: to which library and backend they belong, and what a library is asked for."""

import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from ..arrays.checks import check
from ..arrays.overlaps import check_overlaps
from ..arrays.view import View, absent_like, as_complex, as_pairs, compute_type, not_float, over_blocks
from ..language.storages import INTEGERS, blocks_of
from ..language.values import kind_of, shown
from ..program.spelling import as_written
from ..program.stages import Program
from ..system import memory_for
from . import host

# What a message says of a scalar of NumPy's where an array is expected.
SCALAR = (
    ", a scalar that cannot be changed in place: make it an array, numpy.array(...). Where w has no dimensions, w - g "
    "is such a scalar; w -= g keeps the array"
)


class Library(Protocol):
    """The functions of every library's module.

    BACKEND: the backend that updates its arrays.
    """

    BACKEND: str

    def view(self, array: Any, name: str) -> View:
        """How an array lies. Raises TypeError or ValueError that names it."""

    def full_like(self, view: View, value: float, dtype: str, shape: tuple[int, ...] | None = None) -> Any:
        """A new array in the shape and the order of memory of another, or in a shape, on its device; complex, of
        numbers with two parts of the value and the type, where the other is complex."""

    def to_host(self, view: View, name: str) -> Any:
        """The values that the view has, as a NumPy array: its own memory where NumPy can share that, else a copy."""

    def filling(self, view: View, values: Any) -> Callable[[], Any]:
        """A function that sets the array to the values of a NumPy array of the view's shape and type."""

    def copy(self, source: View, target: View) -> None:
        """Set an array to the values of another of its shape and library, rounded to its type."""


def library_of(array: Any) -> Library:
    """The module of an array's library. Imports no library.

    Raises TypeError for an object that is no array.
    """
    if type(array) in (np.ndarray, np.memmap):
        return host
    cupy = sys.modules.get("cupy")
    if cupy is not None and isinstance(array, cupy.ndarray):
        from . import cupy_arrays

        return cupy_arrays
    if isinstance(array, np.ndarray):
        raise TypeError(
            f"{kind_of(array)} computes by rules of its own; pass the plain array, numpy.asarray(...), which shares "
            "its memory"
        )
    if isinstance(array, np.generic | int | float | list | tuple) or not hasattr(array, "shape"):
        came = kind_of(array) if isinstance(array, Iterable) else shown(array)
        plain = isinstance(array, int | float | complex | list | tuple)
        remedy = SCALAR if isinstance(array, np.generic) else "; pass an array, numpy.array(...)" if plain else ""
        raise TypeError(f"expected an array; got {came}{remedy}")
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(array, torch.Tensor):
        from . import torch_cuda

        return torch_cuda if array.is_cuda else host  # a tensor that requires grad raises when asked for an interface
    if hasattr(array, "__cuda_array_interface__"):
        from . import cuda_interface

        return cuda_interface
    if hasattr(array, "__array_interface__") or hasattr(array, "__dlpack__"):
        return host
    raise TypeError(
        f"{kind_of(array)} is not an array that fastopt knows, since it has none of __array_interface__, __dlpack__ "
        "and __cuda_array_interface__; pass numpy.asarray(...)"
    )


def view_of(array: Any, name: str) -> tuple[Library, View]:
    """The library of an array and its view. Raises TypeError or ValueError that names it, as for an array of
    integers."""
    library, view = state_view_of(array, name)
    if view.storage in INTEGERS:
        raise not_float(array, view.storage, name)
    return library, view


def state_view_of(array: Any, name: str) -> tuple[Library, View]:
    """As `view_of`, for an array that may be one of state in integers."""
    try:
        library = library_of(array)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None
    return library, library.view(array, name)


def view_in(program: Program, own: str, array: Any, name: str) -> tuple[Library, View]:
    """As `view_of`, for an array that a program calls `own`, of which some may be integers."""
    return (state_view_of if own in program.may_be_integers else view_of)(array, name)


def as_array(gradient: Any) -> Any:
    """A gradient as an array, if it is a scalar of NumPy's, as reductions give for a parameter without dimensions."""
    return np.asarray(gradient) if isinstance(gradient, np.generic) else gradient


def check_parameters(arrays: Sequence[Any], names: Sequence[str]) -> list[str]:
    """The stored types of arrays; raises TypeError or ValueError unless they can be the parameters of one optimizer."""
    pairs = [view_of(array, name) for array, name in zip(arrays, names, strict=True)]
    (first_library, first), *_ = pairs
    for (library, view), name in zip(pairs, names, strict=True):
        check([view], [name], [0])
        if (library.BACKEND, view.device) != (first_library.BACKEND, first.device):
            raise TypeError(
                f"{name} is a {view.kind} on {view.device} but {names[0]} is a {first.kind} on {first.device}; make "
                "one optimizer for each library and device"
            )
    every = range(len(pairs))
    check_overlaps([view for _, view in pairs], names.__getitem__, every, every)
    return [view.storage for _, view in pairs]


def check_meaning(program: Program, own_type: str, name: str) -> None:
    """Raise TypeError for a parameter of a complex type, of which the formula takes what only real arrays have."""
    if program.of_real is not None and own_type.startswith("complex"):
        raise TypeError(
            f"{program.name} takes {as_written(program.of_real)}, which here would be the largest part, not the "
            f"largest modulus; {name} is {own_type}: pass real arrays"
        )


def views_of(
    program: Program,
    sets: Sequence[Sequence[Any]],
    label: Callable[[int, str], str],
    without: Collection[int] = (),
    casts: bool | None = None,
) -> tuple[str, Any]:
    """The backend and the checked views of the arrays of each set; raises before anything is changed.

    An array that a set may lack (`Program.beside`) may be None; it has a view in any case, that of an absent array.
    without: the sets whose gradient is row-sparse or not there; it is not looked at and has None for its view. casts:
    whether a gradient is cast to the type in which its parameter is computed with; None where nobody could choose so.
    """
    written = [k for k, name in enumerate(program.arrays) if name in program.stages[-1].writes]
    rates = [k for k, name in enumerate(program.arrays) if name in program.rates]
    beside = [k for k, name in enumerate(program.arrays) if name in program.beside]
    scaled = [(program.arrays.index(name), program.arrays.index(codes)) for name, codes in program.scales.items()]
    used = ""
    result: list[list[View | None]] = []
    flat: list[tuple[View, int, int]] = []
    for position, arrays in enumerate(sets):
        absent = [k for k in beside if arrays[k] is None]
        there = [k for k in range(len(arrays)) if (k != 1 or position not in without) and k not in absent]
        names = [label(position, program.arrays[k]) for k in there]
        pairs = [view_in(program, program.arrays[k], arrays[k], name) for k, name in zip(there, names, strict=True)]
        views = dict(zip(there, (view for _, view in pairs), strict=True))
        if casts and 1 in views:
            views[1] = views[1].cast_to(views[0].compute)
        gradient = 1 if casts is False and 1 in views else None
        changed, of_parts = ([there.index(k) for k in some if k in views] for some in (written, rates))
        seen = views | {
            k: over_blocks(views[k], views[of], label(position, program.arrays[k])) for k, of in scaled if k in views
        }
        check([*seen.values()], names, changed, of_parts, gradient)
        check_meaning(program, pairs[0][1].own_type, names[0])
        for (library, view), name in zip(pairs, names, strict=True):
            used = used or library.BACKEND
            if used != library.BACKEND:
                raise TypeError(f"{name} is a {view.kind}, not of the same library as the other arrays; convert it")
        _check_beside(program, views, names)
        placed = seen | {k: absent_like(views[0]) for k in absent}
        result.append([placed.get(k) for k in range(len(arrays))])
        flat += [(view, position, k) for k, view in views.items()]
    everywhere = {place for place, (_, _, k) in enumerate(flat) if k in written}
    parameters = {place for place, (_, _, k) in enumerate(flat) if k == 0}
    every = [view for view, _, _ in flat]
    check_overlaps(every, lambda at: label(flat[at][1], program.arrays[flat[at][2]]), everywhere, parameters)
    return used, result


def _check_beside(program: Program, views: Mapping[int, View], names: Sequence[str]) -> None:
    """Raise TypeError for an array that has another beside it, or lacks one, which is of another stored type."""
    for name, (first, kinds) in program.beside.items():
        view, k = views[program.arrays.index(first)], program.arrays.index(name)
        if (view.storage in kinds) is not (k in views):
            had = f"has state {name!r}, that of {' or '.join(kinds)}" if k in views else f"has no state {name!r}"
            label = names[[*views].index(program.arrays.index(first))]
            raise TypeError(
                f"{label} is {view.own_type}, but {had}; put an array of the type before there, or call opt.sync() to "
                f"begin {label} anew"
            )


def array_like(array: Any, value: float, dtype: str | None, name: str) -> Any:
    """A new array in the shape and order of memory of a parameter, on its device, filled with a value.

    dtype: a stored type; None for that of state: float32, or float64 for float64. A complex array has parts of that
    type, each of the value. name: how messages name the array.
    """
    library, view = view_of(array, name)
    dtype = dtype or compute_type([view.storage])
    if dtype == "bfloat16":
        import ml_dtypes  # noqa: F401  (NumPy then knows the name)
    with memory_for(f"an array of {dtype} like {name}", "Free some, or choose a rule or options with fewer arrays"):
        return library.full_like(view, value, dtype)


def scales_like(array: Any, value: float, name: str) -> Any:
    """A new array of scales for codes like a parameter, on its device: one for each block, of a value."""
    library, view = view_of(array, name)
    with memory_for(f"the scales of codes like {name}", "Free some, or choose a rule or options with fewer arrays"):
        return library.full_like(view, value, "float32", (blocks_of(view.size),))


def to_host(array: Any, name: str) -> Any:
    """The values of an array as a NumPy array: its own memory where NumPy can share that, else a copy."""
    library, view = state_view_of(array, name)
    values = library.to_host(view, name)
    return as_complex(values) if view.complex else values


def copy(source: Any, target: Any, name: str) -> None:
    """Set an array to the values of another of its shape and library, rounded to its type.

    Values that are too large for it become infinite without a warning, as in a step. name: how messages name both.
    """
    library, view = state_view_of(source, name)
    with np.errstate(all="ignore"):
        library.copy(view, state_view_of(target, name)[1])


def assignable(array: Any, name: str) -> Any:
    """The array of real numbers to assign to: on the CPU NumPy's view of the memory, whatever the library."""
    return view_of(array, name)[1].array


def filling(array: Any, values: Any, name: str) -> Callable[[], Any]:
    """A function that sets an array to the values of a NumPy array of its shape and type."""
    library, view = state_view_of(array, name)
    return library.filling(view, as_pairs(values) if view.complex else values)
