"""Codes in 8 bits, of language/root8.py, as LLVM instructions. Imports llvmlite."""

from collections.abc import Callable, Mapping
from typing import Any

from llvmlite import ir

from ..language.root8 import STEPS

_single, _i32 = ir.FloatType(), ir.IntType(32)
# The instructions of an operation on float32 numbers, by its name in the grammar; "rint" is on those from 0 to 255.
Operations = Mapping[str, Callable[..., Any]]


def _called(name: str) -> Callable[..., Any]:
    name = f"llvm.{name}.f32"

    def build(builder: Any, x: Any) -> Any:
        function = builder.module.globals.get(name)
        if function is None:
            function = ir.Function(builder.module, ir.FunctionType(_single, [_single]), name)
        return builder.call(function, [x])

    return build


# Where the state of the processor says how denormals are met.
PLAIN: Operations = {
    "multiply": lambda builder, a, b: builder.fmul(a, b),
    "divide": lambda builder, a, b: builder.fdiv(a, b),
    "negative": lambda builder, x: builder.fneg(x),
    "less": lambda builder, a, b: builder.fcmp_ordered("<", a, b),
    "greater": lambda builder, a, b: builder.fcmp_ordered(">", a, b),
    "absolute": _called("fabs"),
    "sqrt": _called("sqrt"),
    "rint": _called("rint"),
}


def decoded(builder: Any, code: Any, scale: Any, by: Operations = PLAIN) -> Any:
    """The number of a code."""
    root = by["multiply"](builder, code, scale)
    return by["multiply"](builder, root, by["absolute"](builder, root))


def larger(builder: Any, top: Any, x: Any) -> Any:
    """The larger of a magnitude and that of x, a float32, as the bits of a float32; NaN is above all."""
    bits = builder.and_(builder.bitcast(x, _i32), _i32(0x7FFFFFFF))
    return builder.select(builder.icmp_signed(">", top, bits), top, bits)


def root(builder: Any, top: Any) -> Any:
    """The root of the largest magnitude of a block."""
    return PLAIN["sqrt"](builder, builder.bitcast(top, _single))


def inverse(builder: Any, root: Any, storage: str, by: Operations = PLAIN) -> Any:
    """What the root of a number is multiplied by; 0 for a block of zeros."""
    above, steps = by["greater"](builder, root, _single(0)), _single(STEPS[storage])
    return builder.select(above, by["divide"](builder, steps, root), _single(0))


def scale(builder: Any, root: Any, storage: str, by: Operations = PLAIN) -> Any:
    """The scale of a block; of one with NaN the NaN of NumPy."""
    nan = builder.fcmp_unordered("uno", root, root)
    quiet = builder.bitcast(_i32(0x7FC00000), _single)
    return builder.select(nan, quiet, by["divide"](builder, root, _single(STEPS[storage])))


def code(builder: Any, x: Any, inverse: Any, storage: str, by: Operations = PLAIN) -> Any:
    """The code of x, as a float32."""
    root = by["sqrt"](builder, by["absolute"](builder, x))
    magnitude = by["multiply"](builder, root, inverse)
    if storage == "uint8":
        one = _single(1)
        return by["rint"](builder, builder.select(by["greater"](builder, magnitude, one), magnitude, one))
    steps = _single(STEPS[storage])
    rounded = by["rint"](builder, builder.select(by["less"](builder, magnitude, steps), magnitude, steps))
    return builder.select(by["less"](builder, x, _single(0)), by["negative"](builder, rounded), rounded)
