"""Rounding to bfloat16 at random, of language/rounding.py, as LLVM instructions. Imports llvmlite."""

from typing import Any

from llvmlite import ir

from ..language.rounding import FIRST, SECOND, STEP

_single, _i32 = ir.FloatType(), ir.IntType(32)


def stochastic(builder: Any, x: Any, upper: Any, lower: Any, mark: Any, begin: Any, i: Any) -> Any:
    """x, a float32, rounded by the key in two parts. mark: of the array; begin + i: the number of the element in it."""
    halves = [builder.fptoui(half, _i32) for half in (upper, lower)]
    whole = builder.or_(builder.shl(halves[0], _i32(16)), halves[1])
    key = _mixed(builder, builder.add(builder.trunc(mark, _i32), whole))
    number = builder.add(builder.trunc(begin, _i32), builder.trunc(i, _i32))
    noise = builder.add(builder.mul(number, _i32(STEP)), key)
    bits = builder.bitcast(x, _i32)
    nan = builder.icmp_unsigned(">", builder.and_(bits, _i32(0x7FFFFFFF)), _i32(0x7F800000))
    quiet = builder.or_(bits, _i32(0x400000))
    rounded = builder.select(nan, quiet, builder.add(bits, builder.lshr(noise, _i32(16))))
    return builder.bitcast(builder.and_(rounded, _i32(0xFFFF0000)), _single)


def cut(builder: Any, x: Any) -> Any:
    """The 16 bits of x, a float32 that is a number of bfloat16."""
    return builder.trunc(builder.lshr(builder.bitcast(x, _i32), _i32(16)), ir.IntType(16))


def _mixed(builder: Any, bits: Any) -> Any:
    for shift, factor in ((16, FIRST), (13, SECOND)):
        bits = builder.mul(builder.xor(bits, builder.lshr(bits, _i32(shift))), _i32(factor))
    return builder.xor(bits, builder.lshr(bits, _i32(16)))
