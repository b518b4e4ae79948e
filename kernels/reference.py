"""The reference that every backend is held to: plain NumPy's evaluation of a formula."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .arrays import compute_type, is_flat
from .dispatch import view_of


@functools.cache
def _control() -> tuple[Callable[[], int], Callable[[int], None]]:
    from .cpu_compile import control_functions

    return control_functions()


@contextlib.contextmanager
def denormals_flushed() -> Iterator[None]:
    """Within it, this thread's floating-point unit takes denormals for zeros, as every float32 kernel does."""
    flush, restore = _control()
    saved = flush()
    try:
        yield
    finally:
        restore(saved)


def evaluate(
    formula: Callable[..., Any],
    names: Sequence[str],
    arrays: Sequence[Any],
    numbers: Mapping[str, Any],
    written: Sequence[str],
) -> tuple[Any, ...]:
    """The new parameter, slots and uniform states, as `Rule.reference` documents; what is not written stays."""
    views = [view_of(array, name)[1] for array, name in zip(arrays, names, strict=True)]
    compute = np.dtype(compute_type([view.storage for view in views]))
    # Norms add up in the order in which the kernels walk.
    axes = views[0].walk if is_flat(views) else None
    order = [axis for axis in range(len(views[0].shape)) if axis not in (axes or ())]
    order += axes or ()
    inputs = [view.array.transpose(order).reshape(-1).astype(compute) for view in views]
    single = compute == np.float32
    with denormals_flushed() if single else contextlib.nullcontext(), np.errstate(all="ignore"):
        results = formula(*inputs, **numbers)
        results = list(results) if isinstance(results, tuple | list) else [results]
        if single:
            # Arithmetic flushes by itself; where(), abs() and their kin may pass a denormal on.
            count = len(views) - 1
            results[:count] = [np.where(abs(x) < 2.0**-126, x * 0, x) for x in results[:count]]
    for k, (name, view) in enumerate(zip([names[0], *names[2:]], [views[0], *views[2:]], strict=True)):
        if name not in written:
            results[k] = view.array.copy()
            continue
        new = np.empty(view.shape, view.array.dtype)
        with np.errstate(all="ignore"):
            new.transpose(order)[...] = results[k].astype(new.dtype).reshape([view.shape[axis] for axis in order])
        results[k] = new
    return tuple(results)
