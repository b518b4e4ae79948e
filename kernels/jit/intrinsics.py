"""The functions that generated CPU kernels call, as LLVM instructions. Imports numba."""

import platform
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import carray  # type: ignore[attr-defined]
from numba.core import cgutils, types
from numba.extending import intrinsic, register_jitable

from ..language.storages import CUT
from . import casts, masters, root8, rounding, whole_numbers

_half, _single, _double = ir.HalfType(), ir.FloatType(), ir.DoubleType()
_i16, _i32, _i64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)
_MEMORY = {"float16": _half, "bfloat16": _i16, "float32": _single, "float64": _double, **whole_numbers.MEMORY}
_SCOPES = 32  # more arrays than this in one rule only cost the compiler a check for aliases


def _address(builder: Any, base: Any, index: Any, storage: str) -> Any:
    pointer = builder.inttoptr(base, _MEMORY[storage].as_pointer())
    return builder.gep(pointer, [index])


def _aligned(storage: str) -> int:
    """The bytes to a multiple of which an element's address is aligned."""
    return 1 if storage.endswith("8") else 2 if storage.endswith("16") else 4 if storage == "float32" else 8


def _declare_flushing(builder: Any) -> None:
    """Tell LLVM that denormals are zeros here, so that what it folds is what the processor would compute."""
    # llvmlite knows no attributes with values.
    set.add(builder.function.attributes, '"denormal-fp-math-f32"="preserve-sign,preserve-sign"')


def _mark_distinct(builder: Any, access: Any, array: int) -> None:
    """Tell LLVM that no two arrays of a task overlap, which was checked before: the loop vectorises unguarded."""
    module = builder.module
    domain = module.add_metadata([ir.MetaDataString(module, "fastopt")])
    scopes = [module.add_metadata([ir.MetaDataString(module, f"fastopt {k}"), domain]) for k in range(_SCOPES)]
    if array < _SCOPES:
        access.set_metadata("alias.scope", module.add_metadata([scopes[array]]))
        access.set_metadata("noalias", module.add_metadata(scopes[:array] + scopes[array + 1 :]))


@intrinsic(prefer_literal=True)
def load(typing: Any, base: Any, index: Any, storage: Any, array: Any) -> Any:
    """Element `index` of array number `array` at address `base`, as float32, or float64 if it is stored so."""
    kind = storage.literal_value
    result = types.float64 if kind == "float64" else types.float32

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if kind != "float64":
            _declare_flushing(builder)
        access = builder.load(_address(builder, args[0], args[1], kind))
        access.align = _aligned(kind)
        _mark_distinct(builder, access, array.literal_value)
        if kind in whole_numbers.MEMORY:
            return whole_numbers.loaded(builder, access, kind)
        if kind == "float16":
            return builder.fpext(access, _single)
        if kind == "bfloat16":
            return builder.bitcast(builder.shl(builder.zext(access, _i32), _i32(16)), _single)
        return access

    return result(types.int64, types.int64, storage, array), generate


@intrinsic(prefer_literal=True)
def store(typing: Any, base: Any, index: Any, value: Any, storage: Any, array: Any) -> Any:
    """Write element `index`, rounded once to the stored type."""
    kind = storage.literal_value

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        result = casts.as_type(builder, args[2], _double if kind == "float64" else _single)
        if kind == "float16":
            result = builder.fptrunc(result, _half)
        elif kind == "bfloat16":
            result = _round_to_bfloat16(builder, result)
        elif kind in whole_numbers.MEMORY:
            result = whole_numbers.stored(builder, result, kind)
        elif kind == CUT:
            result = rounding.cut(builder, result)
        stored = "bfloat16" if kind == CUT else kind
        access = builder.store(result, _address(builder, args[0], args[1], stored))
        access.align = _aligned(stored)
        _mark_distinct(builder, access, array.literal_value)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, value, storage, array), generate


