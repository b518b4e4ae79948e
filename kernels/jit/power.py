"""A float32 power that loops can vectorise; the math library's is called for each element. Imports numba."""

import math
from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_single, _double = ir.FloatType(), ir.DoubleType()
_i32, _i64 = ir.IntType(32), ir.IntType(64)

# atanh(s) / s in s * s, for |s| up to 3 - 2 sqrt(2), and 2**f for |f| up to a half: to 2e-12 and 2e-10.
_ATANH = [2 / math.log(2) / (2 * k + 1) for k in range(7)]
_EXP2 = [math.log(2) ** k / math.factorial(k) for k in range(9)]
# Of a double: the high word of sqrt(1/2), the bits of the exponent, and the number whose addition rounds to an integer.
_ROOT_OF_HALF, _EXPONENT, _INTEGER = 0x3FE6A09E, -0x100000, 1.5 * 2.0**52
# Beyond 2**_RANGE, or below 2**-_RANGE, a float32 is infinite or zero.
_RANGE = 160.0


def _number(value: float) -> Any:
    return ir.Constant(_double, value)


def _call(builder: Any, name: str, *values: Any) -> Any:
    function = ir.FunctionType(_double, [_double] * len(values))
    return builder.call(cgutils.get_or_insert_function(builder.module, function, f"llvm.{name}.f64"), values)


def _polynomial(builder: Any, x: Any, coefficients: Sequence[float]) -> Any:
    """A polynomial in x by Estrin's scheme: pairs, then pairs of pairs, which run side by side."""
    terms = [_number(coefficient) for coefficient in coefficients]
    while len(terms) > 1:
        pairs = zip(terms[::2], terms[1::2], strict=False)
        # Contracted where the processor can: a power promises no bits.
        terms = [_call(builder, "fmuladd", high, x, low) for low, high in pairs] + terms[len(terms) & ~1 :]
        x = builder.fmul(x, x)
    return terms[0]


def _log2(builder: Any, x: Any) -> Any:
    """The binary logarithm of a double that has a float32 value, not negative."""
    bits = builder.bitcast(x, _i64)
    high = builder.trunc(builder.lshr(bits, _i64(32)), _i32)
    above = builder.sub(high, _i32(_ROOT_OF_HALF))
    exponent = builder.sitofp(builder.ashr(above, _i32(20)), _double)
    shift = builder.shl(builder.zext(builder.and_(above, _i32(_EXPONENT)), _i64), _i64(32))
    z = builder.bitcast(builder.sub(bits, shift), _double)  # sqrt(1/2) <= z < sqrt(2)
    s = builder.fdiv(builder.fsub(z, _number(1.0)), builder.fadd(z, _number(1.0)))
    result = _call(builder, "fmuladd", s, _polynomial(builder, builder.fmul(s, s), _ATANH), exponent)
    result = builder.select(builder.fcmp_ordered("==", x, _number(0.0)), _number(-math.inf), result)
    finite = builder.fcmp_ordered("<", x, _number(math.inf))
    return builder.select(finite, result, x)  # infinity and NaN


def _exp2(builder: Any, x: Any) -> Any:
    """2 to the power of a double, right once it is rounded to float32."""
    x = builder.select(builder.fcmp_ordered(">", x, _number(_RANGE)), _number(_RANGE), x)
    x = builder.select(builder.fcmp_ordered("<", x, _number(-_RANGE)), _number(-_RANGE), x)
    shifted = builder.fadd(x, _number(_INTEGER))
    fraction = builder.fsub(x, builder.fsub(shifted, _number(_INTEGER)))
    exponent = builder.add(builder.bitcast(shifted, _i64), _i64(1023))
    scale = builder.bitcast(builder.shl(exponent, _i64(52)), _double)
    return builder.fmul(scale, _polynomial(builder, fraction, _EXP2))


def _power(builder: Any, base: Any, exponent: Any) -> Any:
    x, y = builder.fpext(base, _double), builder.fpext(exponent, _double)
    one, half, infinite = _number(1.0), builder.fmul(y, _number(0.5)), _number(math.inf)
    size = _call(builder, "fabs", x)
    magnitude = _exp2(builder, builder.fmul(y, _log2(builder, size)))
    # (-1)**inf is 1, where the logarithm gives 0 * inf.
    unit = builder.and_(builder.fcmp_ordered("==", size, one), builder.fcmp_ordered("ord", y, y))
    magnitude = builder.select(unit, one, magnitude)
    whole = builder.fcmp_ordered("==", _call(builder, "trunc", y), y)
    odd = builder.and_(whole, builder.fcmp_unordered("!=", _call(builder, "trunc", half), half))
    signed = builder.select(odd, _call(builder, "copysign", magnitude, x), magnitude)
    negative = builder.and_(builder.fcmp_ordered("<", x, _number(0.0)), builder.fcmp_ordered("<", size, infinite))
    undefined = builder.and_(negative, builder.not_(whole))
    signed = builder.select(undefined, _number(math.nan), signed)
    always = builder.or_(builder.fcmp_ordered("==", x, one), builder.fcmp_ordered("==", y, _number(0.0)))
    return builder.fptrunc(builder.select(always, one, signed), _single)


@intrinsic
def power(typing: Any, base: Any, exponent: Any) -> Any:
    """base ** exponent, for all values as in C; float64 powers are the math library's."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return (_power if base == types.float32 else lambda b, *values: _call(b, "pow", *values))(builder, *args)

    return base(base, base), generate
