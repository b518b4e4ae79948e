"""NumPy's OpenBLAS: its threads, and calls of compiled functions on them. Nothing of OpenBLAS is changed.

OpenBLAS exports a function that calls any other side by side on its threads, `gotoblas_pthread`. Importing this module
imports numba.
"""

import ctypes
import functools
import importlib
import os
import platform
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding, ir

from ..jit.compiler import address, compiled, entry_point
from ..system import lock
from . import threads

_MAKING = lock()

_CALLING = """
def on_the_blas(run, working, clock, times, code, shares, number, width, longest):
    set_word(working, 0, 1)
    call(clock, 1, times)
    call_with_four(run, number, code, shares, 8 * width)
    call(clock, 1, times + 16)
    set_word(working, 0, 0)
    took = (word(times, 2) - word(times, 0)) * 1_000_000_000 + word(times, 3) - word(times, 1)
    if took > longest:
        set_word(times, 4, took)
"""
# Four words: this thread's number, a function that says it, where those of all threads are, and how many. It waits for
# the others for a while: a thread that is done at once would be given another part too.
_NOTING = """
def note_thread(own):
    set_word(own, 0, call(word(own, 1), 0, 0))
    for _ in range(10_000):
        call(word(own, 1), 0, 0)
        here = 0
        for k in range(word(own, 3)):
            here += word(word(own, 2), 4 * k) != 0
        if here == word(own, 3):
            break
"""


@functools.cache
def library() -> Any:
    """NumPy's OpenBLAS, if it can run updates and its threads stay awake for at most 2^28 ticks of this processor; else
    None.

    Raises ValueError if FASTOPT_BLAS_THREADS is neither 0, which forbids it, nor 1.
    """
    chosen = os.environ.get("FASTOPT_BLAS_THREADS", "1")
    if chosen not in ("0", "1"):
        raise ValueError(
            f"FASTOPT_BLAS_THREADS is {chosen!r}: set it to 0, so that updates never use the threads of NumPy's BLAS, "
            "or to 1, which is the default"
        )
    # On other processors the clock by which they stay awake may be a hundred times as slow.
    longer = os.environ.get("OPENBLAS_THREAD_TIMEOUT", "") in ("29", "30")
    if chosen == "0" or longer or platform.machine() not in ("x86_64", "AMD64"):
        return None
    try:
        # Names are looked up in what NumPy's own module is linked to, and in the C library.
        found = ctypes.CDLL(importlib.import_module("numpy._core._multiarray_umath").__file__)
        for name in ("gotoblas_pthread", "gettid", "clock_gettime", "usleep", "__register_atfork"):
            getattr(found, name)
        for name in ("blas_cpu_number", "blas_num_threads", "blas_server_avail"):
            ctypes.c_int.in_dll(found, name)
    except (ImportError, OSError, AttributeError, ValueError):
        return None
    return found


def _function(name: str) -> int:
    """The address of a function of the library."""
    return int(ctypes.cast(getattr(library(), name), ctypes.c_void_p).value or 0)


@functools.cache
def _integer(name: str) -> Any:
    return ctypes.c_int.in_dll(library(), name)


@functools.cache
def _callback() -> Any:
    try:
        return ctypes.c_void_p.in_dll(library(), "openblas_threads_callback_")
    except ValueError:  # OpenBLAS has this since version 0.3.27.
        return ctypes.c_void_p(None)


def in_use() -> int:
    """How many threads products use now: 0 if other code has given them threads of its own, or none was started, as
    after a fork."""
    if _callback().value or not _integer("blas_server_avail").value:
        return 0
    return int(_integer("blas_cpu_number").value)


def most() -> int:
    """How many threads there are, the caller's included. They never become fewer."""
    return int(_integer("blas_num_threads").value)


@functools.cache
def on_the_blas() -> Callable[..., Any]:
    """A function that calls machine code on each of several shares, side by side on the threads of the BLAS.

    times: the address of room for five integers; the last is set to the nanoseconds that it took, if these are more
    than longest. code, shares, number, width: as `threads.side_by_side`. number must not be larger than `most`: it
    would wait for ever.
    """
    signature = f"void({', '.join(['int64'] * 9)})"
    function = entry_point(compiled("on_the_blas", _CALLING, signature))
    working = _forks_wait().get_global_value_address("working")
    return functools.partial(function, _function("gotoblas_pthread"), working, _function("clock_gettime"))


def _forks_wait() -> Any:
    """The result of `_made_to_wait`, made once: of two threads that come first together one would get an engine that is
    dropped, with the word that the other forks wait for."""
    with _MAKING:
        return _made_to_wait()


@functools.cache
def _made_to_wait() -> Any:
    """Make forks wait while a word of memory is not 0, those without Python's hooks too.

    Returns the engine that has the word, by the name `working`, and the code that waits.

    OpenBLAS ends its threads before a fork, which with work under way never ends. What is registered last is called
    first. It waits for a moment in any case: an update of another thread may be about to begin.
    """
    word, short = ir.IntType(64), ir.IntType(32)
    module = ir.Module()
    working = ir.GlobalVariable(module, word, "working")
    working.initializer = word(0)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), []), "wait")
    begin, wait, done = (function.append_basic_block() for _ in range(3))
    ir.IRBuilder(begin).branch(wait)
    builder = ir.IRBuilder(wait)
    usleep = ir.FunctionType(short, [short]).as_pointer()
    builder.call(builder.inttoptr(word(_function("usleep")), usleep), [short(50)])
    builder.cbranch(builder.icmp_unsigned("==", builder.load_atomic(working, "acquire", 8), word(0)), done, wait)
    ir.IRBuilder(done).ret_void()
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine(jit=True)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(str(module)), machine)
    engine.finalize_object()
    library()["__register_atfork"](ctypes.c_void_p(engine.get_function_address("wait")), None, None, None)
    return engine


@functools.cache
def note_thread() -> int:
    """The address of the compiled function of that name."""
    return address(compiled("note_thread", _NOTING, "void(int64)"))


def clocks() -> list[int]:
    """The processor-time clocks of the threads but the caller's. Waits for products of other threads of Python."""
    number = in_use()
    if number < 2:
        return []
    notes, times = np.zeros((number, 4), np.int64), np.zeros(5, np.int64)
    notes[:, 1], notes[:, 2], notes[:, 3] = _function("gettid"), notes.ctypes.data, number
    with threads.ONE_CALLER:
        on_the_blas()(times.ctypes.data, note_thread(), notes.ctypes.data, *notes.shape, 2**62)
    own, *others = notes[:, 0].tolist()
    return [clock(other) for other in dict.fromkeys(others) if other != own]


def clock(thread: int) -> int:
    """The processor-time clock of the thread with this number of Linux's, as the C library makes it."""
    return ~thread << 3 | 6
