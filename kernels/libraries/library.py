"""Array type -> backend: the one place that names array libraries."""

import functools
import importlib
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from ..arrays.view import View, check, check_overlaps, compute_type, make_view
from ..memory import memory_for
from ..program.stages import Program, Stage
from ..system import uninterrupted

BACKENDS = {"cpu": "..cpu.backend", "cupy": "..cuda.backend", "cuda": "..numba_cuda.backend"}
# Where the sources of their kernels are made, without any library that compiles.
_SOURCES = {**BACKENDS, "cpu": "..cpu.source"}


def backend_of(array: Any) -> str:
    """Which backend updates an array: "cpu", "cupy" or "cuda". Imports nothing.

    Raises TypeError for an object that is no array.
    """
    if type(array) in (np.ndarray, np.memmap):
        return "cpu"
    cupy = sys.modules.get("cupy")
    if cupy is not None and isinstance(array, cupy.ndarray):
        return "cupy"
    if isinstance(array, np.ndarray):
        raise TypeError(
            f"a {type(array).__name__} computes by rules of its own; pass numpy.asarray of it, which shares its memory"
        )
    if isinstance(array, np.generic | int | float | list | tuple) or not hasattr(array, "shape"):
        raise TypeError(f"expected an array; got {array!r}, a {type(array).__name__}")
    if _is_torch(array):
        return "cuda" if array.is_cuda else "cpu"  # a tensor that requires grad raises when asked for an interface
    if hasattr(array, "__cuda_array_interface__"):
        return "cuda"
    if hasattr(array, "__array_interface__") or hasattr(array, "__dlpack__"):
        return "cpu"
    raise TypeError(
        f"a {type(array).__name__} is not an array that fastopt knows; it has none of __array_interface__, "
        "__dlpack__ and __cuda_array_interface__"
    )


@functools.cache
def backend(name: str) -> ModuleType:
    """The module of a backend, imported at first use."""
    return uninterrupted(importlib.import_module, BACKENDS[name], __package__)


def sources(backend: str, name: str, stage: Stage, storages: Sequence[str]) -> list[tuple[str, str, str]]:
    """For people to read: a title, the language and the text of each kernel of a rule's stage on a backend."""
    found: list[tuple[str, str, str]] = importlib.import_module(_SOURCES[backend], __package__).sources(
        name, stage, storages
    )
    return found


def number_sources(backend: str, program: Program) -> list[tuple[str, str, str]]:
    """The same of the kernels that a backend has beside those of the stages, for numbers that follow from norms."""
    module = importlib.import_module(_SOURCES[backend], __package__)
    found: list[tuple[str, str, str]] = module.number_sources(program) if hasattr(module, "number_sources") else []
    return found


def check_parameters(arrays: Sequence[Any], names: Sequence[str]) -> list[str]:
    """The stored types of arrays; raises TypeError or ValueError unless they can be the parameters of one optimizer."""
    found = [view_of(array, name) for array, name in zip(arrays, names, strict=True)]
    for (which, view), name in zip(found, names, strict=True):
        check([view], [name], [0])
        if (which, view.device) != (found[0][0], found[0][1].device):
            raise TypeError(
                f"{name} is a {view.kind} on {view.device} but {names[0]} is a {found[0][1].kind} on "
                f"{found[0][1].device}; make one optimizer for each library and device"
            )
    check_overlaps([view for _, view in found], names.__getitem__, range(len(found)))
    return [view.storage for _, view in found]


def view_of(array: Any, name: str) -> tuple[str, View]:
    """The backend of an array and its view. Raises TypeError or ValueError that names it."""
    try:
        which = backend_of(array)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None
    if which == "cpu":
        return which, _numpy_view(array, name)
    if which == "cupy":
        address, device = array.data.ptr, f"cuda:{array.device.id}"
        return which, make_view(array, "cupy array", device, address, array.dtype, array.strides, True, name)
    view: View = _torch_view(array, name) if _is_torch(array) else backend(which).view(array, name)
    return which, view


