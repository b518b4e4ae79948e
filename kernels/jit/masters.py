"""Weights in two parts, of language/masters.py, as LLVM instructions. Imports llvmlite."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from ..language.storages import CORRECTIONS

_single, _i32 = ir.FloatType(), ir.IntType(32)


def joined(builder: Any, p: Any, correction: Any, bits: int) -> Any:
    """The weight of both parts, float32 numbers. bits: how many of the weight's are kept."""
    whole = builder.shl(builder.fptosi(correction, _i32), _i32(32 - bits))
    return builder.bitcast(builder.add(builder.bitcast(p, _i32), whole), _single)


def upper(builder: Any, x: Any, bits: int) -> Any:
    """The upper part of a weight as a float32 number."""
    high, _ = _parts(builder, x, bits)
    return builder.bitcast(builder.shl(high, _i32(16)), _single)


def lower(builder: Any, x: Any, bits: int) -> Any:
    """The correction of a weight as a float32 number."""
    high, kept = _parts(builder, x, bits)
    return builder.sitofp(builder.sub(kept, builder.shl(high, _i32(bits - 16))), _single)


def _parts(builder: Any, x: Any, bits: int) -> tuple[Any, Any]:
    """The upper part as a whole number, and the bits that are kept."""
    word = builder.bitcast(x, _i32)
    size = builder.and_(word, _i32(0x7FFFFFFF))
    is_small = builder.icmp_unsigned("<", size, _i32(0x00800000))
    flushed = builder.select(is_small, builder.and_(word, _i32(0x80000000)), word)
    is_nan = builder.icmp_unsigned(">", size, _i32(0x7F800000))
    word = builder.select(is_nan, _i32(0x7FC00000), flushed)
    dropped, own = 32 - bits, bits - 16
    kept = builder.lshr(builder.add(word, _i32(1 << dropped >> 1)), _i32(dropped))
    return builder.lshr(builder.add(kept, _i32(1 << own - 1)), _i32(own)), kept


def _builders(bits: int) -> dict[str, Callable[..., Any]]:
    return {
        f"joined{bits}": lambda builder, p, correction: joined(builder, p, correction, bits),
        f"upper{bits}": lambda builder, x: upper(builder, x, bits),
        f"lower{bits}": lambda builder, x: lower(builder, x, bits),
    }


# The instructions of each operation.
BUILDERS = {name: build for bits in CORRECTIONS for name, build in _builders(bits).items()}
