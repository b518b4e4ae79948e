"""Compiled kernels for people to read, a few rows of facts before each text, and as JSON."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from .accesses import Access
from .cpu import CpuKernel
from .gpu import GpuKernel


@dataclass(frozen=True)
class Listing:
    """The listing of a kernel. rows: names and facts. texts: each with its language. record: all of it, for JSON."""

    title: str
    rows: list[tuple[str, str]]
    texts: list[tuple[str, str]]
    record: dict[str, Any]


def of_cpu(kernel: CpuKernel) -> Listing:
    """The listing of a kernel of the CPU."""
    loop = kernel.hot_loop
    rows = [("compiled for", kernel.processor)]
    if loop:
        calls = f", {loop.calls} calls" if loop.calls else ""
        width = f" ({loop.registers}, {loop.bits} bits)" if loop.registers else ""
        rows.append(("hot loop", f"{loop.label}: {loop.instructions} instructions{calls}"))
        rows.append(("computes", f"{loop.packed} packed{width}, {loop.scalar} scalar"))
    else:
        rows.append(("hot loop", "none is known that computes"))
    rows.append(("FMA", f"{kernel.fma}, each a product and a sum rounded once" if kernel.fma else "none"))
    record = {
        "backend": "cpu",
        "title": kernel.title,
        "processor": kernel.processor,
        "hot_loop": loop and asdict(loop),
        "fma": kernel.fma,
        "asm": kernel.text,
    }
    return Listing(kernel.title, rows, [(kernel.text, "gas")], record)


def of_gpu(kernel: GpuKernel) -> Listing:
    """The listing of a kernel of the GPU."""
    taken, reached = kernel.taken, kernel.occupancy
    local = f"{taken.local_bytes} bytes a thread{'' if taken.local_bytes else ': nothing is spilled'}"
    blocks = f", in blocks of {kernel.threads} threads" if kernel.threads else ""
    occupied = "unknown, since nothing bounds the blocks"
    if reached:
        resident = f"{reached.warps} warps in {reached.blocks} blocks"
        occupied = f"{reached.part:.0%}: {resident}, limited by {reached.limited_by}"
    rows = [
        ("compiled for", f"{kernel.arch}{blocks}"),
        ("registers", f"{taken.registers} a thread"),
        ("local memory", local),
        ("shared memory", f"{taken.shared_bytes} bytes a block"),
        ("occupancy", occupied),
    ]
    for form, accesses in kernel.accesses.items():
        for operation in ("load", "store"):
            counted = _counted(accesses, operation) or ["none"]
            names = [f"{form.upper()} {operation}s", *[""] * (len(counted) - 1)]
            rows += zip(names, counted, strict=True)
    record = {
        "backend": kernel.backend,
        "title": kernel.title,
        "arch": kernel.arch,
        "kernel": kernel.symbol,
        "threads": kernel.threads,
        "registers": taken.registers,
        "local_bytes": taken.local_bytes,
        "shared_bytes": taken.shared_bytes,
        "occupancy": reached and asdict(reached),
    }
    for form, text in kernel.texts.items():
        counts = [{**asdict(access), "count": count} for access, count in sorted(kernel.accesses[form].items())]
        record[form] = {"accesses": counts, "text": text}
    languages = {"ptx": "ptx", "sass": "text"}
    return Listing(kernel.title, rows, [(text, languages[form]) for form, text in kernel.texts.items()], record)


def _counted(accesses: Counter[Access], operation: str) -> list[str]:
    """Such as "global 4 x 128, 4 x 32 bits", for each space; the widest first."""
    spaces: dict[str, list[str]] = {}
    for access, count in sorted(accesses.items(), reverse=True, key=lambda one: one[0].bits):
        if access.operation == operation:
            spaces.setdefault(access.space, []).append(f"{count} x {access.bits}")
    return [f"{space} {', '.join(counts)} bits" for space, counts in spaces.items()]
