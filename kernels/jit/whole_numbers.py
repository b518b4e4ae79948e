"""Arrays of whole numbers, which kernels compute with as float32, as LLVM instructions. Imports llvmlite."""

from typing import Any

from llvmlite import ir

from ..language.storages import INTEGERS

_single, _i32 = ir.FloatType(), ir.IntType(32)
MEMORY = {storage: ir.IntType(8 * size) for storage, size in INTEGERS.items()}


def loaded(builder: Any, x: Any, storage: str) -> Any:
    """The float32 number of an element."""
    whole = builder.zext(x, _i32) if storage.startswith("u") else builder.sext(x, _i32)
    return builder.sitofp(whole, _single)


def stored(builder: Any, x: Any, storage: str) -> Any:
    """The element of a float32 number that is whole and in its range."""
    return builder.trunc(builder.fptosi(x, _i32), MEMORY[storage])
