"""A GPU made of Python: runs the kernels of fastopt.kernels.numba_cuda.backend where there is none.

The generated source runs as Python, a thread of the GPU after another; where the threads of a block wait for each
other they are generators, which go on in turns. Its instructions are those of cuda_intrinsics.BUILDERS, built by numba
for the CPU; in place of `mul.rn.ftz.f32` and its kin stand the CPU's own, with denormals flushed by its control
register. A number is kept as its bits, an np.uint32 or np.uint64, since Python would convert a float32.
"""

import contextlib
import ctypes
import functools
import inspect
import linecache
from types import SimpleNamespace

import numba
import numpy as np
from cuda.bindings import driver as bindings
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from fastopt.kernels.arrays.view import BYTES
from fastopt.kernels.language.operations import OPERATIONS
from fastopt.kernels.language.root8 import STEPS
from fastopt.kernels.language.storages import ABSENT, CUT, SCALES
from fastopt.kernels.libraries import cuda_interface
from fastopt.kernels.numba_cuda import backend as numba_cuda
from fastopt.kernels.numba_cuda import compiler as nvidia
from fastopt.kernels.numba_cuda import intrinsics as cuda_intrinsics
from fastopt.kernels.reference import arithmetic_of

_FLOATS = {types.uint32: ir.FloatType(), types.uint64: ir.DoubleType()}
_BITS = {types.uint32: ir.IntType(32), types.uint64: ir.IntType(64)}


def cpu_rounded(builder, operation, *args):
    """What cuda_intrinsics.rounded is on a CPU."""
    if operation == "sqrt":
        kind = args[0].type
        name = f"llvm.sqrt.{'f64' if kind == ir.DoubleType() else 'f32'}"
        function = builder.module.globals.get(name)
        if function is None:
            function = ir.Function(builder.module, ir.FunctionType(kind, [kind]), name)
        return builder.call(function, args)
    return {"add": builder.fadd, "mul": builder.fmul, "div": builder.fdiv}[operation](*args)


def _floats(builder, values, kinds):
    return [builder.bitcast(v, _FLOATS[k]) if k in _FLOATS else v for v, k in zip(values, kinds, strict=True)]


def _cpu_function(build, arity, result):
    """A compiled function on bits of numbers; result: "same", "wide", "narrow" or "boolean"."""

    def typed(*kinds):
        wanted = {"same": kinds[-1], "wide": types.uint64, "narrow": types.uint32, "boolean": types.boolean}[result]

        def generate(context, builder, signature, args):
            value = build(builder, *_floats(builder, args, kinds))
            return builder.bitcast(value, _BITS[wanted]) if wanted in _BITS else value

        return wanted(*kinds), generate

    one = {
        1: lambda typing, a: typed(a),
        2: lambda typing, a, b: typed(a, b),
        3: lambda typing, a, b, c: typed(a, b, c),
    }
    operation = intrinsic(one[arity])
    call = {
        1: lambda a: operation(a),
        2: lambda a, b: operation(a, b),
        3: lambda a, b, c: operation(a, b, c),
    }[arity]
    compiled = numba.njit(call)

    def on_bits(*args):
        value = compiled(*args)
        kept = {"wide": np.uint64, "narrow": np.uint32, "boolean": bool}.get(result, type(args[-1]))
        return kept(value)

    return on_bits


_RESULTS = {"widen": "wide", "as_float64": "wide", "as_float32": "narrow"}


def _numpy_function(function):
    def on_bits(*args):
        kind = args[0].dtype
        with np.errstate(all="ignore"):
            return function(*(np.array(a).view(f"f{kind.itemsize}") for a in args)).view(kind)

    return on_bits


def _cpu_load(storage):
    kind = types.uint64 if storage == "float64" else types.uint32

    @intrinsic
    def load(typing, base, index):
        def generate(context, builder, signature, args):
            return builder.bitcast(cuda_intrinsics.load(builder, *args, storage), _BITS[kind])

        return kind(types.int64, types.int64), generate

    compiled = numba.njit("(int64, int64)")(lambda base, index: load(base, index))
    width = np.uint64 if storage == "float64" else np.uint32
    return lambda base, index: width(compiled(base, index))


