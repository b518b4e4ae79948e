"""How fast a rule's step is: every rule, size, type and backend, beside what the memory and plain NumPy can do.

`measured` checks a case against the reference and then times it; `fastopt bench` prints what it returns.
"""

from .cases import Case, cases
from .check import WrongResult
from .devices import device
from .run import Result, Timing, measured
from .sizes import count, counts

__all__ = ["Case", "Result", "Timing", "WrongResult", "cases", "count", "counts", "device", "measured"]
