"""Source text -> compiled function, from the disk cache where it is there. Imports numba."""

import functools
import linecache
import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from ..system import uninterrupted
from . import intrinsics, power
from .cache import FILES, KernelCache


def compiled(entry: str, text: str, signature: str, parallel: bool = False, nogil: bool = True) -> Any:
    """The function `entry` of a source text, compiled or from the disk cache.

    nogil: let other threads of Python run meanwhile.
    """
    dispatcher = _dispatcher(entry, text, parallel, nogil)
    name = f"{entry}-{'parallel' if parallel else 'serial'}"
    dispatcher._cache = KernelCache(name, text, FILES)
    uninterrupted(dispatcher.compile, signature)
    dispatcher.disable_compile()
    return dispatcher


def assembly(entry: str, text: str, signature: str) -> tuple[str, str, str]:
    """LLVM's name of this processor, the symbol of the function `entry`, and LLVM's assembly of all that is made of it.

    Compiled afresh in any case: the disk cache has machine code alone.
    """
    dispatcher = _dispatcher(entry, text, False, True)
    uninterrupted(dispatcher.compile, signature)
    (result,) = dispatcher.overloads.values()
    _, processor, _ = result.target_context.codegen().magic_tuple()
    return processor, result.fndesc.llvm_func_name, result.library.get_asm_str()


def _dispatcher(entry: str, text: str, parallel: bool, nogil: bool) -> Any:
    namespace = {k: getattr(intrinsics, k) for k in dir(intrinsics) if not k.startswith("_")}
    namespace |= {"power": power.power, **intrinsics.MASTERS}
    namespace |= {"prange": numba.prange, "math": math, "zeros": np.zeros, "inf": math.inf, "nan": math.nan}
    # A kernel from the disk cache looks its globals up in a module that can be imported.
    namespace |= {"float32": numba.float32, "float64": numba.float64, "__name__": intrinsics.__name__}
    filename = f"<fastopt {entry}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    exec(compile(text, filename, "exec"), namespace)
    dispatcher: Any = numba.njit(parallel=parallel, error_model="numpy", nogil=nogil)(namespace[entry])
    return dispatcher


def entry_point(function: Any) -> Callable[..., Any]:
    """A compiled function without numba's look at its arguments' types, which takes as long as a small kernel.

    The caller answers for the types: an array of another type would be read as if it were of the compiled type.
    """
    (result,) = function.overloads.values()
    entry: Callable[..., Any] = result.entry_point
    return entry


def address(function: Any) -> int:
    """Where a compiled function's machine code begins, as C calls it: its arguments are numbers."""
    (result,) = function.overloads.values()
    found: int = result.library.get_pointer_to_function(result.fndesc.llvm_cfunc_wrapper_name)
    return found


@functools.cache
def control_functions(compute: str) -> tuple[Callable[[], int], Callable[[int], None]]:
    """Two functions: the first gives this thread the state in which a type computes, the second the state before."""
    text = f"def begin_{compute}():\n    return arithmetic_of({compute!r})\n"
    begin = compiled(f"begin_{compute}", text, "int64()")
    end = compiled("restore_here", "def restore_here(saved):\n    restore(saved)\n", "void(int64)")
    return begin, end
