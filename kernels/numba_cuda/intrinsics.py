"""The functions that generated numba-cuda kernels call, as LLVM instructions. Imports numba-cuda.

Arithmetic is written as the instructions of the hardware that round once and flush float32 denormals, such as
`mul.rn.ftz.f32`: no compiler may contract or reorder these, whatever its options are. Whatever else reads a float32 (a
comparison, a store, a conversion) flushes it first, by its bits. BUILDERS has the instructions alone.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.cuda import types as cuda_types
from numba.cuda.extending import intrinsic

from ..jit import casts, masters, root8, rounding, whole_numbers
from ..language.operations import OPERATIONS
from ..language.storages import CUT

types: Any = cuda_types  # mypy finds the older numba.cuda that is part of numba

_half, _single, _double = ir.HalfType(), ir.FloatType(), ir.DoubleType()
_i16, _i32, _i64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)
_MEMORY = {"float16": _half, "bfloat16": _i16, "float32": _single, "float64": _double, **whole_numbers.MEMORY}
_GLOBAL = 1  # the address space of the GPU's main memory


def rounded(builder: Any, operation: str, *args: Any) -> Any:
    """One operation of arithmetic, rounded to the nearest; float32 denormals are zeros in it."""
    kind = args[0].type
    name = f"llvm.nvvm.{operation}.rn.{'d' if kind == _double else 'ftz.f'}"
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(kind, [kind] * len(args)), name)
    return builder.call(function, args)


def _bits(builder: Any, x: Any) -> Any:
    return builder.bitcast(x, _i64 if x.type == _double else _i32)


def _sign_bit(x: Any) -> Any:
    return _i64(1 << 63) if x.type == _double else _i32(1 << 31)


def negative(builder: Any, x: Any) -> Any:
    return builder.bitcast(builder.xor(_bits(builder, x), _sign_bit(x)), x.type)


def absolute(builder: Any, x: Any) -> Any:
    return builder.bitcast(builder.and_(_bits(builder, x), builder.not_(_sign_bit(x))), x.type)


def flush(builder: Any, x: Any) -> Any:
    """A zero of its sign for a float32 denormal; any other number as it is."""
    if x.type == _double:
        return x
    bits = _bits(builder, x)
    tiny = builder.icmp_unsigned("==", builder.and_(bits, _i32(0x7F800000)), _i32(0))
    return builder.bitcast(builder.select(tiny, builder.and_(bits, _sign_bit(x)), bits), _single)


def _compare(order: str) -> Callable[..., Any]:
    def build(builder: Any, a: Any, b: Any) -> Any:
        compare = builder.fcmp_unordered if order == "!=" else builder.fcmp_ordered
        return compare(order, flush(builder, a), flush(builder, b))

    return build


def _is_nan(builder: Any, x: Any) -> Any:
    return builder.fcmp_unordered("uno", x, x)


def _first_if(order: str) -> Callable[..., Any]:
    def build(builder: Any, a: Any, b: Any) -> Any:
        first = builder.or_(_compare(order)(builder, a, b), _is_nan(builder, a))
        return builder.select(first, a, b)

    return build


def sign(builder: Any, x: Any) -> Any:
    zero, one, minus = (ir.Constant(x.type, value) for value in (0.0, 1.0, -1.0))
    negative = builder.select(_compare("<")(builder, x, zero), minus, zero)
    ordered = builder.select(_compare(">")(builder, x, zero), one, negative)
    return builder.select(_is_nan(builder, x), x, ordered)


def widen(builder: Any, x: Any) -> Any:
    """The number as float64, in which reductions add up."""
    return x if x.type == _double else builder.fpext(flush(builder, x), _double)


def number(builder: Any, word: Any, single: bool) -> Any:
    """The scalar whose bits are in a word of the task table."""
    return builder.bitcast(builder.trunc(word, _i32), _single) if single else builder.bitcast(word, _double)


def _place(builder: Any, base: Any, index: Any, storage: str) -> Any:
    pointer = builder.inttoptr(base, ir.PointerType(_MEMORY[storage], _GLOBAL))
    return builder.gep(pointer, [index])


def load(builder: Any, base: Any, index: Any, storage: str) -> Any:
    """Element `index` of the array at address `base`, as float32, or float64 if it is stored so."""
    value = builder.load(_place(builder, base, index, storage))
    if storage in whole_numbers.MEMORY:
        return whole_numbers.loaded(builder, value, storage)
    if storage == "float16":
        return builder.fpext(value, _single)
    if storage == "bfloat16":
        return builder.bitcast(builder.shl(builder.zext(value, _i32), _i32(16)), _single)
    return value


def store(builder: Any, base: Any, index: Any, value: Any, storage: str) -> None:
    """Write element `index`, rounded once to the stored type."""
    if storage == CUT:
        builder.store(rounding.cut(builder, value), _place(builder, base, index, "bfloat16"))
        return
    value = casts.as_type(builder, value, _double if storage == "float64" else _single)
    if storage == "float16":
        value = builder.fptrunc(value, _half)
    elif storage == "bfloat16":
        value = _round_to_bfloat16(builder, value)
    elif storage in whole_numbers.MEMORY:
        value = whole_numbers.stored(builder, value, storage)
    builder.store(value, _place(builder, base, index, storage))


def _to_whole(builder: Any, x: Any) -> Any:
    """The whole number nearest to x, from 0 to 2**22, of two the even one; NVVM has no instruction for it."""
    # From here on neighbouring float32 numbers are one apart.
    large = _single(2.0**23)
    return rounded(builder, "add", rounded(builder, "add", x, large), negative(builder, large))


def _round_to_bfloat16(builder: Any, value: Any) -> Any:
    bits = _bits(builder, value)
    even = builder.and_(builder.lshr(bits, _i32(16)), _i32(1))
    nearest = builder.lshr(builder.add(bits, builder.add(even, _i32(0x7FFF))), _i32(16))
    quiet = builder.or_(builder.lshr(bits, _i32(16)), _i32(0x40))
    return builder.trunc(builder.select(_is_nan(builder, value), quiet, nearest), _i16)


BUILDERS: dict[str, Callable[..., Any]] = {
    "add": lambda builder, a, b: rounded(builder, "add", a, b),
    "subtract": lambda builder, a, b: rounded(builder, "add", a, negative(builder, b)),
    "multiply": lambda builder, a, b: rounded(builder, "mul", a, b),
    "divide": lambda builder, a, b: rounded(builder, "div", a, b),
    "sqrt": lambda builder, x: rounded(builder, "sqrt", x),
    "negative": negative,
    "absolute": absolute,
    "sign": sign,
    "maximum": _first_if(">"),
    "minimum": _first_if("<"),
    "where": lambda builder, condition, a, b: builder.select(condition, a, b),
    "less": _compare("<"),
    "less_equal": _compare("<="),
    "greater": _compare(">"),
    "greater_equal": _compare(">="),
    "equal": _compare("=="),
    "not_equal": _compare("!="),
    "logical_and": lambda builder, a, b: builder.and_(a, b),
    "logical_or": lambda builder, a, b: builder.or_(a, b),
    "logical_not": lambda builder, a: builder.not_(a),
    "stochastic": rounding.stochastic,
    **masters.BUILDERS,
    "flush": flush,
    "widen": widen,
    "as_float32": casts.as_float32,
    "as_float64": casts.as_float64,
}
# Of codes in blocks: a magnitude is a number here, of which NaN is the largest.
_ROOT8 = BUILDERS | {"rint": _to_whole}
BUILDERS |= {
    "decoded": lambda builder, code, scale: root8.decoded(builder, code, scale, _ROOT8),
    "larger": lambda builder, top, x: BUILDERS["maximum"](builder, top, absolute(builder, x)),
    "root_of": BUILDERS["sqrt"],
}
# The same for each stored type, which is the last operand.
OF_STORAGE: dict[str, Callable[..., Any]] = {
    "inverse_of": lambda builder, root, storage: root8.inverse(builder, root, storage, _ROOT8),
    "scale_from": lambda builder, root, storage: root8.scale(builder, root, storage, _ROOT8),
    "code_of": lambda builder, x, inverse, storage: root8.code(builder, x, inverse, storage, _ROOT8),
}
# The types of the results that are not of the type of their operand.
_RESULTS = {
    "widen": types.float64,
    "stochastic": types.float32,
    "as_float32": types.float32,
    "as_float64": types.float64,
}


def result_type(name: str, kinds: tuple[Any, ...]) -> Any:
    """The numba type of a builder's result for operands of these types."""
    if name in _RESULTS:
        return _RESULTS[name]
    return types.boolean if name in OPERATIONS and OPERATIONS[name].boolean else kinds[-1]


