"""Theoretical occupancy: how many threads of a multiprocessor a kernel's registers and shared memory leave in use."""

from dataclasses import dataclass

from .cubin import RESERVED, Resources

_WARP, _PARTITIONS = 32, 4
_REGISTERS, _REGISTER_UNIT = 65536, 256  # of a multiprocessor; the unit to which a warp's are rounded up


@dataclass(frozen=True)
class Limits:
    """The limits of a multiprocessor: resident warps, resident blocks, KiB of shared memory."""

    warps: int
    blocks: int
    shared: int


# "Technical Specifications per Compute Capability" in the appendix on compute capabilities of the CUDA programming
# guide. Granularities are those of cuda_occupancy.h, the occupancy calculator that CUDA's headers contain.
LIMITS = {
    "sm_75": Limits(32, 16, 64),
    "sm_80": Limits(64, 32, 164),
    "sm_86": Limits(48, 16, 100),
    "sm_87": Limits(48, 16, 164),
    "sm_89": Limits(48, 24, 100),
    "sm_90": Limits(64, 32, 228),
    "sm_100": Limits(64, 32, 228),
    "sm_103": Limits(64, 32, 228),
    "sm_110": Limits(48, 24, 228),
    "sm_120": Limits(48, 24, 100),
    "sm_121": Limits(48, 24, 100),
}


@dataclass(frozen=True)
class Occupancy:
    """Resident blocks and warps of a multiprocessor, the part of all that it can hold, and what sets the limit."""

    blocks: int
    warps: int
    part: float
    limited_by: str


def occupancy(taken: Resources, threads: int, arch: str) -> Occupancy:
    """The occupancy of a kernel without dynamic shared memory. threads: of a block, as it is launched.

    Raises ValueError for an architecture that is not in the table.
    """
    limits = limits_of(arch)
    turing = arch == "sm_75"
    warps = -(-threads // _WARP)
    of_warp = _rounded(taken.registers * _WARP, _REGISTER_UNIT)
    # Warps are dealt to the partitions, each of which has its own registers.
    by_registers = _REGISTERS // _PARTITIONS // of_warp * _PARTITIONS // warps
    of_block = _rounded(taken.shared_bytes + (0 if turing else RESERVED), 256 if turing else 128)
    by_shared = limits.shared * 1024 // of_block if of_block else limits.blocks
    allowed = {
        "warps": limits.warps // warps,
        "blocks": limits.blocks,
        "registers": by_registers,
        "shared memory": by_shared,
    }
    limited_by, blocks = min(allowed.items(), key=lambda one: one[1])
    return Occupancy(blocks, blocks * warps, blocks * warps / limits.warps, limited_by)


def limits_of(arch: str) -> Limits:
    """The limits of a multiprocessor of an architecture. Raises ValueError for one that is not in the table."""
    if arch not in LIMITS:
        raise ValueError(f"arch must be one of {', '.join(LIMITS)}; got {arch!r}")
    return LIMITS[arch]


def _rounded(value: int, unit: int) -> int:
    return -(-value // unit) * unit