@intrinsic
def as_float32(typing: Any, x: Any) -> Any:
    """The float64 number in float32; a zero for a denormal."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _declare_flushing(builder)
        return casts.as_float32(builder, *args)

    return types.float32(types.float64), generate


@intrinsic
def as_float64(typing: Any, x: Any) -> Any:
    """The float32 number in float64."""
    return types.float64(types.float32), lambda context, builder, signature, args: casts.as_float64(builder, *args)


@intrinsic
def word(typing: Any, base: Any, index: Any) -> Any:
    """The 64-bit word number `index` at an address."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], _i64.as_pointer())
        return builder.load(builder.gep(pointer, [args[1]]))

    return types.int64(types.int64, types.int64), generate


@intrinsic
def set_word(typing: Any, base: Any, index: Any, value: Any) -> Any:
    """Write the 64-bit word number `index` at an address."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], _i64.as_pointer())
        builder.store(args[2], builder.gep(pointer, [args[1]]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


def _pointer_to(element: Any) -> Any:
    @intrinsic
    def pointer(typing: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return types.CPointer(element)(types.int64), generate

    return pointer


_integers, _numbers = _pointer_to(types.int64), _pointer_to(types.float64)


@register_jitable
def integers(address, rows, columns):  # type: ignore[no-untyped-def]
    """The int64 array in C order at an address."""
    return carray(_integers(address), (rows, columns))


@register_jitable
def numbers(address, rows, columns):  # type: ignore[no-untyped-def]
    """The float64 array in C order at an address."""
    return carray(_numbers(address), (rows, columns))


@intrinsic
def same_pair(typing: Any, a: Any, b: Any) -> Any:
    """Whether the two words at an address are those at another."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pair = ir.IntType(128)
        first, second = (builder.load(builder.inttoptr(address, pair.as_pointer())) for address in args)
        first.align = second.align = 8
        return builder.icmp_unsigned("==", first, second)

    return types.boolean(types.int64, types.int64), generate


@intrinsic
def prefetch(typing: Any, address: Any) -> Any:
    """Ask for the line of memory at an address, to be written soon; any address will do."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [builder.inttoptr(args[0], byte), word(1), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(types.int64), generate


def _round_to_bfloat16(builder: Any, value: Any) -> Any:
    bits = builder.bitcast(value, _i32)
    even = builder.and_(builder.lshr(bits, _i32(16)), _i32(1))
    rounded = builder.lshr(builder.add(bits, builder.add(even, _i32(0x7FFF))), _i32(16))
    quiet = builder.or_(builder.lshr(bits, _i32(16)), _i32(0x40))
    chosen = builder.select(builder.fcmp_unordered("uno", value, value), quiet, rounded)
    return builder.trunc(chosen, _i16)


@intrinsic
def stochastic(typing: Any, x: Any, upper: Any, lower: Any, mark: Any, begin: Any, i: Any) -> Any:
    """As in language/rounding.py."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return rounding.stochastic(builder, *args)

    return x(types.float32, types.float32, types.float32, types.int64, types.int64, types.int64), generate


@intrinsic
def decoded(typing: Any, code: Any, scale: Any) -> Any:
    """The number of a code, as in language/root8.py."""
    return types.float32(types.float32, types.float32), _of_root8(root8.decoded)


@intrinsic
def nothing(typing: Any) -> Any:
    """The magnitude of no number."""
    return types.int32(), lambda context, builder, signature, args: _i32(0)


@intrinsic
def larger(typing: Any, top: Any, x: Any) -> Any:
    """The larger of a magnitude and that of x."""
    return types.int32(types.int32, types.float32), _of_root8(root8.larger)


@intrinsic
def root_of(typing: Any, top: Any) -> Any:
    """The root of a magnitude."""
    return types.float32(types.int32), _of_root8(root8.root)


@intrinsic(prefer_literal=True)
def inverse_of(typing: Any, root: Any, storage: Any) -> Any:
    """What roots of numbers are multiplied by to be codes of a stored type. root: the largest of the block."""
    return types.float32(types.float32, storage), _of_root8(root8.inverse, storage.literal_value)