def _intrinsic(name: str, build: Callable[..., Any]) -> Any:
    def typed(*kinds: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return build(builder, *args)

        return result_type(name, kinds)(*kinds), generate

    # numba reads the number of operands off the function.
    arity = len(inspect.signature(build).parameters) - 1
    declared: dict[int, Callable[..., Any]] = {
        1: lambda typing, a: typed(a),
        2: lambda typing, a, b: typed(a, b),
        3: lambda typing, a, b, c: typed(a, b, c),
        6: lambda typing, a, b, c, d, e, f: typed(a, b, c, d, e, f),
    }
    return intrinsic(declared[arity])


@intrinsic
def _load(typing: Any, base: Any, index: Any, storage: Any, array: Any) -> Any:
    if not isinstance(storage, types.Literal):
        return None  # numba then asks again, with the literal
    kind = storage.literal_value

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return load(builder, args[0], args[1], kind)

    result = types.float64 if kind == "float64" else types.float32
    return result(types.int64, types.int64, storage, array), generate


@intrinsic
def _store(typing: Any, base: Any, index: Any, value: Any, storage: Any, array: Any) -> Any:
    if not isinstance(storage, types.Literal):
        return None

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        store(builder, args[0], args[1], args[2], storage.literal_value)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, value, storage, array), generate


@intrinsic
def _nothing(typing: Any) -> Any:
    return types.float32(), lambda context, builder, signature, args: _single(0)


def _of_storage(build: Callable[..., Any]) -> Any:
    def typed(storage: Any, *kinds: Any) -> Any:
        if not isinstance(storage, types.Literal):
            return None

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return build(builder, *args[:-1], storage.literal_value)

        return types.float32(*kinds, storage), generate

    declared: dict[int, Callable[..., Any]] = {
        2: lambda typing, a, storage: typed(storage, a),
        3: lambda typing, a, b, storage: typed(storage, a, b),
    }
    return intrinsic(declared[len(inspect.signature(build).parameters) - 1])


@intrinsic
def _single_number(typing: Any, word: Any) -> Any:
    return types.float32(types.int64), lambda context, builder, signature, args: number(builder, args[0], True)


@intrinsic
def _double_number(typing: Any, word: Any) -> Any:
    return types.float64(types.int64), lambda context, builder, signature, args: number(builder, args[0], False)


# The names that generated source may use.
NAMES: dict[str, Any] = {name: _intrinsic(name, build) for name, build in BUILDERS.items()} | {
    **{name: _of_storage(build) for name, build in OF_STORAGE.items()},
    "nothing": _nothing,
    "load": _load,
    "store": _store,
    "number32": _single_number,
    "number64": _double_number,
    "float32": types.float32,
    "float64": types.float64,
    "exp": math.exp,
    "log": math.log,
    "power": math.pow,
}