def _cpu_stochastic():
    @intrinsic
    def rounded(typing, x, upper, lower, mark, begin, i):
        def generate(context, builder, signature, args):
            floats = [builder.bitcast(arg, _FLOATS[types.uint32]) for arg in args[:3]]
            made = cuda_intrinsics.BUILDERS["stochastic"](builder, *floats, *args[3:])
            return builder.bitcast(made, _BITS[types.uint32])

        return types.uint32(*[types.uint32] * 3, *[types.int64] * 3), generate

    compiled = numba.njit("(uint32, uint32, uint32, int64, int64, int64)")(
        lambda x, upper, lower, mark, begin, i: rounded(x, upper, lower, mark, begin, i)
    )
    return lambda *args: np.uint32(compiled(*args))


def _cpu_store(storage):
    @intrinsic
    def store(typing, base, index, value):
        def generate(context, builder, signature, args):
            cuda_intrinsics.store(builder, *args[:2], builder.bitcast(args[2], _FLOATS[value]), storage)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, value), generate

    return numba.njit(lambda base, index, value: store(base, index, value))


def _arity(build):
    return len(inspect.signature(build).parameters) - 1


def _of_storage(build):
    """The function whose last operand is a stored type."""

    def of(storage):
        one = {
            1: lambda builder, a: build(builder, a, storage),
            2: lambda builder, a, b: build(builder, a, b, storage),
        }
        return _cpu_function(one[_arity(build) - 1], _arity(build) - 1, "same")

    functions = {storage: of(storage) for storage in STEPS}
    return lambda *args: functions[args[-1]](*args[:-1])


@functools.cache
def cpu_names():
    """What cuda_intrinsics.NAMES is on a CPU. Call with cpu_rounded in place."""
    names = {"stochastic": _cpu_stochastic()}
    for name, build in cuda_intrinsics.BUILDERS.items():
        if name in names:
            continue
        boolean = name in OPERATIONS and OPERATIONS[name].boolean
        names[name] = _cpu_function(build, _arity(build), "boolean" if boolean else _RESULTS.get(name, "same"))
    for name, build in cuda_intrinsics.OF_STORAGE.items():
        names[name] = _of_storage(build)
    names["nothing"] = lambda: np.uint32(0)
    loads = {storage: _cpu_load(storage) for storage in BYTES if storage not in (ABSENT, SCALES)}
    stores = {storage: _cpu_store(storage) for storage in (*loads, CUT)}
    names["load"] = lambda base, index, storage, array: loads[storage](base, index)
    names["store"] = lambda base, index, value, storage, array: stores[storage](base, index, value)
    for name in ("exp", "log", "power"):
        names[name] = _numpy_function(OPERATIONS[name].array)
    names["number32"] = lambda word: np.uint32(int(word) & 0xFFFFFFFF)
    names["number64"] = lambda word: np.uint64(int(word) & 0xFFFFFFFFFFFFFFFF)
    names["float32"] = lambda value: np.float32(value).view(np.uint32)
    names["float64"] = lambda value: np.float64(value).view(np.uint64)
    return names


class _Kernel:
    """A kernel that `cuda.jit` made: kernel[blocks, threads, stream](table, partials)."""

    def __init__(self, gpu, function):
        self.gpu, self.function = gpu, function

    def compile(self, signature):
        pass

    def disable_compile(self):
        pass

    def __getitem__(self, configuration):
        return functools.partial(self.run, *configuration)

    def run(self, blocks, threads, stream, table, partials):
        self.gpu.launches.append((blocks, threads, stream.handle))
        table, partials = table.owner, partials.owner
        # A kernel of float64 names its storage, or what it casts to; only a float32 kernel flushes.
        code = self.function.__code__
        double = "as_float64" in code.co_names or ("float64" in code.co_consts and "as_float32" not in code.co_names)
        function = _in_turns(self.function)
        with arithmetic_of("float64" if double else "float32"):
            for block in range(min(blocks, len(table) + 1)):
                self.gpu.block, self.gpu.in_block = block, []
                waiting = {k: function(table, partials.view(np.uint64)) for k in range(threads)}
                while waiting:
                    before = len(waiting)
                    waiting = {k: made for k, made in waiting.items() if self._goes_on(k, made)}
                    assert len(waiting) in (0, before), "threads left others at syncthreads"

    def _goes_on(self, thread, made):
        """Run a thread of a block up to where it waits for the others; False at its end."""
        self.gpu.thread = thread
        return next(made, self) is not self