@intrinsic(prefer_literal=True)
def scale_from(typing: Any, root: Any, storage: Any) -> Any:
    """The scale of a block with the largest root."""
    return types.float32(types.float32, storage), _of_root8(root8.scale, storage.literal_value)


@intrinsic(prefer_literal=True)
def code_of(typing: Any, x: Any, inverse: Any, storage: Any) -> Any:
    """The code of a number."""
    return types.float32(types.float32, types.float32, storage), _of_root8(root8.code, storage.literal_value)


def _of_root8(build: Callable[..., Any], *stored: str) -> Callable[..., Any]:
    """A generator of instructions for operands, of which the last, a stored type, is none of the instructions'."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return build(builder, *args[: len(args) - len(stored)], *stored)

    return generate


@intrinsic(prefer_literal=True)
def room(typing: Any, count: Any) -> Any:
    """The address of room for so many float32 numbers, which the kernel has to itself."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = cgutils.alloca_once(builder, _single, size=_i32(count.literal_value))
        return builder.ptrtoint(place, _i64)

    return types.int64(count), generate


def _operation(build: Callable[..., Any], boolean: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """An intrinsic on operands of one floating type, or on truth values."""

    def decorate(declared: Callable[..., Any]) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return build(builder, *args)

        if declared.__code__.co_argcount == 2:

            @intrinsic
            def unary(typing: Any, a: Any) -> Any:
                return a(a), generate

            return unary
        if declared.__code__.co_argcount == 3:

            @intrinsic
            def binary(typing: Any, a: Any, b: Any) -> Any:
                return a(a, a), generate

            return binary

        @intrinsic
        def ternary(typing: Any, condition: Any, a: Any, b: Any) -> Any:
            return a(types.boolean, a, a), generate

        return ternary

    return decorate


def _or_nan(builder: Any, order: str, a: Any, b: Any) -> Any:
    first = builder.or_(builder.fcmp_ordered(order, a, b), builder.fcmp_unordered("uno", a, a))
    return builder.select(first, a, b)


def _sign(builder: Any, x: Any) -> Any:
    zero, one, minus = (ir.Constant(x.type, value) for value in (0.0, 1.0, -1.0))
    negative = builder.select(builder.fcmp_ordered("<", x, zero), minus, zero)
    ordered = builder.select(builder.fcmp_ordered(">", x, zero), one, negative)
    return builder.select(builder.fcmp_unordered("uno", x, x), x, ordered)


def _unary_llvm(name: str) -> Callable[[Any, Any], Any]:
    def build(builder: Any, x: Any) -> Any:
        function = ir.FunctionType(x.type, [x.type])
        suffix = "f64" if x.type == _double else "f32"
        return builder.call(cgutils.get_or_insert_function(builder.module, function, f"llvm.{name}.{suffix}"), [x])

    return build


def _flush(builder: Any, x: Any) -> Any:
    # In integers: LLVM knows that denormals are zeros here, and would drop a comparison with floats.
    bits = builder.bitcast(x, _i32)
    zero = builder.icmp_unsigned("==", builder.and_(bits, _i32(0x7F800000)), _i32(0))
    return builder.bitcast(builder.select(zero, builder.and_(bits, _i32(0x80000000)), bits), _single)


@_operation(lambda builder, a, b: _or_nan(builder, ">", a, b))
def maximum(typing, a, b): ...  # type: ignore[no-untyped-def]


@_operation(lambda builder, a, b: _or_nan(builder, "<", a, b))
def minimum(typing, a, b): ...  # type: ignore[no-untyped-def]


@_operation(_sign)
def sign(typing, x): ...  # type: ignore[no-untyped-def]


@_operation(_unary_llvm("sqrt"))
def sqrt(typing, x): ...  # type: ignore[no-untyped-def]


@_operation(_unary_llvm("fabs"))
def absolute(typing, x): ...  # type: ignore[no-untyped-def]


@_operation(_flush)
def flush(typing, x): ...  # type: ignore[no-untyped-def]


@_operation(lambda builder, condition, a, b: builder.select(condition, a, b))
def where(typing, condition, a, b): ...  # type: ignore[no-untyped-def]


@_operation(lambda builder, a, b: builder.and_(a, b))
def logical_and(typing, a, b): ...  # type: ignore[no-untyped-def]


@_operation(lambda builder, a, b: builder.or_(a, b))
def logical_or(typing, a, b): ...  # type: ignore[no-untyped-def]


@_operation(lambda builder, a: builder.not_(a))
def logical_not(typing, a): ...  # type: ignore[no-untyped-def]


# Those of the parts of a weight, by their names.
MASTERS = {name: _operation(build)(build) for name, build in masters.BUILDERS.items()}

_X86 = platform.machine().lower() in ("x86_64", "amd64")
# The control word that rounds to nearest and traps nothing, and the bits that take denormals for zeros.
_ORDINARY, _FLUSHING = (0x1F80, 0x8040) if _X86 else (0, 1 << 24)


def _read_control(builder: Any) -> Any:
    if not _X86:
        function = ir.FunctionType(_i64, [])
        return builder.call(cgutils.get_or_insert_function(builder.module, function, "llvm.aarch64.get.fpcr"), [])
    place = cgutils.alloca_once(builder, _i32)
    _mxcsr(builder, "stmxcsr", place)
    return builder.zext(builder.load(place), _i64)


def _write_control(builder: Any, value: Any) -> None:
    if not _X86:
        function = ir.FunctionType(ir.VoidType(), [_i64])
        builder.call(cgutils.get_or_insert_function(builder.module, function, "llvm.aarch64.set.fpcr"), [value])
        return
    place = cgutils.alloca_once(builder, _i32)
    builder.store(builder.trunc(value, _i32), place)
    _mxcsr(builder, "ldmxcsr", place)


def _mxcsr(builder: Any, name: str, place: Any) -> None:
    byte = ir.IntType(8).as_pointer()
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(ir.VoidType(), [byte]), f"llvm.x86.sse.{name}"
    )
    builder.call(function, [builder.bitcast(place, byte)])


