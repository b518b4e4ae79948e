"""Codes in 8 bits, of language/root8.py, as LLVM instructions. Imports llvmlite."""

from typing import Any

from llvmlite import ir

from ..language.root8 import STEPS

_single, _i32 = ir.FloatType(), ir.IntType(32)


def _called(builder: Any, name: str, x: Any) -> Any:
    name = f"llvm.{name}.f32"
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(_single, [_single]), name)
    return builder.call(function, [x])


def decoded(builder: Any, code: Any, scale: Any) -> Any:
    """The number of a code."""
    root = builder.fmul(code, scale)
    return builder.fmul(root, _called(builder, "fabs", root))


def larger(builder: Any, top: Any, x: Any) -> Any:
    """The larger of a magnitude and that of x, a float32, as the bits of a float32; NaN is above all."""
    bits = builder.and_(builder.bitcast(x, _i32), _i32(0x7FFFFFFF))
    return builder.select(builder.icmp_signed(">", top, bits), top, bits)


def root(builder: Any, top: Any) -> Any:
    """The root of the largest magnitude of a block."""
    return _called(builder, "sqrt", builder.bitcast(top, _single))


def inverse(builder: Any, root: Any, storage: str) -> Any:
    """What the root of a number is multiplied by; 0 for a block of zeros."""
    steps = _single(STEPS[storage])
    return builder.select(builder.fcmp_ordered(">", root, _single(0)), builder.fdiv(steps, root), _single(0))


def scale(builder: Any, root: Any, storage: str) -> Any:
    """The scale of a block; of one with NaN the NaN of NumPy."""
    nan = builder.fcmp_unordered("uno", root, root)
    quiet = builder.bitcast(_i32(0x7FC00000), _single)
    return builder.select(nan, quiet, builder.fdiv(root, _single(STEPS[storage])))


def code(builder: Any, x: Any, inverse: Any, storage: str) -> Any:
    """The code of x, as a float32."""
    magnitude = builder.fmul(_called(builder, "sqrt", _called(builder, "fabs", x)), inverse)
    if storage == "uint8":
        one = _single(1)
        return _called(builder, "rint", builder.select(builder.fcmp_ordered(">", magnitude, one), magnitude, one))
    steps = _single(STEPS[storage])
    bounded = builder.select(builder.fcmp_ordered("<", magnitude, steps), magnitude, steps)
    rounded = _called(builder, "rint", bounded)
    return builder.select(builder.fcmp_ordered("<", x, _single(0)), builder.fneg(rounded), rounded)