@functools.cache
def _in_turns(function):
    """The kernel as a generator, which stops where the threads of a block wait for each other."""
    *_, lines, _ = linecache.cache[function.__code__.co_filename]
    text = "".join(lines).replace("cuda.syncthreads()", "yield")
    namespace = dict(function.__globals__)
    exec(f"{text}\n    yield from ()\n", namespace)
    return namespace[function.__name__]


class InMemory:
    """An array that shows nothing but __cuda_array_interface__."""

    def __init__(self, owner, shape, dtype, address, strides, **more):
        self.owner, self.shape, self.dtype = owner, shape, dtype
        self.__cuda_array_interface__ = {
            "shape": shape,
            "typestr": dtype.str,
            "data": (address, False),
            "strides": strides,
            "version": 3,
        } | more

    def __setitem__(self, key, value):
        self.owner[key] = value

    def copy_to_device(self, host, stream):
        self.owner[...] = host

    def copy_to_host(self, stream=None):
        return np.array(self.owner)


def in_memory(array):
    """A NumPy array as one that shows nothing but __cuda_array_interface__."""
    return InMemory(array, array.shape, array.dtype, array.ctypes.data, array.strides)


def _set_words(kind, address, pitch, value, height):
    """A column of words, one at every `pitch` bytes from an address on."""
    block = (ctypes.c_char * ((height - 1) * pitch + np.dtype(kind).itemsize)).from_address(address)
    np.ndarray(height, kind, block, strides=(pitch,))[...] = value
    return (bindings.CUresult.CUDA_SUCCESS,)


def _set_column(address, pitch, value, width, height):
    assert width == 1
    return _set_words("uint32", address, pitch, value, height)


MEMSETS = {
    "cuMemsetD8": lambda address, value, count: _set_words("uint8", address, 1, value, count),
    "cuMemsetD16": lambda address, value, count: _set_words("uint16", address, 2, value, count),
    "cuMemsetD32": lambda address, value, count: _set_words("uint32", address, 4, value, count),
    "cuMemsetD2D32": _set_column,
}


class EmulatedCuda:
    """In place of numba.cuda."""

    def __init__(self):
        self.block = self.thread = self.in_block = None
        self.launches = []
        self.synchronized = []
        self.gpus = [contextlib.nullcontext()]

    def is_available(self):
        return True

    def jit(self, launch_bounds):
        return lambda function: _Kernel(self, function)

    def device_array(self, shape, dtype, order="C"):
        return in_memory(np.full(shape, 77, dtype, order=order))

    def as_cuda_array(self, array):
        return array

    def default_stream(self):
        return self.external_stream(0)

    def external_stream(self, handle):
        return SimpleNamespace(handle=handle, synchronize=lambda: self.synchronized.append(handle))

    @property
    def threadIdx(self):
        return SimpleNamespace(x=self.thread)

    @property
    def blockIdx(self):
        return SimpleNamespace(x=self.block)

    @property
    def shared(self):
        def array(size, kind):
            self.in_block += [None] * (size - len(self.in_block))
            return self.in_block

        return SimpleNamespace(array=array)


@contextlib.contextmanager
def emulated(monkeypatch):
    """Within it numba_cuda works on arrays in the CPU's memory that have __cuda_array_interface__."""
    gpu = EmulatedCuda()
    caches = (nvidia.kernel, numba_cuda._stream, numba_cuda._scratch)
    with monkeypatch.context() as patch:
        patch.setattr(cuda_intrinsics, "rounded", cpu_rounded)
        patch.setattr(cuda_intrinsics, "NAMES", cpu_names())
        patch.setattr(nvidia, "library", lambda: gpu)
        patch.setattr(cuda_interface, "_device", lambda address, name: 0)
        for name, does in MEMSETS.items():
            patch.setattr(bindings, name, does)
        for cache in caches:
            cache.cache_clear()
        yield gpu
    for cache in caches:
        cache.cache_clear()
