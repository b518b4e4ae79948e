"""torch's tensors on a GPU, of any float type, whether or not they require grad. torch has been imported by then."""

import functools
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays.view import BYTES, View, make_view
from . import host

BACKEND = "cuda"


def view(tensor: Any, name: str) -> View:
    """How a tensor lies. Raises TypeError or ValueError that names it."""
    torch = sys.modules["torch"]
    if tensor.layout is not torch.strided:
        raise TypeError(f"{name} is a torch tensor of layout {tensor.layout}; convert it with {name}.to_dense()")
    if pairs := tensor.dtype in (torch.complex64, torch.complex128):
        if tensor.is_conj():
            raise TypeError(f"{name} is conjugated only in name; make its values with {name}.resolve_conj()")
        tensor = torch.view_as_real(tensor.detach())
    if tensor.dtype is torch.bfloat16:
        import ml_dtypes

        dtype = np.dtype(ml_dtypes.bfloat16)
    elif (kind := str(tensor.dtype).removeprefix("torch.")) in BYTES:
        dtype = np.dtype(kind)
    else:
        raise TypeError(
            f"{name} is a tensor of {tensor.dtype}; expected a float type, complex64 or complex128: convert it with "
            f"{name}.float()"
        )
    strides = [tensor.element_size() * stride for stride in tensor.stride()]
    device = f"{tensor.device.type}:{tensor.device.index}"
    # torch's handle of the default stream is 0, which elsewhere names no stream; CUDA's is 1.
    stream = torch.cuda.current_stream(tensor.device).cuda_stream or 1
    result = make_view(tensor, "torch tensor", device, tensor.data_ptr(), dtype, strides, True, name, pairs)
    return replace(result, stream=stream)


def full_like(view: View, value: float, dtype: str) -> Any:
    """A new tensor in the shape and the order of memory of another, on its device."""
    torch = sys.modules["torch"]
    new = torch.full_like(view.array, value, dtype=getattr(torch, dtype), requires_grad=False)
    return torch.view_as_complex(new) if view.complex else new


def to_host(view: View, name: str) -> Any:
    """A NumPy array with its values; waits for the GPU."""
    return host.shared_with_numpy(view.array.detach().cpu(), name)


def copy(source: View, target: View) -> None:
    """Set a tensor to the values of another, rounded to its type."""
    target.array.detach().copy_(source.array.detach())


def filling(view: View, values: Any) -> Callable[[], Any]:
    """A function that sets the array to the values of a NumPy array."""
    return functools.partial(_fill, view.array, values)


def _fill(tensor: Any, values: Any) -> None:
    torch = sys.modules["torch"]
    bits = torch.from_numpy(np.array(values).reshape(-1).view(np.uint8)).to(tensor.device)
    tensor.detach().copy_(bits.view(tensor.dtype).reshape(tensor.shape))
