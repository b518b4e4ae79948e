"""Loads and stores of memory in PTX or in machine code, counted by their width."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Access:
    """A kind of instruction. bits: those that a thread moves by one instruction.

    space: "global"; "read-only", which is global too, but through the cache for memory that no thread writes;
    "generic", where the compiler could not tell; "local", the memory of spills.
    """

    operation: str
    space: str
    bits: int


_PTX = re.compile(r"^\s*(?:\{\s*)?(?:@!?%p\d+\s+)?(ld|st)\.([\w.:]+)\s", re.MULTILINE)
_SASS = re.compile(r"^\s*/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+\s+)?(LDG|STG|LDL|STL|LD|ST)((?:\.\w+)*)\s", re.MULTILINE)
_SPACES = ("global", "local", "shared", "param", "const", "tex", "generic")


def of_ptx(text: str) -> Counter[Access]:
    """The accesses of a PTX text, each with the number of times that it stands there."""
    return Counter(access for access in _in_ptx(text) if access.space not in ("shared", "param", "const"))


def _in_ptx(text: str) -> Iterator[Access]:
    for operation, rest in _PTX.findall(text):
        # Spaces may say more behind two colons: shared::cta, param::entry.
        parts = [part.partition("::")[0] for part in rest.split(".")]
        space = next((part for part in parts if part in _SPACES), "generic")
        vector = next((int(part[1:]) for part in parts if re.fullmatch(r"v\d", part)), 1)
        bits = vector * int(re.sub(r"\D", "", parts[-1]))
        yield Access("load" if operation == "ld" else "store", "read-only" if "nc" in parts else space, bits)


def of_sass(text: str) -> Counter[Access]:
    """The accesses of machine code as nvdisasm writes it, each with the number of times that it stands there."""
    return Counter(_in_sass(text))


def _in_sass(text: str) -> Iterator[Access]:
    for operation, rest in _SASS.findall(text):
        parts = rest.split(".")[1:]
        space = {"G": "global", "L": "local", "": "generic"}[operation[2:]]
        # A whole register of 32 bits unless a size is given; U8 and S16 are parts of a register.
        sizes = [int(part.lstrip("US")) for part in parts if re.fullmatch(r"[US]?(8|16|32|64|128|256)", part)]
        yield Access(
            "load" if operation.startswith("LD") else "store",
            "read-only" if "CONSTANT" in parts else space,
            sizes[-1] if sizes else 32,
        )