@intrinsic(prefer_literal=True)
def arithmetic_of(typing: Any, compute: Any) -> Any:
    """Give this thread the floating-point state in which a type computes; returns the state to restore.

    Rounding is to nearest; denormals are zeros, in operands and results, if `compute` is "float32". Whatever the thread
    had before, it inherited: from its caller, or, for ever, from whoever started it.
    """
    word = _i64(_ORDINARY | (_FLUSHING if compute.literal_value == "float32" else 0))

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        saved = _read_control(builder)
        _write_control(builder, word)
        return saved

    return types.int64(compute), generate


@intrinsic
def restore(typing: Any, saved: Any) -> Any:
    """Give this thread the floating-point state that it had before."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _write_control(builder, args[0])
        return context.get_dummy_value()

    return types.void(types.int64), generate


def _c_call(builder: Any, function: Any, arguments: Any) -> Any:
    kind = ir.FunctionType(_i32, [_i64] * len(arguments))
    return builder.sext(builder.call(builder.inttoptr(function, kind.as_pointer()), arguments), _i64)


@intrinsic
def call(typing: Any, function: Any, first: Any, second: Any) -> Any:
    """The int that the C function at an address returns for two pointers; a function of fewer ignores the rest."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _c_call(builder, args[0], args[1:])

    return types.int64(*[types.int64] * 3), generate


@intrinsic
def call_with_four(typing: Any, function: Any, first: Any, second: Any, third: Any, fourth: Any) -> Any:
    """As `call`, with four pointers or ints."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _c_call(builder, args[0], args[1:])

    return types.int64(*[types.int64] * 5), generate
