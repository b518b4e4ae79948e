"""Casts between float32 and float64 as LLVM instructions, with NumPy's bits in whatever mode of denormals.

What NumPy rounds to a float32 denormal is a zero of its sign, as in every operation on float32. No cast has a denormal
for its operand or result here: whether a processor then flushes, before or after it rounds, differs between processors.
"""

from typing import Any

from llvmlite import ir

_single, _double = ir.FloatType(), ir.DoubleType()
_i32, _i64 = ir.IntType(32), ir.IntType(64)
_LEAST = 2.0**-126  # the least normal number of float32
_ROUNDED_UP = 2.0**-126 - 2.0**-150  # the least number that is rounded to it


def as_float32(builder: Any, x: Any) -> Any:
    """The float64 number rounded to float32."""
    bits = builder.bitcast(x, _i64)
    sign, size = builder.and_(bits, _i64(1 << 63)), builder.and_(bits, _i64((1 << 63) - 1))
    size = builder.bitcast(size, _double)
    least = builder.or_(sign, builder.bitcast(_double(_LEAST), _i64))
    bits = builder.select(builder.fcmp_ordered("<", size, _double(_LEAST)), least, bits)
    bits = builder.select(builder.fcmp_ordered("<", size, _double(_ROUNDED_UP)), sign, bits)
    return builder.fptrunc(builder.bitcast(bits, _double), _single)


def as_float64(builder: Any, x: Any) -> Any:
    """The float32 number, denormals too, as float64."""
    bits = builder.bitcast(x, _i32)
    sign = builder.shl(builder.zext(builder.and_(bits, _i32(1 << 31)), _i64), _i64(32))
    size = builder.uitofp(builder.and_(bits, _i32(0x7FFFFF)), _double)
    small = builder.bitcast(builder.fmul(size, _double(2.0**-149)), _i64)
    small = builder.bitcast(builder.or_(small, sign), _double)
    is_small = builder.icmp_unsigned("==", builder.and_(bits, _i32(0x7F800000)), _i32(0))
    return builder.select(is_small, small, builder.fpext(x, _double))


def as_type(builder: Any, x: Any, kind: Any) -> Any:
    """The number in one of the two types."""
    if x.type == kind:
        return x
    return as_float32(builder, x) if kind == _single else as_float64(builder, x)
