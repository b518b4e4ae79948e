"""Assembly of x86-64 or AArch64 as LLVM writes it: one function, its hot loop, and what the loop computes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_LABEL = re.compile(r'"?([^\s":]+)"?:')
_INSTRUCTION = re.compile(r"\s+([a-z][\w.]*)(?:\s+(.*?))?(?:\s+(?:##?|//|;)\s.*)?$")
_END = re.compile(r"\.?Lfunc_end|\s+\.(globl|section)\b")

# Arithmetic, comparisons and conversions of floats: p for packed or s for single, then the type.
_X86 = re.compile(
    r"v?(?:(?:add|sub|mul|div|sqrt|min|max|cmp\w*?|fn?m(?:add|sub|addsub|subadd)\d+|u?comi)([ps])([sd])"
    r"|cvt(?:ph|ps|pd|ss|sd)2([ps])([hsd])x?)"
)
_ARM = re.compile(
    r"f(?:add|sub|n?mul|div|sqrt|abs|neg|min|max|minnm|maxnm|ml[as]|n?madd|n?msub|cm\w\w|cmp|cvt\w*)(?:\.\d+[sdh])?"
)
_FMA = re.compile(r"vfn?m(?:add|sub|addsub|subadd)\d|fml[as](?:\.|$)|fn?m(?:add|sub)$")
_BITS = {"x": 128, "y": 256, "z": 512}
_CALLS = ("call", "callq", "bl", "blr")
_SIZES = {"h": 16, "s": 32, "d": 64}


@dataclass(frozen=True)
class HotLoop:
    """The innermost loop that computes most numbers in one run.

    label: where it begins. registers: the widest that compute: "xmm", "ymm", "zmm" or "NEON"; None where all is scalar.
    bits: of such a register. packed, scalar: the number of instructions of arithmetic, comparison and conversion on
    vectors and on single floats. calls: the number of calls. instructions: the number of all. text: the lines.
    """

    label: str
    registers: str | None
    bits: int | None
    packed: int
    scalar: int
    calls: int
    instructions: int
    text: str


def function(text: str, symbol: str) -> str:
    """The lines of one function, without the directives around it. Raises ValueError if there is no such function."""
    lines = text.splitlines()
    # Apple's symbols have an underscore more.
    names = {symbol, f"_{symbol}"}
    labels = ((k, _LABEL.match(line)) for k, line in enumerate(lines))
    first = next((k for k, label in labels if label and label[1] in names), None)
    if first is None:
        raise ValueError(f"there is no function {symbol!r} in the assembly")
    after = lines[first + 1 :]
    last = next((k for k, line in enumerate(after) if _END.match(line)), len(after))
    return "\n".join([lines[first], *after[:last]]) + "\n"


def fused(text: str) -> int:
    """How many instructions multiply and add with a single rounding, as no exact rule may."""
    return sum(bool(_FMA.match(operation)) for operation, _ in _instructions(text.splitlines()))


def hot_loop(text: str) -> HotLoop | None:
    """The loop in which a kernel spends its time; None where no loop computes with floats."""
    loops = [_described(lines) for lines in _innermost(text.splitlines())]
    weight, loop = max(loops, key=lambda one: one[0], default=(0, None))
    return loop if weight else None


def _instructions(lines: Sequence[str]) -> list[tuple[str, str]]:
    """The mnemonic and the operands of each instruction."""
    matches = map(_INSTRUCTION.match, lines)
    return [(match[1], match[2] or "") for match in matches if match]


def _innermost(lines: Sequence[str]) -> list[Sequence[str]]:
    """The lines of each loop that contains no other loop: from a label to the last jump back to it."""
    labels = {label[1]: k for k, label in enumerate(map(_LABEL.match, lines)) if label}
    ends: dict[int, int] = {}
    for k, line in enumerate(lines):
        for _, operands in _instructions([line]):
            target = labels.get(operands.split(",")[-1].strip())
            if target is not None and target <= k:
                ends[target] = k
    return [
        lines[first : last + 1]
        for first, last in ends.items()
        if not any(first <= start and end <= last and (first, last) != (start, end) for start, end in ends.items())
    ]


def _described(lines: Sequence[str]) -> tuple[int, HotLoop]:
    """How many numbers a loop computes in one run, and the loop."""
    instructions = _instructions(lines)
    vectors = [vector for vector in (_vector(*instruction) for instruction in instructions) if vector]
    packed = [(bits, name) for bits, _, name in vectors if name]
    bits, name = max(packed, default=(None, None))
    weight = sum(bits // size for bits, size, _ in vectors)
    calls = sum(operation in _CALLS for operation, _ in instructions)
    scalar = len(vectors) - len(packed)
    label, text = lines[0].partition(":")[0], "\n".join(lines) + "\n"
    return weight, HotLoop(label, name, bits, len(packed), scalar, calls, len(instructions), text)


def _vector(operation: str, operands: str) -> tuple[int, int, str | None] | None:
    """The bits of all numbers of an instruction, of one number, and its kind of vector, None for a single number.

    None for an instruction that does not compute with floats.
    """
    if x86 := _X86.fullmatch(operation):
        packed, number = x86[1] or x86[3], x86[2] or x86[4]
        size = 64 if number == "d" or "d2" in operation else 32
        if packed == "s":
            return size, size, None
        width = max(re.findall(r"%([xyz])mm", operands))
        return _BITS[width], size, f"{width}mm"
    if _ARM.fullmatch(operation):
        # v0.4s, or in Apple's spelling fadd.4s v0
        if lanes := re.search(r"\.(\d+)([sdh])\b", f"{operation} {operands}"):
            return int(lanes[1]) * _SIZES[lanes[2]], _SIZES[lanes[2]], "NEON"
        size = _SIZES.get(operands[:1], 0)
        return (size, size, None) if size else None
    return None
