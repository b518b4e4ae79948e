"""The resources of the kernels in a cubin, NVIDIA's ELF file of machine code, read as the driver reads them."""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

# Attributes of the sections .nv.info, by the names that nvdisasm gives them (EIATTR_*).
_MAX_THREADS, _FRAME_SIZE, _REGCOUNT = 0x05, 0x11, 0x2F
# The format of an attribute that has a size and then its bytes; others have two bytes in the size's place (EIFMT_SVAL).
_SIZED = 0x04
_HEADER, _SECTION = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_CUDA = 190  # EM_CUDA, the machine
# Bytes of each block's shared memory that CUDA takes for itself, from 8.0 on. From 9.0 on a kernel's section begins
# with them.
RESERVED = 1024
_RESERVED_SECTION = ".nv.shared.reserved.0"
_ENTRY = 0x10  # STO_CUDA_ENTRY, in a symbol's st_other: a kernel, not a function that one calls


@dataclass(frozen=True)
class Resources:
    """The resources that a kernel takes.

    registers: of a thread, 32 bits each. local_bytes: of a thread's stack in memory, for spilled registers and for
    arrays that cannot be in registers. shared_bytes: of a block, without the bytes that CUDA takes for itself. threads:
    the largest block that the kernel is compiled for; None where its source sets no bound.
    """

    registers: int
    local_bytes: int
    shared_bytes: int
    threads: int | None


def resources(cubin: bytes) -> dict[str, Resources]:
    """The resources of each kernel, by its symbol. Raises ValueError for bytes that are no cubin."""
    sections = _sections(cubin)
    symbols = [_SYMBOL.unpack_from(sections[".symtab"], at) for at in range(0, len(sections[".symtab"]), _SYMBOL.size)]
    names = [_text(sections[".strtab"], symbol[0]) for symbol in symbols]
    values = {}
    for kind, content in _attributes(sections[".nv.info"]):
        if kind in (_REGCOUNT, _FRAME_SIZE):
            symbol, value = struct.unpack("<II", content)
            values[kind, names[symbol]] = value
    reserved = RESERVED if _RESERVED_SECTION in sections else 0
    taken = {}
    for name in [name for name, row in zip(names, symbols, strict=True) if row[2] & _ENTRY]:
        own = dict(_attributes(sections[f".nv.info.{name}"]))
        taken[name] = Resources(
            values[_REGCOUNT, name],
            values[_FRAME_SIZE, name],
            max(0, len(sections.get(f".nv.shared.{name}", b"")) - reserved),
            math.prod(struct.unpack("<III", own[_MAX_THREADS])) if _MAX_THREADS in own else None,
        )
    return taken


def _sections(elf: bytes) -> dict[str, bytes]:
    """The content of each section by its name; zeros for a section of which the file has only the size."""
    if elf[:5] != b"\x7fELF\x02" or len(elf) < _HEADER.size or _HEADER.unpack_from(elf)[2] != _CUDA:
        raise ValueError(f"expected a 64-bit ELF file for CUDA; got {len(elf)} bytes that begin with {elf[:8]!r}")
    _, _, _, _, _, _, first, _, _, _, _, size, count, naming = _HEADER.unpack_from(elf)
    rows = [_SECTION.unpack_from(elf, first + k * size) for k in range(count)]
    contents = [bytes(row[5]) if row[1] == 8 else elf[row[4] : row[4] + row[5]] for row in rows]
    return {_text(contents[naming], row[0]): content for row, content in zip(rows, contents, strict=True)}


def _text(strings: bytes, at: int) -> str:
    return strings[at : strings.index(b"\0", at)].decode()


def _attributes(section: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(section):
        kind, attribute, value = struct.unpack_from("<BBH", section, at)
        size = value if kind == _SIZED else 0
        yield attribute, section[at + 4 : at + 4 + size]
        at += 4 + size