def _is_torch(array: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def _torch_view(tensor: Any, name: str) -> View:
    """The view of a torch CUDA tensor, of any float type, whether or not it requires grad."""
    torch = sys.modules["torch"]
    if tensor.layout is not torch.strided:
        raise TypeError(f"{name} is a torch tensor of layout {tensor.layout}; convert it with {name}.to_dense()")
    if tensor.dtype is torch.bfloat16:
        import ml_dtypes

        dtype = np.dtype(ml_dtypes.bfloat16)
    elif tensor.dtype in (torch.float16, torch.float32, torch.float64):
        dtype = np.dtype(str(tensor.dtype).removeprefix("torch."))
    else:
        raise TypeError(f"{name} is a tensor of {tensor.dtype}; expected a float type: convert it with {name}.float()")
    strides = [tensor.element_size() * stride for stride in tensor.stride()]
    device = f"{tensor.device.type}:{tensor.device.index}"
    # torch's default stream is 0, which elsewhere names none; 1 is CUDA's handle of the same.
    stream = torch.cuda.current_stream(tensor.device).cuda_stream or 1
    view = make_view(tensor, "torch tensor", device, tensor.data_ptr(), dtype, strides, True, name)
    return replace(view, stream=stream)


def _numpy_view(array: Any, name: str) -> View:
    kind = "numpy array" if isinstance(array, np.ndarray) else f"{type(array).__module__}.{type(array).__name__}"
    if not isinstance(array, np.ndarray):
        array = _shared_with_numpy(array, name)
    address = array.__array_interface__["data"][0]
    return make_view(array, kind, "cpu", address, array.dtype, array.strides, array.flags.writeable, name)


def _shared_with_numpy(array: Any, name: str) -> Any:
    """A NumPy array over the same memory as a CPU array of another library."""
    try:
        if _is_torch(array):
            torch = sys.modules["torch"]
            array = array.detach()
            if array.dtype is torch.bfloat16:
                import ml_dtypes

                return array.view(torch.uint16).numpy().view(ml_dtypes.bfloat16)
            return array.numpy()
        if hasattr(array, "__array_interface__"):
            return np.asarray(array)
        return np.from_dlpack(array)
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError) as error:
        raise TypeError(f"{name}: this {type(array).__name__} cannot be shared with NumPy: {error}") from error


def views_of(
    program: Program, sets: Sequence[Sequence[Any]], label: Callable[[int, str], str], sparse: Collection[int] = ()
) -> tuple[str, Any]:
    """The backend and the checked views of the arrays of each set; raises before anything is changed.

    sparse: the sets with a row-sparse gradient, which is not looked at and has None for its view.
    """
    written = [k for k, name in enumerate(program.arrays) if name in program.stages[-1].writes]
    used = ""
    result: list[list[View | None]] = []
    flat: list[tuple[View, int, int]] = []
    for position, arrays in enumerate(sets):
        there = [k for k in range(len(arrays)) if k != 1 or position not in sparse]
        names = [label(position, program.arrays[k]) for k in there]
        found = [view_of(arrays[k], name) for k, name in zip(there, names, strict=True)]
        views = dict(zip(there, (view for _, view in found), strict=True))
        check([*views.values()], names, [there.index(k) for k in written if k in views])
        for (which, view), name in zip(found, names, strict=True):
            used = used or which
            if which != used:
                raise TypeError(f"{name} is a {view.kind}, not of the same library as the other arrays; convert it")
        result.append([views.get(k) for k in range(len(arrays))])
        flat += [(view, position, k) for k, view in views.items()]
    everywhere = {place for place, (_, _, k) in enumerate(flat) if k in written}
    check_overlaps(
        [view for view, _, _ in flat], lambda place: label(flat[place][1], program.arrays[flat[place][2]]), everywhere
    )
    return used, result


def array_like(array: Any, value: float, dtype: str | None, name: str) -> Any:
    """A new array in the shape and order of memory of a parameter, on its device, filled with a value.

    dtype: a stored type; None for that of state: float32, or float64 for float64. name: how messages name the array.
    """
    which, view = view_of(array, name)
    dtype = dtype or compute_type([view.storage])
    if which == "cuda" and _is_torch(array):
        torch = sys.modules["torch"]
        return torch.full_like(array, value, dtype=getattr(torch, dtype), requires_grad=False)
    if dtype == "bfloat16":
        import ml_dtypes  # noqa: F401  (NumPy then knows the name)
    with memory_for(f"an array of {dtype} like {name}", "Free some, or choose a rule or options with fewer arrays"):
        return backend(which).full_like(view, value, dtype)


def to_host(array: Any, name: str) -> Any:
    """The values of an array as a NumPy array: its own memory where NumPy can share that, else a copy."""
    which, view = view_of(array, name)
    if which == "cuda" and _is_torch(array):
        return _shared_with_numpy(array.detach().cpu(), name)
    return backend(which).to_host(view)


def assignable(array: Any, name: str) -> Any:
    """What to assign to: of an array on the CPU NumPy's view of its memory, whatever the library."""
    which, view = view_of(array, name)
    return view.array if which == "cpu" else array


def filling(array: Any, values: Any, name: str) -> Callable[[], Any]:
    """What sets an array to the values of a NumPy array of its shape and type, when called."""
    which, view = view_of(array, name)
    if which == "cuda" and _is_torch(array):
        return functools.partial(_fill_torch, array, values)
    made: Callable[[], Any] = backend(which).filling(view, values)
    return made


def _fill_torch(tensor: Any, values: Any) -> None:
    torch = sys.modules["torch"]
    bits = torch.from_numpy(np.array(values).reshape(-1).view(np.uint8)).to(tensor.device)
    tensor.detach().copy_(bits.view(tensor.dtype).reshape(tensor.shape))
