"""Numbers of elements, as one types them: 64K, 1.5M, 64Ki, and sweeps as in 1Ki..64Mi:17."""

import re
from decimal import Decimal

_NUMBER = re.compile(r"(\d+\.?\d*(?:e\d\d?)?)([kmg]i?)?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
# More than anyone measures; a typing error would otherwise run for days.
_MOST = 1000


def count(text: str) -> int:
    """A number of elements: 1000, 1e6, 64K (64,000), 64Ki (65,536), 1.5M. Raises ValueError for anything else."""
    match = _NUMBER.fullmatch(text.strip())
    value = Decimal(match[1]) * _UNITS[(match[2] or "").lower()] if match else Decimal(0)
    if value < 1 or value != value.to_integral_value():
        raise ValueError(f"size must be a whole number of elements, as in 1000, 1e6, 64K, 64Ki or 20M; got {text!r}")
    return int(value)


def counts(text: str) -> list[int]:
    """A number of elements, as for `count`, or a sweep: first..last:how many.

    The sizes of a sweep begin and end with its ends, and their ratios are equal but for rounding to whole elements:
    1Ki..64Mi:17 has the powers of two, 1K..1M:7 two sizes a decade. Equal sizes are given once.
    Raises ValueError for anything else.
    """
    if ".." not in text:
        return [count(text)]
    ends, _, number = text.partition(":")
    first, last = map(count, ends.split("..", 1))
    if first >= last:
        raise ValueError(f"size must rise in a sweep, as in 1K..1M:7; got {text!r}")
    if not re.fullmatch(r" *\d{1,9} *", number, re.ASCII) or not 2 <= int(number) <= _MOST:
        raise ValueError(f"size must say how many in a sweep, 2 to {_MOST}, as in 1K..1M:7; got {text!r}")
    gaps = int(number) - 1
    between = [round(first * (last / first) ** (k / gaps)) for k in range(1, gaps)]
    return list(dict.fromkeys([first, *between, last]))


def short(elements: int) -> str:
    """A number of elements as one would type it: 64K for 64,000, 64Ki for 65,536."""
    for unit, size in ("G", 10**9), ("M", 10**6), ("K", 10**3), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10):
        if elements % size == 0:
            return f"{elements // size}{unit}"
    return f"{elements:,}"
